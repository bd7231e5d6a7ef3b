import type { Payment } from 'dodopayments/resources/payments'
import type {
  Subscription,
  SubscriptionUpdatePaymentMethodResponse,
} from 'dodopayments/resources/subscriptions'
import { beginCardUpdate, findCardUpdate, putCard } from './card-updates.ts'
import { FINAL, movePayment, openPayment } from './payments.ts'
import { isChargeable, taxPercent } from './places.ts'
import { assertGatewayMinimum, withTax } from './quote.ts'
import { DodoRefusal, refused } from './refusal.ts'
import { newId } from './store.ts'
import type { PaymentMethodUpdate, SubscriptionCharge } from './subscription-requests.ts'
import { findSubscription, isOver, moveSubscription } from './subscriptions.ts'
import { CHARGE_OUTCOMES, type DodoWorld } from './world.ts'

/** What the customer's bank makes of a card that is tried. */
export type Trial = { outcome?: 'succeeded' | 'failed' | undefined; code?: string | undefined }

/** Takes money on a mandate: 200 means accepted, and the outcome comes as an event. */
export function chargeSubscription(
  world: DodoWorld,
  subscriptionId: string,
  request: SubscriptionCharge,
): { payment_id: string } {
  const subscription = findSubscription(world.store, subscriptionId)
  const currency = request.product_currency ?? subscription.currency
  if (!isChargeable(currency)) throw refused('UNSUPPORTED_CURRENCY', `currency ${currency}`)
  assertCanCharge(world, subscription)

  const percent = taxPercent(subscription.billing.country)
  const { total, tax } = withTax(request.product_price, percent, subscription.tax_inclusive)
  assertGatewayMinimum(total, currency)

  const name = request.product_description ?? 'On-demand charge'
  const productId = subscription.product_id
  const payment = openPayment(world, {
    customer: subscription.customer,
    billing: subscription.billing,
    currency,
    total,
    tax,
    metadata: request.metadata ?? subscription.metadata,
    lines: [{ itemId: newId('itm'), productId, name, amount: total, tax }],
    subscriptionId,
    productCart: null,
    methodId: subscription.payment_method_id ?? null,
  })
  letItRun(world, payment, chargeOutcome(world, subscriptionId))
  return { payment_id: payment.payment_id }
}

/** How the next charge on a mandate will end. */
export function chargeOutcome({ behaviour }: DodoWorld, subscriptionId: string): string {
  return behaviour.chargesOf[subscriptionId] ?? behaviour.charges
}

/** Whether money comes decides whether the mandate is good. */
export function followPayment(world: DodoWorld, payment: Payment): void {
  const subscription = world.store.subscriptions.get(payment.subscription_id ?? '')
  if (!subscription || isOver(subscription)) return

  const { subscription_id: id, status } = subscription
  const isCardUpdate = world.store.cardUpdates.has(payment.payment_id)
  if (payment.status === 'succeeded') {
    subscription.payment_method_id ??= payment.payment_method_id ?? null
    if (isCardUpdate) putCard(world, subscription, payment)
    moveSubscription(world, id, 'active')
  }
  const mayHold = status === 'active' && !isCardUpdate && world.behaviour.declineHoldsMandate
  if (payment.status === 'failed' && mayHold) moveSubscription(world, id, 'on_hold')
}

/** POST /subscriptions/{id}/update-payment-method: a card already saved is good at once. */
export function updatePaymentMethod(
  world: DodoWorld,
  subscriptionId: string,
  request: PaymentMethodUpdate,
): SubscriptionUpdatePaymentMethodResponse {
  const { payment, response } = beginCardUpdate(world, subscriptionId, request)
  if (request.type === 'existing') tryCard(world, payment.payment_id)
  return response
}

/** The customer enters a card behind the link of an update. */
export function tryCard(
  world: DodoWorld,
  paymentId: string,
  { outcome = 'succeeded', code }: Trial = {},
): Payment {
  const { payment } = findCardUpdate(world, paymentId)
  movePayment(world, paymentId, { status: outcome, code })
  followPayment(world, payment)
  return payment
}

/** The customer opens the portal and enters another card for a mandate. */
export function replaceCard(world: DodoWorld, subscriptionId: string, trial?: Trial): Payment {
  const { payment } = beginCardUpdate(world, subscriptionId, { type: 'new' })
  return tryCard(world, payment.payment_id, trial)
}

/** What happens to an accepted charge, now and later. */
function letItRun(world: DodoWorld, { payment_id: paymentId }: Payment, outcome: string): void {
  const code = CHARGE_OUTCOMES.some((known) => known === outcome) ? undefined : outcome
  if (code && world.behaviour.declinesAtOnce) {
    followPayment(world, movePayment(world, paymentId, { status: 'failed', code }))
    throw refused(code, `the charge was declined (${code})`)
  }
  movePayment(world, paymentId, { status: 'processing' })
  if (outcome === 'hold') return

  world.later(world.behaviour.settleAfterMs, () => {
    // Someone may have settled it by hand in the meantime.
    if (world.store.payments.get(paymentId)?.status !== 'processing') return
    const status = code ? 'failed' : 'succeeded'
    followPayment(world, movePayment(world, paymentId, { status, code }))
  })
}

function assertCanCharge(world: DodoWorld, subscription: Subscription): void {
  const { subscription_id: id, status, expires_at: expiresAt } = subscription
  const { maxFailedCharges, onHoldIsChargeable } = world.behaviour
  if (!subscription.on_demand) throw refused('SUBSCRIPTION_NOT_ON_DEMAND', `${id} is not on demand`)
  if (status === 'expired' || Date.parse(expiresAt ?? '') <= world.now().getTime())
    throw refused('SUBSCRIPTION_EXPIRED', `${id} is past its period`)
  if (status !== 'active' && !(status === 'on_hold' && onHoldIsChargeable))
    throw refused('SUBSCRIPTION_INACTIVE', `${id} is ${status}`)
  if (subscription.cancel_at_next_billing_date)
    throw refused('CHARGE_NOT_ALLOWED_FOR_SCHEDULED_CANCELLATION', `${id} is being cancelled`)

  const payments = chargesOf(world, id)
  if (payments.some((payment) => !FINAL.has(payment.status ?? '')))
    throw new DodoRefusal(409, 'PREVIOUS_PAYMENT_PENDING', `${id} has a payment under way`)
  const lastGood = payments.findLastIndex((payment) => payment.status === 'succeeded')
  const failed = payments.slice(lastGood + 1).filter((payment) => payment.status === 'failed')
  if (failed.length >= maxFailedCharges)
    throw refused(
      'SUBSCRIPTION_PAYMENT_RETRY_LIMIT_EXCEEDED',
      `${id} failed ${failed.length} times`,
    )
}

/** A link for a new card that nobody opened keeps no charge from being made. */
function chargesOf({ store }: DodoWorld, subscriptionId: string): Payment[] {
  return [...store.payments.values()].filter((payment) => {
    const isUnused = payment.status === 'requires_payment_method'
    return payment.subscription_id === subscriptionId && !isUnused
  })
}
