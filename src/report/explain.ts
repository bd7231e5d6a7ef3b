import type { Deps } from '../deps.ts'
import { formatDodo, formatLago } from '../domain/money.ts'
import { describeInvoice, type InvoiceReport } from './invoice.ts'
import { describeNext } from './next.ts'
import { alignColumns, type Write } from './text.ts'

type Explaining = Pick<Deps, 'db' | 'lago' | 'config'>

/** Tells everything that happened to one invoice and why, and what happens next. The exit code is returned. */
export async function explain(deps: Explaining, idOrNumber: string, write: Write): Promise<number> {
  const { publicUrl, reconcileEveryMs } = deps.config
  const invoice = await describeInvoice(deps.db, publicUrl, idOrNumber)
  if (!invoice) return explainUnknown(deps, idOrNumber, write)

  const next = describeNext(invoice, reconcileEveryMs)
  for (const line of [...explainInvoice(invoice), '', `Next: ${next}`]) write(line)
  return 0
}

async function explainUnknown({ lago }: Explaining, idOrNumber: string, write: Write) {
  const invoice =
    (await lago.findInvoice(idOrNumber)) ?? (await lago.findInvoiceByNumber(idOrNumber))
  if (!invoice) {
    write(`Neither the bridge nor Lago knows an invoice ${idOrNumber}.`)
    return 1
  }
  const { number, lago_id, status, payment_status, currency, total_due_amount_cents } = invoice
  const due = formatLago(total_due_amount_cents, currency)
  write(`Lago has invoice ${number} (${lago_id}): ${status}, ${payment_status}, ${due} due.`)
  write('The bridge has not seen it yet; run `bridge reconcile`.')
  return 0
}

function explainInvoice(invoice: InvoiceReport): string[] {
  const { lagoInvoiceId, number, customer, customerName, currency, amountDue } = invoice
  const name = customerName ? ` (${customerName})` : ''
  return [
    `Invoice ${number ?? lagoInvoiceId}`,
    '',
    ...alignColumns([
      ['Lago id', lagoInvoiceId],
      ['Customer', customer ? `${customer}${name}` : 'not known yet'],
      ['Amount due', currency ? formatLago(amountDue, currency) : 'not known yet'],
      ['State', invoice.state],
      ['Reason', invoice.reason],
      ['Pay link', invoice.payUrl],
    ]),
    ...section('Attempts', attemptRows(invoice)),
    ...section('Payments', paymentRows(invoice)),
    ...section('Refunds', refundRows(invoice)),
    ...section('Disputes', disputeRows(invoice)),
    ...section(
      'Timeline',
      invoice.timeline.map(({ at, what }) => [at.toISOString(), what]),
    ),
  ]
}

const section = (title: string, rows: string[][]) =>
  rows.length > 0 ? ['', title, ...alignColumns(rows)] : []

const attemptRows = ({ attempts, currency }: InvoiceReport) =>
  attempts.map(({ number, status, amount, dodoSessionId, cause, startedAt, expiresAt }) => [
    String(number),
    status,
    formatLago(amount, currency ?? ''),
    dodoSessionId ?? 'no session',
    `by ${cause}`,
    startedAt.toISOString(),
    status === 'live' && expiresAt ? `expires ${expiresAt.toISOString()}` : '',
  ])

const paymentRows = ({ payments }: InvoiceReport) =>
  payments.map(({ dodoPaymentId, status, amount, currency, disposition, errorCode, reason }) => [
    dodoPaymentId,
    status,
    formatDodo(amount, currency),
    disposition === 'none' ? 'not recorded in Lago' : disposition,
    reason ?? errorCode ?? '',
  ])

const refundRows = ({ refunds, currency: invoiceCurrency }: InvoiceReport) =>
  refunds.map(({ dodoRefundId, dodoPaymentId, status, amount, currency, ...credit }) => [
    dodoRefundId,
    status,
    amount === null ? 'amount not known' : formatDodo(amount, currency ?? invoiceCurrency ?? ''),
    `of ${dodoPaymentId}`,
    credit.lagoCreditNoteId
      ? `credit note ${credit.lagoCreditNoteId}`
      : `no credit note${credit.reason ? `: ${credit.reason}` : ''}`,
  ])

const disputeRows = ({ disputes }: InvoiceReport) =>
  disputes.map(({ dodoDisputeId, dodoPaymentId, status, stage, amount, currency }) => [
    dodoDisputeId,
    status,
    stage,
    `${amount} ${currency}`,
    `on ${dodoPaymentId}`,
  ])
