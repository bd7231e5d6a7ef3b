import type { GetDispute } from 'dodopayments/resources/disputes'
import type { Payment } from 'dodopayments/resources/payments'
import type { Refund } from 'dodopayments/resources/refunds'
import type { Subscription } from 'dodopayments/resources/subscriptions'
import type { WebhookEventType } from 'dodopayments/resources/webhook-events'
import type { DodoStore } from './store.ts'

/** What banks may do with a refund; `hold` and `review` leave it until someone settles it. */
export const REFUND_OUTCOMES = ['succeed', 'fail', 'hold', 'review'] as const

/**
 * What becomes of a charge on a mandate, beside a decline code: `hold` leaves it `processing` until
 * someone settles it, `lost` takes the money although the answer never arrives.
 */
export const CHARGE_OUTCOMES = ['succeed', 'hold', 'lost'] as const

/** What the world outside decides about money that Dodo has been asked to move, and what nobody knows. */
export type Behaviour = {
  refunds: (typeof REFUND_OUTCOMES)[number]
  /** What happens to charges on a mandate: one of `CHARGE_OUTCOMES`, or a decline code. */
  charges: string
  /** The same for the card behind one mandate, by subscription id; a new card is a good one. */
  chargesOf: Record<string, string>
  /** Whether a charge that is declined is refused at once instead of failing later. */
  declinesAtOnce: boolean
  /** Whether a declined card ends the checkout session; it is not known that it does. */
  declineConsumesSession: boolean
  /** Whether a checkout that nobody has paid in is in the list of payments, as `requires_payment_method`. */
  openSessionsAreListed: boolean
  /** Whether a declined charge puts the mandate on hold. */
  declineHoldsMandate: boolean
  /** Whether a mandate on hold can be charged again; the sources disagree. */
  onHoldIsChargeable: boolean
  /** How many charges in a row may fail before Dodo takes no more. */
  maxFailedCharges: number
  /** Whether a new card on a mandate on hold pays the last failed charge; it is not known. */
  newCardPaysDues: boolean
  /** Whether saving a card alone leaves a payment of 0; it is not known. */
  mandateMakesPayment: boolean
  /** A setting of the business: a customer has one subscription at most. */
  oneSubscriptionPerCustomer: boolean
  /** Whether the payment method can give back a part. */
  partialRefunds: boolean
  refundWindowDays: number
  /** How long refunds and charges take. */
  settleAfterMs: number
}

const SETTLE_AFTER_MS = 20

/** A world in which all goes well. */
export const GOOD_DAY: Behaviour = {
  refunds: 'succeed',
  charges: 'succeed',
  chargesOf: {},
  declinesAtOnce: false,
  declineConsumesSession: false,
  openSessionsAreListed: false,
  declineHoldsMandate: true,
  onHoldIsChargeable: true,
  maxFailedCharges: 10,
  newCardPaysDues: false,
  mandateMakesPayment: false,
  oneSubscriptionPerCustomer: false,
  partialRefunds: true,
  refundWindowDays: 30,
  settleAfterMs: SETTLE_AFTER_MS,
}

type Payloads = {
  Payment: Payment
  Refund: Refund
  Dispute: GetDispute
  Subscription: Subscription
}

/** Says that something happened; `read` gives the object as it will be when the message leaves. */
export type Emit = <Name extends keyof Payloads>(
  type: WebhookEventType,
  payloadType: Name,
  read: () => Payloads[Name],
) => void

/** Everything that the parts of the sandbox Dodo share. */
export type DodoWorld = {
  store: DodoStore
  emit: Emit
  now: () => Date
  publicUrl: string
  sessionLifetimeMs: number
  behaviour: Behaviour
  later: (delayMs: number, act: () => void) => void
}
