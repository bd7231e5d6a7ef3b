import type { Subscription } from 'dodopayments/resources/subscriptions'
import { isServed } from './places.ts'
import { DodoRefusal, refused } from './refusal.ts'
import { assertPatch, type SubscriptionUpdate } from './subscription-requests.ts'
import { findSubscription, isOver, moveSubscription, plus } from './subscriptions.ts'
import type { DodoWorld } from './world.ts'

/** PATCH /subscriptions/{id}: changes what a merchant may change of a subscription. */
export function updateSubscription(
  world: DodoWorld,
  subscriptionId: string,
  patch: SubscriptionUpdate,
): Subscription {
  const subscription = findSubscription(world.store, subscriptionId)
  assertPatch(patch)
  assertPossible(world, subscription, patch)
  if (patch.status === 'paused' || patch.status === 'active')
    return moveSubscription(world, subscriptionId, patch.status)

  if (assignFields(subscription, patch))
    world.emit('subscription.updated', 'Subscription', () => subscription)
  const scheduled = patch.cancel_at_next_billing_date
  if (typeof scheduled === 'boolean') scheduleCancellation(world, subscription, scheduled)
  if (patch.status === 'cancelled') moveSubscription(world, subscriptionId, 'cancelled')
  return subscription
}

/** The subscription shall end with its period, or shall not any more; both are a change of plan. */
export function scheduleCancellation(
  world: Pick<DodoWorld, 'emit'>,
  subscription: Subscription,
  scheduled: boolean,
): void {
  if (subscription.cancel_at_next_billing_date === scheduled) return
  subscription.cancel_at_next_billing_date = scheduled
  world.emit('subscription.plan_changed', 'Subscription', () => subscription)
}

function assertPossible(
  { now }: DodoWorld,
  subscription: Subscription,
  patch: SubscriptionUpdate,
): void {
  const { subscription_id: id, status } = subscription
  const wanted = patch.status
  const endsIt = wanted === 'cancelled' || typeof patch.cancel_at_next_billing_date === 'boolean'
  if (isOver(subscription) && (wanted || endsIt) && wanted !== status)
    throw refused('UNSUPPORTED_ACTION', `${id} is ${status}`)
  if (wanted === 'paused' && status !== 'active' && status !== 'paused')
    throw refused('UNSUPPORTED_ACTION', `${id} is ${status} and cannot be paused`)
  if (wanted === 'active' && status !== 'paused' && status !== 'active')
    throw refused('UNSUPPORTED_ACTION', `${id} is ${status} and cannot be resumed`)
  if ((patch.cancellation_comment || patch.cancellation_feedback) && !endsIt)
    throw invalidBody('cancellation_comment and cancellation_feedback need a cancellation')
  const billedAt = patch.disable_on_demand?.next_billing_date ?? patch.next_billing_date
  if (billedAt && Date.parse(billedAt) <= now().getTime())
    throw invalidBody('next_billing_date must be in the future')
  if (Date.parse(periodEnd(subscription, patch)) < Date.parse(periodEnd(subscription, {})))
    throw invalidBody('the subscription period can only be extended')
}

/** Whether anything but the status was changed. */
function assignFields(subscription: Subscription, patch: SubscriptionUpdate): boolean {
  const { billing, customer_business_name: business, disable_on_demand: disabled } = patch
  const { metadata, tax_id: taxId, subscription_period_count: count } = patch
  const billedAt = disabled?.next_billing_date ?? patch.next_billing_date
  const changes: Partial<Subscription> = {
    ...(billing && { billing: addressOf(billing) }),
    ...(business !== undefined && { customer_business_name: business }),
    ...(disabled && { on_demand: false }),
    ...(metadata && { metadata }),
    ...(taxId !== undefined && { tax_id: taxId }),
    ...(billedAt && { next_billing_date: billedAt }),
    ...(count && {
      expires_at: periodEnd(subscription, patch),
      subscription_period_count: count,
      subscription_period_interval:
        patch.subscription_period_interval ?? subscription.subscription_period_interval,
    }),
  }
  Object.assign(subscription, changes)
  return Object.keys(changes).length > 0
}

function addressOf({ country, ...rest }: NonNullable<SubscriptionUpdate['billing']>) {
  if (!isServed(country)) throw refused('UNSUPPORTED_COUNTRY', `country ${country} is not served`)
  const { city = null, state = null, street = null, zipcode = null } = rest
  return { country, city, state, street, zipcode }
}

function periodEnd(
  subscription: Subscription,
  patch: Pick<SubscriptionUpdate, 'subscription_period_count' | 'subscription_period_interval'>,
): string {
  const count = patch.subscription_period_count ?? subscription.subscription_period_count
  const interval = patch.subscription_period_interval ?? subscription.subscription_period_interval
  return plus(new Date(subscription.created_at), count, interval)
}

function invalidBody(message: string): DodoRefusal {
  return new DodoRefusal(422, 'INVALID_REQUEST_BODY', message)
}
