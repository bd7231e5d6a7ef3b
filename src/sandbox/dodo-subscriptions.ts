import type { Subscription, SubscriptionListResponse } from 'dodopayments/resources/subscriptions'
import type { z } from 'zod'
import { FINAL, movePayment, openPayment } from './dodo-payments.ts'
import { isChargeable, taxPercent } from './dodo-places.ts'
import { assertGatewayMinimum, type Quote, withTax } from './dodo-quote.ts'
import { DodoRefusal, notFound, refused } from './dodo-refusal.ts'
import type { SubscriptionCharge, SubscriptionUpdate } from './dodo-requests.ts'
import { BUSINESS_ID, type DodoStore, newId, type Session } from './dodo-store.ts'
import type { DodoWorld } from './dodo-world.ts'

/** The subscription that a checkout is about to start, not active before its first success. */
export function openSubscription(
  world: DodoWorld,
  session: Session,
  { quoted, customer }: { quoted: Quote; customer: Subscription['customer'] },
): Subscription | undefined {
  const item = quoted.items.find(({ product }) => product.price.type === 'recurring_price')
  if (item?.product.price.type !== 'recurring_price') return undefined

  const { price, product_id: productId } = item.product
  const existing = world.store.subscriptions.get(session.subscriptionId ?? '')
  if (existing) return existing

  const now = world.now()
  const subscription: Subscription = {
    subscription_id: newId('sub'),
    status: 'pending',
    customer,
    billing: quoted.billing,
    brand_id: BUSINESS_ID,
    product_id: productId,
    quantity: item.quantity,
    currency: quoted.currency,
    recurring_pre_tax_amount: item.net,
    tax_inclusive: price.tax_inclusive ?? false,
    on_demand: Boolean(session.request.subscription_data?.on_demand),
    metadata: session.request.metadata ?? {},
    payment_method_id: null,
    has_payment_method: false,
    next_billing_date: plus(now, price.payment_frequency_count, price.payment_frequency_interval),
    previous_billing_date: now.toISOString(),
    created_at: now.toISOString(),
    expires_at: plus(now, price.subscription_period_count, price.subscription_period_interval),
    cancel_at_next_billing_date: false,
    cancelled_at: null,
    payment_frequency_count: price.payment_frequency_count,
    payment_frequency_interval: price.payment_frequency_interval,
    subscription_period_count: price.subscription_period_count,
    subscription_period_interval: price.subscription_period_interval,
    trial_period_days: session.request.subscription_data?.trial_period_days ?? 0,
    addons: [],
    meters: [],
    credit_entitlement_cart: [],
    meter_credit_entitlement_cart: [],
  }
  world.store.subscriptions.set(subscription.subscription_id, subscription)
  session.subscriptionId = subscription.subscription_id
  return subscription
}

/** Moves a subscription to another status and announces it under that status' name. */
export function moveSubscription(
  world: Pick<DodoWorld, 'store' | 'emit' | 'now'>,
  subscriptionId: string,
  status: Exclude<Subscription['status'], 'pending'>,
): Subscription {
  const subscription = findSubscription(world.store, subscriptionId)
  if (subscription.status === status) return subscription

  subscription.status = status
  if (status === 'active') {
    subscription.has_payment_method = true
    subscription.payment_method_id ??= newId('pm')
  }
  if (status === 'cancelled') subscription.cancelled_at = world.now().toISOString()
  world.emit(`subscription.${status}`, 'Subscription', () => subscription)
  return subscription
}

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
  })
  movePayment(world, payment.payment_id, { status: 'processing' })
  const { charges, settleAfterMs } = world.behaviour
  if (charges !== 'hold') {
    later(world, settleAfterMs, { paymentId: payment.payment_id, code: charges })
  }
  return { payment_id: payment.payment_id }
}

/** Changes what a merchant may change of a subscription. */
export function updateSubscription(
  world: DodoWorld,
  subscriptionId: string,
  patch: z.infer<typeof SubscriptionUpdate>,
): Subscription {
  const subscription = findSubscription(world.store, subscriptionId)
  if (patch.status === 'paused' || patch.status === 'active')
    throw refused('UNSUPPORTED_ACTION', `an on-demand subscription cannot become ${patch.status}`)

  if (patch.metadata) subscription.metadata = patch.metadata
  const scheduled = patch.cancel_at_next_billing_date
  if (typeof scheduled === 'boolean' && scheduled !== subscription.cancel_at_next_billing_date) {
    subscription.cancel_at_next_billing_date = scheduled
    world.emit('subscription.plan_changed', 'Subscription', () => subscription)
  }
  if (patch.status === 'cancelled') moveSubscription(world, subscriptionId, 'cancelled')
  return subscription
}

/** The subscription, or Dodo's 404. */
export function findSubscription(store: DodoStore, subscriptionId: string): Subscription {
  const subscription = store.subscriptions.get(subscriptionId)
  if (!subscription) throw notFound('subscription', subscriptionId)
  return subscription
}

/** A subscription as lists show it. */
export function subscriptionListItem(subscription: Subscription): SubscriptionListResponse {
  const {
    addons: _addons,
    meters: _meters,
    brand_id: _brand,
    credit_entitlement_cart: _credits,
    meter_credit_entitlement_cart: _meterCredits,
    custom_field_responses: _fields,
    cancellation_comment: _comment,
    cancellation_feedback: _feedback,
    expires_at: _expires,
    discounts: _discounts,
    ...rest
  } = subscription
  return { ...rest, discounts: [] }
}

/** Whether money comes decides whether the mandate is good; a failure is informational only. */
export function followPayment(
  world: Pick<DodoWorld, 'store' | 'emit' | 'now'>,
  { subscription_id: id, status }: { subscription_id?: string | null; status?: string | null },
): void {
  const subscription = id ? world.store.subscriptions.get(id) : undefined
  if (!subscription || subscription.status === 'cancelled') return
  if (status === 'succeeded') moveSubscription(world, subscription.subscription_id, 'active')
  if (status === 'failed' && subscription.status === 'active')
    moveSubscription(world, subscription.subscription_id, 'on_hold')
}

function assertCanCharge({ store, now }: DodoWorld, subscription: Subscription): void {
  const { subscription_id: id, status } = subscription
  if (!subscription.on_demand) throw refused('SUBSCRIPTION_NOT_ON_DEMAND', `${id} is not on demand`)
  if (Date.parse(subscription.expires_at ?? '') <= now().getTime())
    throw refused('SUBSCRIPTION_EXPIRED', `${id} is past its period`)
  if (subscription.cancel_at_next_billing_date)
    throw refused('CHARGE_NOT_ALLOWED_FOR_SCHEDULED_CANCELLATION', `${id} is being cancelled`)
  if (status !== 'active' && status !== 'on_hold')
    throw refused('SUBSCRIPTION_INACTIVE', `${id} is ${status}`)

  const pending = [...store.payments.values()].some(
    (payment) => payment.subscription_id === id && !FINAL.has(payment.status ?? ''),
  )
  if (pending)
    throw new DodoRefusal(409, 'PREVIOUS_PAYMENT_PENDING', `${id} has a payment under way`)
}

/** Someone may have settled it by hand in the meantime. */
function later(
  world: DodoWorld,
  delayMs: number,
  { paymentId, code }: { paymentId: string; code: string },
): void {
  world.later(delayMs, () => {
    if (world.store.payments.get(paymentId)?.status !== 'processing') return
    const status = code === 'succeed' ? 'succeeded' : 'failed'
    followPayment(world, movePayment(world, paymentId, { status, code }))
  })
}

function plus(start: Date, count: number, interval: 'Day' | 'Week' | 'Month' | 'Year'): string {
  const date = new Date(start)
  if (interval === 'Day') date.setUTCDate(date.getUTCDate() + count)
  if (interval === 'Week') date.setUTCDate(date.getUTCDate() + 7 * count)
  if (interval === 'Month') date.setUTCMonth(date.getUTCMonth() + count)
  if (interval === 'Year') date.setUTCFullYear(date.getUTCFullYear() + count)
  return date.toISOString()
}
