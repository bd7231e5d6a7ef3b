import type { Payment } from 'dodopayments/resources/payments'
import type {
  Subscription,
  SubscriptionUpdatePaymentMethodResponse,
} from 'dodopayments/resources/subscriptions'
import { FINAL, findPayment, openPayment } from './payments.ts'
import { DodoRefusal, notFound, refused } from './refusal.ts'
import { findCard } from './saved-cards.ts'
import { type DodoStore, newId } from './store.ts'
import type { PaymentMethodUpdate } from './subscription-requests.ts'
import { findSubscription } from './subscriptions.ts'
import type { DodoWorld } from './world.ts'

const UPDATABLE: ReadonlySet<string> = new Set(['active', 'on_hold', 'past_due'])

/** A trial of a new card, and what the merchant is answered about it. */
type Begun = { payment: Payment; response: SubscriptionUpdatePaymentMethodResponse }

/**
 * POST /subscriptions/{id}/update-payment-method. A new card is entered on a hosted page; an existing
 * one is put in place by whoever settles the payment that is returned.
 */
export function beginCardUpdate(
  world: DodoWorld,
  subscriptionId: string,
  request: PaymentMethodUpdate,
): Begun {
  const { store, now, publicUrl, sessionLifetimeMs } = world
  const subscription = findSubscription(store, subscriptionId)
  if (!UPDATABLE.has(subscription.status))
    throw refused('SUBSCRIPTION_INACTIVE', `${subscriptionId} is ${subscription.status}`)

  const methodId = request.type === 'existing' ? request.payment_method_id : null
  if (methodId) assertRecurring(world, subscription, methodId)
  const payment = openTrial(world, subscription, methodId)
  const expiresAt = new Date(now().getTime() + sessionLifetimeMs)
  const returnUrl = request.type === 'new' ? (request.return_url ?? null) : null
  store.cardUpdates.set(payment.payment_id, { subscriptionId, expiresAt, returnUrl })
  const isNew = request.type === 'new'
  const response = {
    payment_id: payment.payment_id,
    payment_link: isNew ? `${publicUrl}/card/${payment.payment_id}` : null,
    client_secret: null,
    expires_on: isNew ? expiresAt.toISOString() : null,
  }
  return { payment, response }
}

/** Puts the card of a payment behind its mandate. A new card is a good one. */
export function putCard(world: DodoWorld, subscription: Subscription, payment: Payment): void {
  subscription.payment_method_id = payment.payment_method_id ?? null
  subscription.has_payment_method = true
  Reflect.deleteProperty(world.behaviour.chargesOf, subscription.subscription_id)
  world.emit('subscription.update_payment_method', 'Subscription', () => subscription)
}

/** The link to a page for a new card, as long as it works. */
export function findCardUpdate(
  { store, now }: Pick<DodoWorld, 'store' | 'now'>,
  paymentId: string,
) {
  const update = store.cardUpdates.get(paymentId)
  if (!update) throw notFound('payment link', paymentId)
  const payment = findPayment(store, paymentId)
  if (FINAL.has(payment.status ?? ''))
    throw new DodoRefusal(409, 'CHECKOUT_SESSION_CONSUMED', `${paymentId} is ${payment.status}`)
  if (now() >= update.expiresAt)
    throw new DodoRefusal(410, 'CHECKOUT_SESSION_EXPIRED', `the link of ${paymentId} expired`)
  return { update, payment }
}

function assertRecurring(world: DodoWorld, subscription: Subscription, methodId: string): void {
  const customerId = subscription.customer.customer_id
  if (findCard(world, { customerId, methodId }).recurring_enabled) return
  throw refused(
    'UNSUPPORTED_ACTION',
    `payment method ${methodId} cannot be charged again and again`,
  )
}

/** A payment of nothing, or of what a mandate on hold still owes. It bears the mandate's metadata. */
function openTrial(world: DodoWorld, subscription: Subscription, methodId: string | null): Payment {
  const { subscription_id: subscriptionId, product_id: productId } = subscription
  const isOwing = world.behaviour.newCardPaysDues && subscription.status === 'on_hold'
  const owed = isOwing ? lastFailed(world.store, subscriptionId) : undefined
  const { total_amount: total = 0, tax = 0, currency = subscription.currency } = owed ?? {}
  const line = { itemId: newId('itm'), productId, name: 'Dues', amount: total, tax: tax ?? 0 }
  const payment = openPayment(world, {
    customer: subscription.customer,
    billing: subscription.billing,
    currency,
    total,
    tax: tax ?? 0,
    metadata: subscription.metadata,
    lines: total > 0 ? [line] : [],
    subscriptionId,
    productCart: null,
    methodId,
    isCardUpdate: total === 0,
  })
  payment.status = 'requires_payment_method'
  return payment
}

function lastFailed(store: DodoStore, subscriptionId: string): Payment | undefined {
  return [...store.payments.values()].findLast(
    (payment) => payment.subscription_id === subscriptionId && payment.status === 'failed',
  )
}
