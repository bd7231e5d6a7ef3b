import { formatDodo, formatBooks, isSupportedCurrency, toDodoMinor } from '../../collect/money.ts'
import type { InvoiceReport } from '../invoice.ts'

/**
 * Whether both books hold the same of one invoice, as the ledger last saw them, and each difference in words. What
 * the statement compares for a period, from both services' own lists.
 */
export function isAgreed(invoice: InvoiceReport): { agrees: boolean; why: string[] } {
  const differences = [
    ...invoice.payments.flatMap((payment) => explainPayment(invoice, payment)),
    ...invoice.refunds.flatMap((refund) => explainRefund(invoice, refund)),
  ]
  if (differences.length > 0) return { agrees: false, why: differences }
  const isTaken = invoice.payments.some(({ status }) => status === 'succeeded')
  const why = isTaken
    ? 'What Dodo took is recorded in Lago, and what went back is credited there.'
    : 'Nothing was taken, and nothing is recorded.'
  return { agrees: true, why: [why] }
}

function explainPayment(
  { currency: due, refunds }: InvoiceReport,
  payment: InvoiceReport['payments'][number],
): string[] {
  const { dodoPaymentId, status, amount, recorded, lagoPaymentRequestId, reason } = payment
  if (status !== 'succeeded') return []
  const currency = due ?? payment.currency
  const inLago = asDodo(recorded, currency)
  // A payment request's payment is for other invoices as well: what of it is for this one, Lago was told.
  if (inLago >= amount || (lagoPaymentRequestId !== null && recorded > 0)) return []
  const backOfRest = refunds
    .filter((one) => one.dodoPaymentId === dodoPaymentId && one.status === 'succeeded')
    .reduce((sum, one) => sum + (one.amount ?? 0) - one.taken, 0)
  if (inLago + backOfRest >= amount) return []
  const why = reason ? `: ${reason}` : ''
  return [
    `${dodoPaymentId}: ${formatDodo(amount, payment.currency)} in Dodo, ${formatBooks(recorded, currency)} in Lago${why}`,
  ]
}

function explainRefund(
  { currency: due }: InvoiceReport,
  refund: InvoiceReport['refunds'][number],
): string[] {
  const { dodoRefundId, status, taken, lagoCreditNoteId, credit, reason } = refund
  const isCredited = lagoCreditNoteId !== null && credit !== 'reversed'
  if (status !== 'succeeded' || taken === 0 || isCredited) return []
  const why = reason ? `: ${reason}` : ''
  const amount = formatDodo(taken, refund.currency ?? due ?? '')
  return [`${dodoRefundId}: ${amount} given back in Dodo, no credit note in Lago${why}`]
}

const asDodo = (amount: number, currency: string) =>
  isSupportedCurrency(currency) ? toDodoMinor(amount, currency) : amount
