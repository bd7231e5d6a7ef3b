import { refundableOf } from '../../../collect/decide/allocation.ts'
import { findLast } from '../../../collect/decide/course.ts'
import { heardOf, inOrder, money } from '../../../collect/decide/decide.ts'
import { nextWaitMs } from '../../../collect/decide/next-attempt.ts'
import { findApplied, isLost, recordedPayments, type CreditNote } from '../../../collect/ledger.ts'
import type { Receivable } from '../../../collect/receivable.ts'
import { assess } from './assess.ts'
import type { Invoice, InvoiceLedger, InvoicePolicy, MetadataEntry } from './invoice.ts'
import { fitsMetadata, findEntry } from './metadata.ts'
import { nextCredit, nextLookAtNotes } from './next-credit.ts'
import { nextCreditNote } from './next-credit-note.ts'
import { nextPayment } from './next-payment.ts'
import { asReceivable } from './receivable.ts'
import type { BookStep, Step } from './steps.ts'

/**
 * What is to be done next about one invoice: the only place where it is decided. It looks at what is
 * true, not at what happened last, so that lost, doubled, late and reordered events all end the same. First
 * what the money in hand wants, then what Lago's books want, then whether more is asked for.
 */
export function decide(
  invoice: Invoice,
  unordered: InvoiceLedger,
  policy: InvoicePolicy,
  now: Date,
): Step {
  const whole = { ...inOrder(unordered), creditNotes: unordered.creditNotes.toSorted(byNumber) }
  const ledger = heardOf(whole, now)
  const receivable = asReceivable(invoice, ledger, policy)
  return (
    money.inHand(receivable, whole, policy, now) ??
    nextForBooks(invoice, ledger, receivable, policy, now) ??
    money.toAsk(receivable, whole, policy, now) ??
    nextMetadata(invoice, ledger) ?? {
      do: 'rest',
      standing: assess(invoice, ledger, policy, now),
      ...money.atRest(receivable, whole, policy, now),
    }
  )
}

/** Lago numbers the notes of an invoice as they are made: where not all can be carried out, the oldest are. */
const byNumber = (one: CreditNote, other: CreditNote) =>
  (one.number ?? '').localeCompare(other.number ?? '', 'en', { numeric: true }) ||
  one.creditNoteId.localeCompare(other.creditNoteId)

/** What Lago does not say yet of what is true. */
function nextForBooks(
  invoice: Invoice,
  ledger: InvoiceLedger,
  receivable: Receivable,
  policy: InvoicePolicy,
  now: Date,
): Step | undefined {
  return (
    nextPayment(invoice, ledger, policy) ??
    nextDispute(invoice, ledger) ??
    nextLookAtNotes(ledger, policy) ??
    nextCreditNote(ledger, policy) ??
    nextCredit(invoice, ledger, policy) ??
    nextPaidMark(invoice, ledger) ??
    nextFailedMark(invoice, ledger, receivable, policy, now)
  )
}

/** Lago has no other word for money that was taken back than a lost dispute. */
function nextDispute(invoice: Invoice, ledger: InvoiceLedger): BookStep | undefined {
  const canBeTold = invoice.status === 'finalized' || invoice.status === 'voided'
  if (invoice.isDisputeLost || !canBeTold) return undefined
  const lost = recordedPayments(ledger)
    .flatMap(({ disputes }) => disputes)
    .find(isLost)
  return lost && { do: 'lose_dispute', dodoDisputeId: lost.dodoDisputeId }
}

/**
 * A `failed` that was under way when the payment was recorded may have reached Lago after it. Where all that was paid
 * went back, it is the merchant who says what the invoice is now.
 */
function nextPaidMark(invoice: Invoice, ledger: InvoiceLedger): BookStep | undefined {
  const isKept = recordedPayments(ledger).some(
    (payment) => !payment.disputes.some(isLost) && refundableOf(payment, ledger.receivableId) > 0,
  )
  const applied = findApplied(ledger)
  const isSettled = invoice.paid === invoice.total || applied?.through === 'status'
  const isWrong = invoice.status === 'finalized' && invoice.paymentStatus !== 'succeeded'
  return applied && isKept && isSettled && isWrong ? { do: 'mark_paid' } : undefined
}

/**
 * Lago shows a declined invoice as failed. A top-up is only marked when no retry is left, because Lago
 * fails its wallet transaction with it (lago-api `svc/invoices/update_service.rb`).
 */
function nextFailedMark(
  invoice: Invoice,
  ledger: InvoiceLedger,
  receivable: Receivable,
  policy: InvoicePolicy,
  now: Date,
): BookStep | undefined {
  const last = findLast(receivable, ledger)
  const isWaiting =
    invoice.type === 'credit' &&
    (nextWaitMs(last, policy) !== undefined ||
      money.toAsk(receivable, ledger, policy, now) !== undefined)
  const isMarkable =
    invoice.status === 'finalized' &&
    invoice.paymentStatus === 'pending' &&
    receivable.whyNotCollected === undefined
  const isWrong = last?.status === 'declined' && isMarkable && !isWaiting
  return isWrong ? { do: 'mark_failed' } : undefined
}

/** What Lago is told beside the amounts: where to pay, and what it was paid with. */
function nextMetadata(invoice: Invoice, ledger: InvoiceLedger): BookStep | undefined {
  if (invoice.status !== 'finalized' || ledger.metadataRefusal) return undefined
  const wanted = wantedMetadata(ledger).filter(
    ({ key, value }) => findEntry(invoice.metadata, key)?.value !== value,
  )
  const entries = wanted.reduce<MetadataEntry[]>(
    (chosen, entry) =>
      fitsMetadata(invoice.metadata, [...chosen, entry]) ? [...chosen, entry] : chosen,
    [],
  )
  return entries.length > 0 ? { do: 'write_metadata', entries } : undefined
}

/** The entries that an invoice of ours carries in Lago. */
export function wantedMetadata(ledger: InvoiceLedger) {
  const applied = findApplied(ledger)
  return [
    ...(ledger.attempts.length > 0 && !ledger.isPayUrlGuessed
      ? [{ key: 'dodo_pay_url', value: ledger.payUrl }]
      : []),
    ...(applied ? [{ key: 'dodo_payment_id', value: applied.dodoPaymentId }] : []),
  ]
}
