import { formatDodo, formatBooks, isSupportedCurrency, toDodoMinor } from '../collect/money.ts'
import { readAt } from '../deliveries/read-span.ts'
import type { DeliveryOfInvoice } from './dashboard/invoice-extras.ts'
import { describeAmount } from './disputes.ts'
import type { InvoiceReport } from './invoice.ts'
import { alignColumns, section } from '../print/text.ts'

/** An invoice's report as lines for a terminal. */
export function explainInvoice(
  invoice: InvoiceReport,
  deliveries: readonly DeliveryOfInvoice[],
): string[] {
  const told = deliveries.toReversed()
  const { lagoInvoiceId, number, customer, customerName, currency, amountDue } = invoice
  const name = customerName ? ` (${customerName})` : ''
  return [
    `Invoice ${number ?? lagoInvoiceId}`,
    '',
    ...alignColumns([
      ['Lago id', lagoInvoiceId],
      ['Customer', customer ? `${customer}${name}` : 'not known yet'],
      ['Amount due', currency ? formatBooks(amountDue, currency) : 'not known yet'],
      ['State', invoice.state],
      ['Reason', invoice.reason],
      ...troubleRows(invoice),
      ['Pay link', invoice.payUrl],
      ...mandateRows(invoice),
    ]),
    ...section('Payment requests', requestRows(invoice)),
    ...section('Attempts', attemptRows(invoice)),
    ...section('Payments', paymentRows(invoice)),
    ...section('Refunds', [...refundRows(invoice), ...orderRows(invoice)]),
    ...section('Credit notes that want a refund', creditNoteRows(invoice)),
    ...section('Disputes', disputeRows(invoice)),
    ...section(
      'Deliveries',
      told.map((one, index) => [`#${index + 1}`, ...deliveryRow(one)]),
    ),
    ...section(
      'Timeline',
      invoice.timeline.map(({ at, what }) => [at.toISOString(), whileReading(told, at), what]),
    ),
  ]
}

const deliveryRow = ({ receivedAt, source, eventType, verifiedWith }: DeliveryOfInvoice) => [
  receivedAt.toISOString(),
  source,
  eventType,
  verifiedWith === null ? '' : `verified with ${verifiedWith}`,
]

/** Which of the deliveries were being read when a line was written. */
const whileReading = (told: readonly DeliveryOfInvoice[], at: Date) =>
  readAt(told, at)
    .map((one) => `#${told.indexOf(one) + 1}`)
    .join(' ')

/** What keeps the bridge from coming to its end, while it does. */
function troubleRows({ lastError, lastErrorAt }: InvoiceReport): string[][] {
  return lastError && lastErrorAt
    ? [['Trouble', `${lastError} (${lastErrorAt.toISOString()})`]]
    : []
}

function mandateRows({ mandate }: InvoiceReport): string[][] {
  if (!mandate) return []
  const { dodoSubscriptionId, status, reason } = mandate
  return [['Saved card', `${dodoSubscriptionId} (${status}${reason ? `: ${reason}` : ''})`]]
}

const requestRows = ({ paymentRequests }: InvoiceReport) =>
  paymentRequests.map(({ lagoPaymentRequestId, state, payUrl }) => [
    lagoPaymentRequestId,
    state,
    payUrl,
  ])

type Attempt = InvoiceReport['attempts'][number]

const attemptRows = ({ attempts, currency }: InvoiceReport) =>
  attempts.map((attempt) => {
    const { number, status, amount, cause, startedAt, expiresAt } = attempt
    return [
      String(number),
      describeKind(attempt),
      status,
      formatBooks(amount, currency ?? ''),
      describePlace(attempt),
      `by ${cause}`,
      startedAt.toISOString(),
      status === 'live' && expiresAt ? `expires ${expiresAt.toISOString()}` : '',
    ]
  })

function describeKind({ kind, lagoPaymentRequestId }: Attempt): string {
  if (lagoPaymentRequestId) return 'its share of a payment request'
  switch (kind) {
    case 'checkout':
      return 'checkout'
    case 'mandate':
      return 'checkout that saves a card'
    case 'charge':
      return 'charge of the saved card'
  }
}

function describePlace({ kind, dodoSessionId, dodoSubscriptionId }: Attempt): string {
  return kind === 'charge' ? (dodoSubscriptionId ?? 'no card') : (dodoSessionId ?? 'no session')
}

const paymentRows = ({ payments, attempts, currency: invoiceCurrency }: InvoiceReport) =>
  payments.map((payment) => {
    const { dodoPaymentId, status, amount, currency, disposition, errorCode, reason } = payment
    const isPart =
      payment.recorded > 0 && asDodo(payment.recorded, invoiceCurrency ?? currency) !== amount
    const part = isPart
      ? `${formatBooks(payment.recorded, invoiceCurrency ?? currency)} of it for this invoice`
      : ''
    return [
      dodoPaymentId,
      status,
      formatDodo(amount, currency),
      disposition === 'none' ? 'not recorded in Lago' : disposition,
      describeOrigin(payment, attempts),
      [part, reason ?? errorCode ?? ''].filter((text) => text !== '').join('; '),
    ]
  })

const asDodo = (amount: number, currency: string) =>
  isSupportedCurrency(currency) ? toDodoMinor(amount, currency) : amount

function describeOrigin(
  { attempt, lagoPaymentRequestId }: InvoiceReport['payments'][number],
  attempts: readonly Attempt[],
): string {
  if (attempt === null) return 'not through the bridge'
  if (lagoPaymentRequestId) return 'through a payment request'
  const isCharge = attempts.some(
    (one) => one.number === attempt && one.kind === 'charge' && !one.lagoPaymentRequestId,
  )
  return `${isCharge ? 'charged by' : 'through'} attempt ${attempt}`
}

const refundRows = (invoice: InvoiceReport) =>
  invoice.refunds.map((refund) => {
    const { dodoRefundId, dodoPaymentId, status, amount, cause } = refund
    const currency = refund.currency ?? invoice.currency ?? ''
    return [
      dodoRefundId,
      status,
      amount === null ? 'amount not known' : formatDodo(amount, currency),
      `of ${dodoPaymentId}`,
      cause === null ? 'made in Dodo' : `by the bridge: ${cause}`,
      describeCredit(refund, { currency, notes: invoice.creditNotes }),
    ]
  })

function describeCredit(
  refund: InvoiceReport['refunds'][number],
  { currency, notes }: { currency: string; notes: InvoiceReport['creditNotes'] },
): string {
  const { lagoCreditNoteId, credit, reason, taken, amount, status } = refund
  const note = notes.find((one) => one.lagoCreditNoteId === lagoCreditNoteId)
  const share =
    taken > 0 && taken !== amount ? `${formatDodo(taken, currency)} of it for this invoice: ` : ''
  if (credit === 'reversed') return `${share}credit note ${lagoCreditNoteId}, marked as failed`
  if (lagoCreditNoteId) return `${share}credit note ${note?.number ?? lagoCreditNoteId}`
  if (credit === 'impossible') return `${share}no credit note${reason ? `: ${reason}` : ''}`
  const isWanted = refund.cause === null && (status !== 'succeeded' || taken > 0)
  if (isWanted && status !== 'succeeded') return 'no credit note before it succeeds'
  if (!isWanted) return 'no credit note is wanted: this invoice did not take the money'
  return `${share}no credit note yet`
}

/** What became of asking Dodo for a refund. */
export const ORDERED = {
  intended: 'being asked for',
  unknown: 'asked for, no answer yet',
  waiting: 'waiting for Dodo',
  accepted: 'accepted',
  refused: 'refused by Dodo',
} as const

const orderRows = ({ refundOrders }: InvoiceReport) =>
  refundOrders.map(({ dodoPaymentId, cause, status, amount, currency, reason }) => [
    'not in Dodo yet',
    ORDERED[status],
    formatDodo(amount, currency),
    `of ${dodoPaymentId}`,
    `by the bridge: ${cause}`,
    reason ?? '',
  ])

const creditNoteRows = ({ creditNotes, currency }: InvoiceReport) =>
  creditNotes.map(({ lagoCreditNoteId, number, amount, refundStatus, reason }) => [
    number ?? lagoCreditNoteId,
    refundStatus,
    formatBooks(amount, currency ?? ''),
    reason ?? '',
  ])

const OUTCOMES = {
  open: 'to be answered in Dodo',
  lost: 'the money went back',
  kept: 'the money stayed',
} as const

const disputeRows = ({ disputes, payments }: InvoiceReport) =>
  disputes.map((dispute) => {
    const { dodoDisputeId, dodoPaymentId, status, stage, outcome, isByRdr } = dispute
    const paid = payments.find((one) => one.dodoPaymentId === dodoPaymentId)?.amount ?? null
    return [
      dodoDisputeId,
      status,
      stage,
      describeAmount(dispute, paid),
      `on ${dodoPaymentId}`,
      `${OUTCOMES[outcome]}${isByRdr ? ', by Visa itself (RDR)' : ''}`,
    ]
  })
