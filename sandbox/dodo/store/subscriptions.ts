import type { Subscription, SubscriptionListResponse } from 'dodopayments/resources/subscriptions'
import type { Quote } from './quote.ts'
import { notFound, refused } from './refusal.ts'
import { saveCard } from './saved-cards.ts'
import { BUSINESS_ID, type DodoStore, newId, type Session } from './store.ts'
import type { DodoWorld } from './world.ts'

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

/** A subscription that has ended, or never began, stays so. */
export function isOver({ status }: Pick<Subscription, 'status'>): boolean {
  return status === 'cancelled' || status === 'expired' || status === 'failed'
}

/** Moves a subscription to another status and announces it under that status' name. */
export function moveSubscription(
  world: Pick<DodoWorld, 'store' | 'emit' | 'now'>,
  subscriptionId: string,
  status: Exclude<Subscription['status'], 'pending'>,
): Subscription {
  const subscription = findSubscription(world.store, subscriptionId)
  if (subscription.status === status) return subscription
  if (isOver(subscription))
    throw refused('UNSUPPORTED_ACTION', `${subscriptionId} is ${subscription.status}`)

  const before = subscription.status
  subscription.status = status
  const at = world.now().toISOString()
  if (status === 'active') {
    subscription.has_payment_method = true
    subscription.payment_method_id ??= saveCard(world, subscription).payment_method_id
  }
  if (status === 'cancelled') subscription.cancelled_at = at
  subscription.paused_at = status === 'paused' ? at : null
  const event = before === 'paused' && status === 'active' ? 'unpaused' : status
  world.emit(`subscription.${event}`, 'Subscription', () => subscription)
  return subscription
}

/** The day of billing: an on-demand subscription only ends, if that was asked for. */
export function passBillingDate(
  world: Pick<DodoWorld, 'store' | 'emit' | 'now'>,
  subscriptionId: string,
): Subscription {
  const subscription = findSubscription(world.store, subscriptionId)
  if (subscription.cancel_at_next_billing_date)
    return moveSubscription(world, subscriptionId, 'cancelled')

  const { payment_frequency_count: count, payment_frequency_interval: interval } = subscription
  const date = subscription.next_billing_date
  subscription.previous_billing_date = date
  subscription.next_billing_date = plus(new Date(date), count, interval)
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

/** A moment some periods later. */
export function plus(
  start: Date,
  count: number,
  interval: 'Day' | 'Week' | 'Month' | 'Year',
): string {
  const date = new Date(start)
  if (interval === 'Day') date.setUTCDate(date.getUTCDate() + count)
  if (interval === 'Week') date.setUTCDate(date.getUTCDate() + 7 * count)
  if (interval === 'Month') date.setUTCMonth(date.getUTCMonth() + count)
  if (interval === 'Year') date.setUTCFullYear(date.getUTCFullYear() + count)
  return date.toISOString()
}
