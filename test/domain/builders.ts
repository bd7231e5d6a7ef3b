import type {
  Attempt,
  Credit,
  Credited,
  CreditNote,
  Dispute,
  Mandate,
  Part,
  Payment,
  Recording,
  Refund,
  RefundOrder,
} from '../../src/collect/ledger.ts'
import type {
  Invoice,
  InvoiceLedger as Ledger,
  InvoicePolicy as Policy,
} from '../../src/billers/lago/decide/invoice.ts'
import { isSupportedCurrency, toDodoMinor } from '../../src/collect/money.ts'
import type { Step } from '../../src/billers/lago/decide/steps.ts'

export const NOW = new Date('2026-08-21T12:00:00Z')
export const MINUTE_MS = 60_000
export const HOUR_MS = 60 * MINUTE_MS
export const DAY_MS = 24 * HOUR_MS
export const INVOICE_ID = 'invoice_1'
export const PAY_URL = 'https://bridge.example/pay/token'

export const ago = (ms: number) => new Date(NOW.getTime() - ms)
export const ahead = (ms: number) => new Date(NOW.getTime() + ms)

/** When the invoice is to be looked at again; `toMatchObject` takes any two dates for the same. */
export const wakeOf = (step: Step) => (step.do === 'rest' ? step.wakeAt : step)

/** A finalised invoice of 108.00 USD that nobody has paid. */
export function invoice(fields: Partial<Invoice> = {}): Invoice {
  const { total = 10_800, paid = 0 } = fields
  return {
    type: 'subscription',
    status: 'finalized',
    paymentStatus: 'pending',
    isSelfBilled: false,
    issuedOn: null,
    nativeProvider: null,
    currency: 'USD',
    total,
    paid,
    due: total - paid,
    customer: { email: 'ap@fern.example', country: 'US' },
    metadata: [{ id: 'meta_1', key: 'dodo_pay_url', value: PAY_URL }],
    isDisputeLost: false,
    ...fields,
  }
}

/** The first attempt, an hour old: a checkout that is open and was looked at a minute ago. */
export function attempt(fields: Partial<Attempt> = {}): Attempt {
  const { number = 1 } = fields
  return {
    id: `attempt_${number}`,
    number,
    kind: 'checkout',
    receivableId: INVOICE_ID,
    share: fields.amount ?? 10_800,
    shares: [
      {
        receivableId: fields.receivableId ?? INVOICE_ID,
        amount: fields.share ?? fields.amount ?? 10_800,
      },
    ],
    dodoPaymentId: null,
    dodoSubscriptionId: null,
    handedOutAt: null,
    unpaidAt: null,
    repeatableAt: null,
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
    isConfirmed: true,
    refunds: [],
    disputes: [],
    parts: [{ receivableId: INVOICE_ID, share: 10_800, taken: 10_800, isSettled: true }],
    orders: [],
    credited: [],
    missingSince: null,
    settlementAmount: null,
    settlementCurrency: null,
    ...fields,
  }
}

export const refund = (fields: Partial<Refund> = {}): Refund => ({
  dodoRefundId: 'ref_1',
  status: 'succeeded',
  currency: 'USD',
  amount: 5_400,
  madeAt: ago(MINUTE_MS),
  ...fields,
})

export const dispute = (fields: Partial<Dispute> = {}): Dispute => ({
  dodoDisputeId: 'dp_1',
  status: 'dispute_opened',
  stage: 'dispute',
  isByRdr: false,
  ...fields,
})

/** A refund of the first payment that was asked for and became the first refund. */
export const order = (fields: Partial<RefundOrder> = {}): RefundOrder => ({
  id: 'order_1',
  dodoPaymentId: 'pay_1',
  receivableId: INVOICE_ID,
  creditNoteId: null,
  cause: 'duplicate',
  status: 'accepted',
  amount: 5_400,
  dodoRefundId: 'ref_1',
  reason: null,
  repeatableAt: ago(MINUTE_MS),
  ...fields,
})

/** A credit note of the merchant's that wants half of the first payment given back. */
export const creditNote = (fields: Partial<CreditNote> = {}): CreditNote => ({
  creditNoteId: 'note_1',
  number: 'ACM-014-003-CN001',
  amount: 5_400,
  refundStatus: 'pending',
  reason: null,
  ...fields,
})

/** A card that the customer saved ten days ago. */
export const mandate = (fields: Partial<Mandate> = {}): Mandate => ({
  dodoSubscriptionId: 'sub_1',
  currency: 'USD',
  status: 'active',
  isEnding: false,
  refusal: null,
  renewedAt: ago(10 * DAY_MS),
  ...fields,
})

/** The recording of the first payment, done. */
export const recording = (fields: Partial<Recording> = {}): Recording => ({
  dodoPaymentId: 'pay_1',
  disposition: 'applied',
  status: 'recorded',
  through: 'payment',
  booksPaymentId: null,
  amount: 10_800,
  reason: null,
  repeatableAt: ago(MINUTE_MS),
  lookedAt: NOW,
  elsewhere: 0,
  ...fields,
})

export const credit = (fields: Partial<Credit> = {}): Credit => ({
  dodoRefundId: 'ref_1',
  sequence: 0,
  status: 'credited',
  toldAt: ago(MINUTE_MS),
  amount: 5_400,
  isExact: true,
  creditNoteId: 'note_of_ref_1',
  reason: null,
  repeatableAt: ago(MINUTE_MS),
  needsLicense: false,
  ...fields,
})

export const ledger = (fields: Partial<Ledger> = {}): Ledger =>
  withParts({
    receivableId: INVOICE_ID,
    payUrl: PAY_URL,
    requestedBy: null,
    metadataRefusal: null,
    paidElsewhere: null,
    notesLookedAt: NOW,
    dismissed: [],
    attempts: [],
    payments: [],
    recordings: [],
    credits: [],
    creditNotes: [],
    mandates: [],
    ...fields,
  })

/** Says of every payment what of it is for this invoice, as loading does. The parts of other invoices stay. */
export const withParts = (held: Ledger): Ledger => ({
  ...held,
  payments: held.payments.map((one) => ({
    ...one,
    parts: partsOf(one, held),
    credited: [...creditedOf(one, held), ...one.credited.filter(isElsewhere(held))],
  })),
})

const isElsewhere =
  ({ receivableId }: Ledger) =>
  (one: Credited) =>
    one.receivableId !== receivableId

const creditedOf = ({ refunds, currency }: Payment, { credits, receivableId }: Ledger) =>
  credits
    .filter(({ status }) => status === 'credited' || status === 'intended' || status === 'unknown')
    .filter((one) => refunds.some(({ dodoRefundId }) => dodoRefundId === one.dodoRefundId))
    .map(({ dodoRefundId, amount }) => ({
      dodoRefundId,
      receivableId,
      amount: isSupportedCurrency(currency) ? toDodoMinor(amount, currency) : amount,
    }))

function partsOf(made: Payment, held: Ledger): Part[] {
  const { receivableId, attempts, recordings } = held
  const { amount, currency, parts } = made
  const asked = attempts.find(({ id }) => id === made.attemptId)
  if (!asked) return [{ receivableId, share: amount, taken: 0, isSettled: true }]
  const toDodo = (minor: number) =>
    isSupportedCurrency(currency) ? toDodoMinor(minor, currency) : minor
  const known = recordings.find(({ dodoPaymentId }) => dodoPaymentId === made.dodoPaymentId)
  const share = toDodo(asked.share)
  const taken = known ? toDodo(known.amount) : share
  const isHeld = known?.status === 'held'
  const isSettled = isHeld || known?.status === 'recorded'
  const own = { receivableId, share, taken: isHeld ? 0 : taken, isSettled }
  const isListed = parts.some((one) => one.receivableId === receivableId)
  return isListed
    ? parts.map((one) => (one.receivableId === receivableId ? own : one))
    : [own, ...parts]
}

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
  collection: 'checkout',
  duplicatePayments: 'refund',
  voidPayments: 'hold',
  isFreeLicense: false,
  collectSince: null,
  retryScheduleMs: [3 * DAY_MS, 7 * DAY_MS, 7 * DAY_MS],
  paymentFreshForMs: 5 * MINUTE_MS,
  sessionFreshForMs: HOUR_MS,
  startedAt: NOW,
  ...fields,
})
