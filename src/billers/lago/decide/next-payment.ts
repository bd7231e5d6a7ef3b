import { spareOf } from '../../../collect/decide/allocation.ts'
import {
  isLost,
  type Attempt,
  type Disposition,
  type Payment,
  type Recording,
} from '../../../collect/ledger.ts'
import { formatDodo, formatBooks, toDodoMinor } from '../../../collect/money.ts'
import type { Invoice, InvoiceLedger, InvoicePolicy } from './invoice.ts'
import type { BookStep } from './steps.ts'

/** Money that came in: recorded in Lago as far as it is due there, else held and shown. */
export function nextPayment(
  invoice: Invoice,
  ledger: InvoiceLedger,
  policy: InvoicePolicy,
): BookStep | undefined {
  const settled = new Map(ledger.recordings.map((one) => [one.dodoPaymentId, one]))
  for (const payment of ledger.payments) {
    if (payment.status !== 'succeeded' || payment.isSetup) continue
    const recording = settled.get(payment.dodoPaymentId)
    if (recording?.status === 'recorded' || recording?.status === 'held') {
      if (isToBeLookedFor(payment, recording, ledger, policy))
        return { do: 'look_for_payment', payment, recording }
      continue
    }
    // What was begun is finished: the look for its outcome must not depend on what has changed since.
    if (recording) return { do: 'record_payment', payment, amount: recording.amount }
    const attempt = ledger.attempts.find(({ id }) => id === payment.attemptId)
    const problem = findProblem(payment, attempt, invoice, ledger)
    if (problem) return { do: 'hold_payment', payment, ...problem }
    if (attempt) return { do: 'record_payment', payment, amount: amountFor(attempt, invoice) }
  }
  return undefined
}

/**
 * Money that no invoice takes is looked for in Lago each time that the invoice is settled: somebody may have recorded
 * it there, and nothing of it is given back on what was true a day ago.
 */
export function isToBeLookedFor(
  payment: Payment,
  { lookedAt }: Recording,
  { receivableId }: InvoiceLedger,
  { startedAt }: Partial<Pick<InvoicePolicy, 'startedAt'>>,
): boolean {
  const isSpare = spareOf(payment, receivableId) > 0 && !payment.disputes.some(isLost)
  return isSpare && startedAt !== undefined && (lookedAt === null || lookedAt < startedAt)
}

/**
 * Lago may say that the invoice is paid because this very payment was recorded and the answer got lost:
 * only a look at Lago's own payments tells, and that is what recording begins with.
 */
const amountFor = ({ share }: Attempt, { paymentStatus, due }: Invoice) =>
  paymentStatus === 'succeeded' ? share : Math.min(share, due)

/** Why a succeeded payment must not be recorded, or undefined when it is what we asked for. */
function findProblem(
  payment: Payment,
  attempt: Attempt | undefined,
  invoice: Invoice,
  ledger: InvoiceLedger,
): { disposition: Disposition; why: string } | undefined {
  const paid = formatDodo(payment.amount, payment.currency)
  if (!attempt) {
    return {
      disposition: 'mismatch',
      why: 'it was not made through a checkout that the bridge opened, as far as this ledger knows',
    }
  }
  const asked = formatBooks(attempt.amount, attempt.currency)
  const isExact =
    payment.currency === attempt.currency &&
    payment.amount === toDodoMinor(attempt.amount, attempt.currency)
  if (!isExact || attempt.currency !== invoice.currency)
    return {
      disposition: 'mismatch',
      why: `${paid}${describeSettlement(payment, attempt)} was paid where ${asked} was asked for`,
    }
  if (invoice.status === 'voided') {
    return { disposition: 'late', why: 'the invoice is void in Lago' }
  }
  const isSettled = invoice.paymentStatus === 'succeeded' || invoice.due <= 0
  const other = ledger.recordings.find(({ disposition }) => disposition === 'applied')
  if (isSettled && other) {
    return { disposition: 'duplicate', why: `the invoice was paid by ${other.dodoPaymentId}` }
  }
  if (invoice.paymentStatus !== 'succeeded' && invoice.due <= 0) {
    return { disposition: 'duplicate', why: 'nothing was due any more' }
  }
  return undefined
}

/** A payment in the customer's own currency may have been settled as the very amount, which decides the matter. */
function describeSettlement(
  { currency, settlementAmount, settlementCurrency }: Payment,
  asked: Attempt,
): string {
  if (settlementAmount === null || settlementCurrency === null) return ''
  if (settlementCurrency === currency) return ''
  const isExact =
    settlementCurrency === asked.currency &&
    settlementAmount === toDodoMinor(asked.amount, asked.currency)
  const settled = formatDodo(settlementAmount, settlementCurrency)
  return `, settled as ${settled}${isExact ? ', which is what was asked for,' : ''}`
}
