import type { WebhookEventType } from 'dodopayments/resources/webhook-events'

/**
 * The events of Dodo that the bridge acts on: `setup` asks for exactly these, and `doctor` misses them. What is about
 * subscriptions is asked for whatever `COLLECTION` says, so that changing it needs no other endpoint.
 */
const ACTED_ON = [
  'payment.succeeded',
  'payment.failed',
  'payment.processing',
  'payment.cancelled',
  'refund.succeeded',
  'refund.failed',
  'dispute.opened',
  'dispute.expired',
  'dispute.accepted',
  'dispute.cancelled',
  'dispute.challenged',
  'dispute.won',
  'dispute.lost',
  'subscription.active',
  'subscription.renewed',
  'subscription.on_hold',
  'subscription.past_due',
  'subscription.paused',
  'subscription.unpaused',
  'subscription.cancelled',
  'subscription.failed',
  'subscription.expired',
  'subscription.plan_changed',
  'subscription.updated',
  'subscription.update_payment_method',
  'abandoned_checkout.recovered',
] as const satisfies readonly WebhookEventType[]

/** They change nothing, and prove that Dodo pursues subscriptions by itself: `doctor` looks for them. */
export const DUNNING_EVENTS = [
  'dunning.started',
  'dunning.recovered',
] as const satisfies readonly WebhookEventType[]

/** All that Dodo's endpoint listens for. */
export const DODO_EVENTS: readonly string[] = [...ACTED_ON, ...DUNNING_EVENTS]
