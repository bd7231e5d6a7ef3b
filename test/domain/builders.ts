import type {
  Attempt,
  Credit,
  Invoice,
  Ledger,
  Payment,
  Policy,
  Recording,
  Refund,
} from '../../src/domain/ledger.ts'

export const NOW = new Date('2026-08-21T12:00:00Z')
export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
export const PAY_URL = 'https://bridge.example/pay/token'

export const ago = (ms: number) => new Date(NOW.getTime() - ms)
export const ahead = (ms: number) => new Date(NOW.getTime() + ms)

/** A finalised invoice of 108.00 USD that nobody has paid. */
export function invoice(fields: Partial<Invoice> = {}): Invoice {
  const { total = 10_800, paid = 0 } = fields
  return {
    type: 'subscription',
    status: 'finalized',
    paymentStatus: 'pending',
    isSelfBilled: false,
    nativeProvider: null,
    currency: 'USD',
    total,
    paid,
    due: total - paid,
    customer: { email: 'ap@fern.example', country: 'US' },
    metadata: [{ id: 'meta_1', key: 'dodo_pay_url', value: PAY_URL }],
    ...fields,
  }
}

/** The first attempt, an hour old: a checkout that is open and was looked at a minute ago. */
export function attempt(fields: Partial<Attempt> = {}): Attempt {
  const { number = 1 } = fields
  return {
    id: `attempt_${number}`,
    number,
    cause: 'invoice',
    retryIndex: 0,
    status: 'live',
    currency: 'USD',
    amount: 10_800,
    dodoSessionId: `cks_${number}`,
    declineCode: null,
    startedAt: ago(HOUR_MS),
    expiresAt: ahead(23 * HOUR_MS),
    lookedAt: ago(MINUTE_MS),
    endedAt: null,
    ...fields,
  }
}

/** An attempt that is over since a minute. */
export const ended = (status: Attempt['status'], fields: Partial<Attempt> = {}) =>
  attempt({ status, endedAt: ago(MINUTE_MS), ...fields })

/** A payment of what the first attempt asked for, just observed. */
export function payment(fields: Partial<Payment> = {}): Payment {
  return {
    dodoPaymentId: 'pay_1',
    attemptId: 'attempt_1',
    status: 'succeeded',
    currency: 'USD',
    amount: 10_800,
    isSetup: false,
    errorCode: fields.status === 'failed' ? 'INSUFFICIENT_FUNDS' : null,
    madeAt: ago(10 * MINUTE_MS),
    changedAt: ago(9 * MINUTE_MS),
    observedAt: NOW,
    refunds: [],
    ...fields,
  }
}

export const refund = (fields: Partial<Refund> = {}): Refund => ({
  dodoRefundId: 'ref_1',
  status: 'succeeded',
  currency: 'USD',
  amount: 5_400,
  ...fields,
})

/** The recording of the first payment, done. */
export const recording = (fields: Partial<Recording> = {}): Recording => ({
  dodoPaymentId: 'pay_1',
  disposition: 'applied',
  status: 'recorded',
  through: 'payment',
  amount: 10_800,
  reason: null,
  repeatableAt: ago(MINUTE_MS),
  ...fields,
})

export const credit = (fields: Partial<Credit> = {}): Credit => ({
  dodoRefundId: 'ref_1',
  status: 'credited',
  reason: null,
  repeatableAt: ago(MINUTE_MS),
  ...fields,
})

export const ledger = (fields: Partial<Ledger> = {}): Ledger => ({
  payUrl: PAY_URL,
  requestedBy: null,
  metadataRefusal: null,
  attempts: [],
  payments: [],
  recordings: [],
  credits: [],
  ...fields,
})

/** What is true once the first attempt was paid and Lago knows: start from it to spoil something. */
export const paidInvoice = (fields: Partial<Invoice> = {}): Invoice =>
  invoice({
    paid: 10_800,
    paymentStatus: 'succeeded',
    metadata: [
      { id: 'meta_1', key: 'dodo_pay_url', value: PAY_URL },
      { id: 'meta_2', key: 'dodo_payment_id', value: 'pay_1' },
    ],
    ...fields,
  })
export const paidLedger = (fields: Partial<Ledger> = {}): Ledger =>
  ledger({
    attempts: [ended('paid')],
    payments: [payment()],
    recordings: [recording()],
    ...fields,
  })

export const policy = (fields: Partial<Policy> = {}): Policy => ({
  retryScheduleMs: [3 * DAY_MS, 7 * DAY_MS, 7 * DAY_MS],
  paymentFreshForMs: 5 * MINUTE_MS,
  sessionFreshForMs: HOUR_MS,
  ...fields,
})
