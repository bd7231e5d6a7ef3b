import { z } from 'zod'
import { findIntegration } from './integrations.ts'
import { HighlevelRefusal } from './refusal.ts'
import type { Keys, Subscription, Transaction } from './records.ts'
import type { HighlevelWorld } from './world.ts'

const ChargeSnapshot = z.looseObject({
  id: z.string().optional(),
  status: z.enum(['succeeded', 'failed', 'pending', 'processing']),
  amount: z.number(),
  chargeId: z.string(),
  chargedAt: z.int(),
})
const SubscriptionSnapshot = z.looseObject({
  id: z.string(),
  status: z.string(),
  trialEnd: z.number().optional(),
  createdAt: z.int(),
  nextCharge: z.number().optional(),
})
const Verified = z.looseObject({
  success: z.boolean().optional(),
  failed: z.boolean().optional(),
  chargeSnapshot: ChargeSnapshot.optional(),
  subscriptionStatus: z.enum(['active', 'trialing']).optional(),
  subscriptionSnapshot: SubscriptionSnapshot.optional(),
})
const Refunded = z.union([
  z.looseObject({
    success: z.literal(true),
    id: z.string(),
    amount: z.number(),
    currency: z.string(),
  }),
  z.looseObject({ success: z.literal(false), message: z.string() }),
])
const Methods = z.array(
  z.looseObject({
    id: z.string(),
    type: z.string(),
    title: z.string().max(20),
    subTitle: z.string().max(20),
    expiry: z.string().regex(/^\d\d\/\d\d$/),
    customerId: z.string(),
    imageUrl: z.string(),
  }),
)
const Charged = z.looseObject({
  success: z.boolean(),
  failed: z.boolean(),
  chargeId: z.string(),
  message: z.string(),
  chargeSnapshot: ChargeSnapshot,
})
const Subscribed = z.looseObject({
  success: z.boolean(),
  failed: z.boolean(),
  message: z.string(),
  transaction: z.looseObject({ chargeId: z.string(), chargeSnapshot: ChargeSnapshot }).optional(),
  subscription: z
    .looseObject({ subscriptionId: z.string(), subscriptionSnapshot: SubscriptionSnapshot })
    .optional(),
})
const Cancelled = z.looseObject({ status: z.literal('canceled') })

/** The keys of one mode, or what the platform says when the mode is not connected. */
export function keysOf(
  { store }: HighlevelWorld,
  { locationId, liveMode }: { locationId: string; liveMode: boolean },
): Keys {
  const keys = findIntegration(store, locationId).keys[liveMode ? 'live' : 'test']
  if (!keys) throw new HighlevelRefusal(400, 'The payment provider is not connected for this mode')
  return keys
}

async function ask<Shape extends z.ZodType>(
  world: HighlevelWorld,
  about: { locationId: string; liveMode: boolean },
  shape: Shape,
  body: Record<string, unknown>,
): Promise<z.infer<Shape>> {
  const { queryUrl } = findIntegration(world.store, about.locationId)
  const { apiKey } = keysOf(world, about)
  return shape.parse(await world.query(queryUrl, { ...body, apiKey }))
}

/**
 * The server asks whether a charge was paid. The answer, and not any event, sets the status of transaction, order
 * and subscription. Throws when it is of another shape, or tells another amount than the transaction's.
 */
export async function verify(
  world: HighlevelWorld,
  transaction: Transaction,
  chargeId: string,
): Promise<'succeeded' | 'failed' | 'pending'> {
  const { store, now } = world
  const answer = await ask(world, transaction, Verified, {
    type: 'verify',
    transactionId: transaction._id,
    chargeId,
    subscriptionId: transaction.subscriptionId ?? '',
  })
  const { chargeSnapshot: snapshot } = answer
  if (answer.success && snapshot) assertAmount(world, transaction, snapshot.amount)
  if (!answer.success) {
    if (answer.failed) transaction.status = 'failed'
    return answer.failed ? 'failed' : 'pending'
  }
  settle(world, transaction, { chargeId, snapshot: snapshot ?? null })
  const subscription = store.subscriptions.get(transaction.subscriptionId ?? '')
  if (subscription) {
    // Without both the subscription stays incomplete, although it is paid.
    const isTold = answer.subscriptionStatus && answer.subscriptionSnapshot
    if (isTold) subscription.status = answer.subscriptionStatus ?? subscription.status
    subscription.subscriptionSnapshot = answer.subscriptionSnapshot ?? null
  }
  transaction.updatedAt = now().toISOString()
  return 'succeeded'
}

/** Marks the transaction and its order as paid. */
export function settle(
  { store, now }: HighlevelWorld,
  transaction: Transaction,
  { chargeId, snapshot }: { chargeId: string; snapshot: unknown },
) {
  Object.assign(transaction, {
    status: 'succeeded',
    chargeId,
    chargeSnapshot: snapshot,
    updatedAt: now().toISOString(),
  })
  const order = store.orders.get(transaction.orderId)
  if (order) order.status = 'completed'
}

/** On decimal text: a product of floating numbers is not the amount. */
export function toHundredths(amount: number): number {
  const [whole = '0', fraction = ''] = String(amount).split('.')
  return Number(`${whole}${fraction.padEnd(2, '0').slice(0, 2)}`)
}

/** What the platform would show as paid must be what it asked for. */
export function assertAmount({ behaviour }: HighlevelWorld, { amount }: Transaction, told: number) {
  const expected = behaviour.verifyUnit === 'hundredths' ? toHundredths(amount) : amount
  if (told === expected) return
  throw new Error(`chargeSnapshot.amount is ${told}, and the transaction is of ${expected}`)
}

/** Somebody presses *Refund*. There is no id of the request: two equal ones cannot be told from a repeat. */
export async function refund(world: HighlevelWorld, transaction: Transaction, amount: number) {
  if (amount > transaction.amount - transaction.amountRefunded)
    throw new HighlevelRefusal(422, 'Refund amount cannot exceed the transaction amount')
  const { queryUrl } = findIntegration(world.store, transaction.locationId)
  const { apiKey } = keysOf(world, transaction)
  const charge = { chargeId: transaction.chargeId, apiKey }
  const body = {
    type: 'refund',
    amount,
    transactionId: transaction._id,
    ...(world.behaviour.refundNamesCharge && charge),
  }
  const answer = Refunded.parse(await world.query(queryUrl, body))
  if (answer.success) transaction.amountRefunded += amount
  return answer
}

type Contact = { locationId: string; contactId: string; liveMode: boolean }

export const listPaymentMethods = (world: HighlevelWorld, contact: Contact) =>
  ask(world, contact, Methods, {
    type: 'list_payment_methods',
    locationId: contact.locationId,
    contactId: contact.contactId,
  })

/** A charge without the buyer: of an invoice that is due, or in a funnel's next step. */
export async function chargePayment(
  world: HighlevelWorld,
  transaction: Transaction,
  paymentMethodId: string,
) {
  const answer = await ask(world, transaction, Charged, {
    type: 'charge_payment',
    paymentMethodId,
    contactId: transaction.contactId,
    transactionId: transaction._id,
    chargeDescription: 'Demo charge',
    amount: transaction.amount,
    currency: transaction.currency,
  })
  const { chargeId, chargeSnapshot } = answer
  if (answer.success) settle(world, transaction, { chargeId, snapshot: chargeSnapshot })
  else if (answer.failed) transaction.status = 'failed'
  return answer
}

/** A subscription with a saved card. */
export async function createSubscription(
  world: HighlevelWorld,
  transaction: Transaction,
  asked: { paymentMethodId: string; startDate: string; isSchedule?: boolean },
) {
  const { store, behaviour } = world
  const subscription = store.subscriptions.get(transaction.subscriptionId ?? '')
  if (!subscription) throw new HighlevelRefusal(400, 'Subscription not found')
  const answer = await ask(world, transaction, Subscribed, {
    type: 'create_subscription',
    locationId: transaction.locationId,
    contactId: transaction.contactId,
    ...asked,
    subscriptionId: subscription._id,
    transactionId: transaction._id,
    currency: transaction.currency,
    amount: transaction.amount,
    recurringAmount: subscription.amount.toFixed(2),
    productDetails: productDetails(world, subscription, behaviour.sendsRecurringData),
  })
  const told = answer.subscription?.subscriptionSnapshot
  if (answer.success && told) {
    Object.assign(subscription, { status: told.status, subscriptionSnapshot: told })
  }
  const { transaction: paid } = answer
  if (answer.success && paid)
    settle(world, transaction, { chargeId: paid.chargeId, snapshot: paid.chargeSnapshot })
  return answer
}

/** Anything but the one word is shown as a 422, and the subscription goes on. */
export async function cancelSubscription(world: HighlevelWorld, subscription: Subscription) {
  const { queryUrl } = findIntegration(world.store, subscription.locationId)
  const { apiKey } = keysOf(world, subscription)
  const body = { type: 'cancel_subscription', subscriptionId: subscription._id, apiKey }
  const answer = Cancelled.safeParse(await world.query(queryUrl, body))
  if (!answer.success) throw new HighlevelRefusal(422, 'Subscription could not be cancelled')
  subscription.status = 'canceled'
  subscription.canceledAt = world.now().toISOString()
  return answer.data
}

/** What is bought, as props and requests carry it; its amounts have no certain unit. */
export function productDetails(
  { store }: HighlevelWorld,
  { priceId }: { priceId: string },
  withRecurring: boolean,
) {
  const price = store.prices.get(priceId)
  if (!price) return []
  const { _id, name, product: productId, currency, amount, recurring } = price
  const recurringData = recurring && {
    recurring,
    trialPeriod: price.trialPeriod ?? 0,
    totalCycles: price.totalCycles ?? 0,
  }
  const shown = {
    _id,
    name,
    type: recurring ? 'recurring' : 'onetime',
    currency: currency.toLowerCase(),
    amount,
    ...(withRecurring && recurringData),
  }
  return [
    {
      _id: productId,
      name,
      qty: 1,
      productId,
      priceId,
      isTaxesEnabled: false,
      taxes: [],
      prices: [shown],
    },
  ]
}
