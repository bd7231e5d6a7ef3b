/** What of an amount is asked for on whose behalf, in the books' minor units. */
export type Share = { receivableId: string; amount: number }

export type AttemptStatus =
  | 'intended'
  | 'live'
  | 'unknown'
  | 'paid'
  | 'declined'
  | 'expired'
  | 'superseded'

export type Attempt = {
  id: string
  /** Whose attempt it is: the receivable's own, or of one that asks for it together with others. */
  receivableId: string
  number: number
  /** A checkout, one that also saves a mandate, or a charge on a mandate. */
  kind: 'checkout' | 'mandate' | 'charge'
  cause: 'invoice' | 'retry' | 'customer' | 'merchant' | 'mandate'
  retryIndex: number
  status: AttemptStatus
  currency: string
  /** All that is asked for, in the books' minor units. */
  amount: number
  /** The part of it that is for this receivable. */
  share: number
  /** What of it is for whom, the oldest first. */
  shares: readonly Share[]
  dodoSessionId: string | null
  dodoSubscriptionId: string | null
  /** The payment that a charge became, as Dodo answered. */
  dodoPaymentId: string | null
  handedOutAt: Date | null
  declineCode: string | null
  startedAt: Date
  expiresAt: Date | null
  lookedAt: Date | null
  /** When a look at its session last found that nobody had paid, nor was about to. */
  unpaidAt: Date | null
  /** Before this a charge must not be made again: the last one may still take effect. */
  repeatableAt: Date | null
  endedAt: Date | null
}

export type Refund = {
  dodoRefundId: string
  status: string
  currency: string | null
  /** Dodo's minor units. */
  amount: number | null
  madeAt: Date
}

export type Dispute = {
  dodoDisputeId: string
  status: string
  stage: string
  isByRdr: boolean
  /** As Dodo says; null where it does not. */
  openedAt?: Date | null
  observedAt?: Date
}

/** What of a payment is for one receivable; amounts are Dodo's minor units. */
export type Part = {
  receivableId: string
  /** What was asked for on its behalf. */
  share: number
  /** What the books hold of it, or will; the rest is nobody's and goes back or is held. */
  taken: number
  /** Whether that is certain: recorded in the books, or held. */
  isSettled: boolean
}

export type Payment = {
  dodoPaymentId: string
  attemptId: string | null
  status: string
  currency: string
  /** Dodo's minor units. */
  amount: number
  isSetup: boolean
  errorCode: string | null
  madeAt: Date
  changedAt: Date
  observedAt: Date
  /** Whether Dodo's API has said so itself, and not only a webhook. */
  isConfirmed: boolean
  /** Since when Dodo's API does not know it, although a webhook told of it. */
  missingSince: Date | null
  /** What Dodo settled it as, in Dodo's minor units. */
  settlementAmount: number | null
  settlementCurrency: string | null
  refunds: readonly Refund[]
  disputes: readonly Dispute[]
  /** The receivables that it is for, the oldest first. */
  parts: readonly Part[]
  /** The refunds of it that we asked for, on behalf of any receivable. */
  orders: readonly RefundOrder[]
  /** What of its refunds is credited in the books, or is being credited, for any receivable. */
  credited: readonly Credited[]
}

/** What of a refund a credit note in the books stands for, in Dodo's minor units. */
export type Credited = { dodoRefundId: string; receivableId: string; amount: number }

/** A refund that we ask Dodo for. */
export type RefundOrder = {
  id: string
  dodoPaymentId: string
  receivableId: string
  /** The merchant's credit note that it carries out; null when it gives back what nobody takes. */
  creditNoteId: string | null
  cause: string
  /** `waiting`: Dodo cannot do it now, did nothing, and is asked anew at `repeatableAt`. */
  status: 'intended' | 'unknown' | 'waiting' | 'accepted' | 'refused'
  /** Dodo's minor units. */
  amount: number
  dodoRefundId: string | null
  reason: string | null
  repeatableAt: Date
  orderedAt?: Date
}

/** A document of the books that wants money given back. */
export type CreditNote = {
  creditNoteId: string
  number: string | null
  /** The books' minor units. */
  amount: number
  refundStatus: string
  /** Why it could not be carried out. */
  reason: string | null
}

/** A customer's standing permission to be charged. */
export type Mandate = {
  dodoSubscriptionId: string
  currency: string
  status: string
  isEnding: boolean
  refusal: string | null
  renewedAt: Date
}

export type Disposition = 'applied' | 'duplicate' | 'mismatch' | 'late'

export type Recording = {
  dodoPaymentId: string
  disposition: Disposition
  status: 'intended' | 'unknown' | 'recorded' | 'held'
  through: 'payment' | 'status' | null
  booksPaymentId: string | null
  /** The books' minor units. */
  amount: number
  reason: string | null
  repeatableAt: Date
  /** When the books were last searched for it, or for other money that proves it to be too much. */
  lookedAt: Date | null
  /** What the books count that cannot be this payment, in the books' minor units, as last looked. */
  elsewhere: number
  /** What a person decided about what of it no receivable takes, and when; absent or null while nobody did. */
  ruling?: 'give_back' | 'accepted' | null
  ruledAt?: Date | null
  /** The most that this is about, in Dodo's minor units. */
  ruledAmount?: number | null
}

export type Credit = {
  dodoRefundId: string
  /** A refund may have several notes, if the part of it turned out to be greater. */
  sequence: number
  status: 'intended' | 'unknown' | 'credited' | 'impossible' | 'reversed' | 'settled'
  /** What of the refund it stands for, in the books' minor units. */
  amount: number
  /** False when only what the books made of it is known, which their rounding may have put a unit off. */
  isExact: boolean
  creditNoteId: string | null
  reason: string | null
  repeatableAt: Date
  /** When the books were told that the money has arrived; null while that is still owed. */
  toldAt: Date | null
  /** Only a premium licence was wanting. */
  needsLicense: boolean
}

/** Everything we know of one receivable's money, as it is in the database. */
export type Ledger = {
  receivableId: string
  payUrl: string
  /** Who is waiting for something payable: the customer at the pay link, or the merchant who pressed Retry. */
  requestedBy: 'customer' | 'merchant' | null
  /** What the books counted from elsewhere than through us, in their minor units, and since when we know. */
  paidElsewhere: { amount: number; at: Date } | null
  /** Reasons for attention that a person has put aside. */
  dismissed: readonly string[]
  attempts: readonly Attempt[]
  payments: readonly Payment[]
  recordings: readonly Recording[]
  mandates: readonly Mandate[]
}

/** The merchant's choices. */
export type Policy = {
  collection: 'checkout' | 'automatic'
  duplicatePayments: 'refund' | 'hold'
  voidPayments: 'refund' | 'hold'
  retryScheduleMs: readonly number[]
  /** How old an observation of a payment that is not final may be before it is read again. */
  paymentFreshForMs: number
  /** The same for the checkout session of a live attempt. */
  sessionFreshForMs: number
  /** When this settling began: what was read since then is fresh enough to give money back on. */
  startedAt: Date
}

/** The payment that the books hold this receivable as paid with, once they do. */
export const findApplied = ({ recordings }: Ledger) =>
  recordings.find(({ disposition, status }) => disposition === 'applied' && status === 'recorded')

/** The payments that the books hold, in whole or in part. */
export const recordedPayments = ({ payments, recordings }: Ledger) =>
  payments.filter((payment) =>
    recordings.some(
      ({ dodoPaymentId, status }) =>
        dodoPaymentId === payment.dodoPaymentId && status === 'recorded',
    ),
  )

const LIVE: readonly AttemptStatus[] = ['intended', 'live', 'unknown']

/** Whether the attempt may still be paid, as far as we know. */
export const isLive = ({ status }: { status: AttemptStatus }) => LIVE.includes(status)

/** Dodo's words for a payment that will not change any more by itself. */
const FINAL = ['succeeded', 'failed', 'cancelled']

/** Whether Dodo is done with the payment; words that we do not know are not final. */
export const isFinal = ({ status }: { status: string }) => FINAL.includes(status)

/** Dodo's word for a checkout that it lists among the payments before anybody has paid in it. */
export const UNBEGUN = 'requires_payment_method'

/** Whether nobody has begun to pay: it is no more than the open checkout it is of. A charge that says so is under way. */
export const isUnbegun = (
  { status, attemptId }: Pick<Payment, 'status' | 'attemptId'>,
  attempts: readonly Pick<Attempt, 'id' | 'kind'>[],
) => status === UNBEGUN && attempts.find(({ id }) => id === attemptId)?.kind !== 'charge'

/** A moment in which what Dodo has just told of may not be in its answers yet. */
const MISSING_MS = 60_000

/** Until when a payment that only a webhook told of, and that Dodo does not know, may still turn up. */
export const missingUntil = ({ missingSince }: Payment) =>
  missingSince && new Date(missingSince.getTime() + MISSING_MS)

/** Whether Dodo, asked again, does not know the payment: whatever a webhook said, there is no such money. */
export function isUnheardOf(payment: Payment, now: Date): boolean {
  const until = missingUntil(payment)
  return payment.status === 'missing' && until !== null && until < now
}

/** Dodo's words for a dispute in which the money went back to the cardholder, and in which it stayed. */
export const LOST = ['dispute_lost', 'dispute_accepted', 'dispute_expired']
const KEPT = ['dispute_won', 'dispute_cancelled']

export const isLost = ({ status }: { status: string }) => LOST.includes(status)

/** Whether a dispute is not decided yet; words that we do not know are not decided. */
export const isUndecided = ({ status }: { status: string }) =>
  !LOST.includes(status) && !KEPT.includes(status)
