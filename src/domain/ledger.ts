/** An entry of a Lago invoice's metadata; `id` is Lago's, and absent on one that is yet to be made. */
export type MetadataEntry = { id?: string; key: string; value: string }

/** An invoice of Lago, as far as a decision depends on it. Amounts are Lago's minor units. */
export type Invoice = {
  type: string
  status: string
  paymentStatus: string
  isSelfBilled: boolean
  /** The day on which Lago issued it; null of what has none. */
  issuedOn: string | null
  /** The payment provider that Lago itself charges this customer through, if any. */
  nativeProvider: string | null
  currency: string
  total: number
  paid: number
  due: number
  customer: { email: string | null; country: string | null }
  metadata: readonly MetadataEntry[]
  /** Lago was told that a dispute about it was lost. */
  isDisputeLost: boolean
}

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
  number: number
  /** A checkout, one that also saves a mandate, or a charge on a mandate. */
  kind: 'checkout' | 'mandate' | 'charge'
  /** The payment request whose invoices it pays together; null when it is for this invoice alone. */
  lagoPaymentRequestId: string | null
  cause: 'invoice' | 'retry' | 'customer' | 'merchant' | 'mandate'
  retryIndex: number
  status: AttemptStatus
  currency: string
  /** All that is asked for, in Lago's minor units. */
  amount: number
  /** The part of it that is for this invoice. */
  share: number
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

export type Dispute = { dodoDisputeId: string; status: string; stage: string; isByRdr: boolean }

/** What of a payment is for one invoice; amounts are Dodo's minor units. */
export type Part = {
  lagoInvoiceId: string
  /** What was asked for on its behalf. */
  share: number
  /** What Lago holds of it, or will; the rest is nobody's and goes back or is held. */
  taken: number
  /** Whether that is certain: recorded in Lago, or held. */
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
  /** The invoices that it is for, the oldest first. */
  parts: readonly Part[]
  /** The refunds of it that we asked for, on behalf of any invoice. */
  orders: readonly RefundOrder[]
  /** What of its refunds is credited in Lago, or is being credited, on any invoice. */
  credited: readonly Credited[]
}

/** What of a refund a credit note in Lago stands for, in Dodo's minor units. */
export type Credited = { dodoRefundId: string; lagoInvoiceId: string; amount: number }

/** A refund that we ask Dodo for. */
export type RefundOrder = {
  id: string
  dodoPaymentId: string
  lagoInvoiceId: string
  /** The merchant's credit note that it carries out; null when it gives back what no invoice takes. */
  lagoCreditNoteId: string | null
  cause: string
  /** `waiting`: Dodo cannot do it now, did nothing, and is asked anew at `repeatableAt`. */
  status: 'intended' | 'unknown' | 'waiting' | 'accepted' | 'refused'
  /** Dodo's minor units. */
  amount: number
  dodoRefundId: string | null
  reason: string | null
  repeatableAt: Date
}

/** A credit note of Lago that wants money given back. */
export type CreditNote = {
  lagoCreditNoteId: string
  number: string | null
  /** Lago's minor units. */
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
  lagoPaymentId: string | null
  /** Lago's minor units. */
  amount: number
  reason: string | null
  repeatableAt: Date
  /** When Lago's payments were last searched for it, or for other money that proves it to be too much. */
  lookedAt: Date | null
  /** What Lago counts for the invoice that cannot be this payment, in Lago's minor units, as last looked. */
  elsewhere: number
}

export type Credit = {
  dodoRefundId: string
  /** A refund may have several notes on an invoice, if its part for it turned out to be greater. */
  sequence: number
  status: 'intended' | 'unknown' | 'credited' | 'impossible' | 'reversed' | 'settled'
  /** What of the refund it stands for, in Lago's minor units. */
  amount: number
  /** False when only what Lago made of it is known, which its rounding may have put a unit off. */
  isExact: boolean
  lagoCreditNoteId: string | null
  reason: string | null
  repeatableAt: Date
  /** When Lago was told that the money has arrived; null while that is still owed. */
  toldAt: Date | null
  /** Only a premium licence was wanting. */
  needsLicense: boolean
}

/** Everything we know of one invoice's money, as it is in the database. */
export type Ledger = {
  lagoInvoiceId: string
  payUrl: string
  /** The link leads nowhere that we know of, and is not to be written down. */
  isPayUrlGuessed?: boolean
  /** Who is waiting for something payable: the customer at the pay link, or the merchant who pressed Retry. */
  requestedBy: 'customer' | 'merchant' | null
  /** Lago refused our metadata for a reason of its own; collecting goes on without. */
  metadataRefusal: string | null
  /** What Lago counted for the invoice from elsewhere than through us, in its minor units, and since when we know. */
  paidElsewhere: { amount: number; at: Date } | null
  /** When the invoice's credit notes were last looked through for what a person mended. */
  notesLookedAt: Date | null
  /** Reasons for attention that a person has put aside. */
  dismissed: readonly string[]
  attempts: readonly Attempt[]
  payments: readonly Payment[]
  recordings: readonly Recording[]
  credits: readonly Credit[]
  creditNotes: readonly CreditNote[]
  mandates: readonly Mandate[]
}

/** Only what was issued from then on is collected: so says the operator, or the installation itself. */
export type CollectSince = { at: Date; isByInstallation: boolean }

/** The merchant's choices. */
export type Policy = {
  collection: 'checkout' | 'automatic'
  duplicatePayments: 'refund' | 'hold'
  voidPayments: 'refund' | 'hold'
  /** Lago is known to have no premium licence. */
  isFreeLicense: boolean
  retryScheduleMs: readonly number[]
  /** What Lago issued before is not collected; null when all is. */
  collectSince: CollectSince | null
  /** How old an observation of a payment that is not final may be before it is read again. */
  paymentFreshForMs: number
  /** The same for the checkout session of a live attempt. */
  sessionFreshForMs: number
  /** When this settling began: what was read since then is fresh enough to give money back on. */
  startedAt: Date
}

/** The payment that Lago holds this invoice as paid with, once it does. */
export const findApplied = ({ recordings }: Ledger) =>
  recordings.find(({ disposition, status }) => disposition === 'applied' && status === 'recorded')

/** The payments that Lago holds, in whole or in part. */
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
const LOST = ['dispute_lost', 'dispute_accepted', 'dispute_expired']
const KEPT = ['dispute_won', 'dispute_cancelled']

export const isLost = ({ status }: { status: string }) => LOST.includes(status)

/** Whether a dispute is not decided yet; words that we do not know are not decided. */
export const isUndecided = ({ status }: { status: string }) =>
  !LOST.includes(status) && !KEPT.includes(status)
