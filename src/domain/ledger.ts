/** An entry of a Lago invoice's metadata; `id` is Lago's, and absent on one that is yet to be made. */
export type MetadataEntry = { id?: string; key: string; value: string }

/** An invoice of Lago, as far as a decision depends on it. Amounts are Lago's minor units. */
export type Invoice = {
  type: string
  status: string
  paymentStatus: string
  isSelfBilled: boolean
  /** The payment provider that Lago itself charges this customer through, if any. */
  nativeProvider: string | null
  currency: string
  total: number
  paid: number
  due: number
  customer: { email: string | null; country: string | null }
  metadata: readonly MetadataEntry[]
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
  cause: 'invoice' | 'retry' | 'customer' | 'merchant'
  retryIndex: number
  status: AttemptStatus
  currency: string
  /** Lago's minor units. */
  amount: number
  dodoSessionId: string | null
  declineCode: string | null
  startedAt: Date
  expiresAt: Date | null
  lookedAt: Date | null
  endedAt: Date | null
}

export type Refund = {
  dodoRefundId: string
  status: string
  currency: string | null
  /** Dodo's minor units. */
  amount: number | null
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
  refunds: readonly Refund[]
}

export type Disposition = 'applied' | 'duplicate' | 'mismatch' | 'late'

export type Recording = {
  dodoPaymentId: string
  disposition: Disposition
  status: 'intended' | 'unknown' | 'recorded' | 'held'
  through: 'payment' | 'status' | null
  /** Lago's minor units. */
  amount: number
  reason: string | null
  repeatableAt: Date
}

export type Credit = {
  dodoRefundId: string
  status: 'intended' | 'unknown' | 'credited' | 'impossible'
  reason: string | null
  repeatableAt: Date
}

/** Everything we know of one invoice's money, as it is in the database. */
export type Ledger = {
  payUrl: string
  /** Who is waiting for something payable: the customer at the pay link, or the merchant who pressed Retry. */
  requestedBy: 'customer' | 'merchant' | null
  /** Lago refused our metadata for a reason of its own; collecting goes on without. */
  metadataRefusal: string | null
  attempts: readonly Attempt[]
  payments: readonly Payment[]
  recordings: readonly Recording[]
  credits: readonly Credit[]
}

/** The merchant's choices. */
export type Policy = {
  retryScheduleMs: readonly number[]
  /** How old an observation of a payment that is not final may be before it is read again. */
  paymentFreshForMs: number
  /** The same for the checkout session of a live attempt. */
  sessionFreshForMs: number
}

/** The payment that Lago holds this invoice as paid with, once it does. */
export const findApplied = ({ recordings }: Ledger) =>
  recordings.find(({ disposition, status }) => disposition === 'applied' && status === 'recorded')

const LIVE: readonly AttemptStatus[] = ['intended', 'live', 'unknown']

/** Whether the attempt may still be paid, as far as we know. */
export const isLive = ({ status }: { status: AttemptStatus }) => LIVE.includes(status)

/** Dodo's words for a payment that will not change any more by itself. */
const FINAL = ['succeeded', 'failed', 'cancelled']

/** Whether Dodo is done with the payment; words that we do not know are not final. */
export const isFinal = ({ status }: { status: string }) => FINAL.includes(status)
