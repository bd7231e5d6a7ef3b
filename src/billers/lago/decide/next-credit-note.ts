import { refundableOf, underWay } from '../../../collect/decide/allocation.ts'
import { afresh, canBeRefundedNow, findFailedOrder } from '../../../collect/decide/next-refund.ts'
import {
  isLost,
  recordedPayments,
  type CreditNote,
  type Payment,
  type RefundOrder,
} from '../../../collect/ledger.ts'
import { formatDodo, formatBooks, toDodoMinor } from '../../../collect/money.ts'
import type { InvoiceLedger, InvoicePolicy } from './invoice.ts'
import { findToCredit, findUncredited, isCreditBegun, nextSequence } from './next-credit.ts'
import type { BookStep, Step } from './steps.ts'

/** A credit note of the merchant's that wants money given back, which only Dodo can do. */
export const nextCreditNote = (ledger: InvoiceLedger, policy: InvoicePolicy): Step | undefined =>
  afresh(nextWanted(ledger), policy)

function nextWanted(ledger: InvoiceLedger): BookStep | undefined {
  const paid = recordedPayments(ledger).toReversed()
  // An invoice that was paid outside Dodo is refunded outside Dodo.
  if (paid.length === 0) return undefined
  for (const creditNote of ledger.creditNotes) {
    if (creditNote.refundStatus !== 'pending') continue
    // Whose note it is shows when it is known what became of ours: crediting the refund goes on with that.
    if (mayBeForBegun(creditNote, ledger)) continue
    const made = findMade(creditNote, ledger) ?? findMadeInParts(creditNote, ledger)
    if (made) return made
    if (findDoubtful(ledger).includes(creditNote)) continue
    const step = carryOut(creditNote, paid, ledger)
    if (step) return step
  }
  return undefined
}

/**
 * A note for the very amount of a refund that no note stands for is that refund's, whatever came first: the merchant
 * refunded in Dodo what the note is about, or wrote by hand the note that Lago had refused us.
 */
function findMade(creditNote: CreditNote, ledger: InvoiceLedger): BookStep | undefined {
  const { creditNoteId } = creditNote
  if (isBegun(creditNote, ledger)) return undefined
  const uncredited = findUncredited(ledger).find(
    ({ amount, payment }) => toDodoMinor(creditNote.amount, payment.currency) === amount,
  )
  return uncredited && { do: 'take_credit_note', uncredited, creditNoteId }
}

/** A refund of the very amount is being credited, and whether our own note for it was made is not known yet. */
const mayBeForBegun = (creditNote: CreditNote, ledger: InvoiceLedger) =>
  !isBegun(creditNote, ledger) &&
  findUncredited(ledger).some(
    (one) =>
      isCreditBegun(one, ledger) &&
      toDodoMinor(creditNote.amount, one.payment.currency) === one.amount,
  )

const isBegun = ({ creditNoteId }: CreditNote, { payments }: InvoiceLedger) =>
  payments.some(({ orders }) => orders.some((order) => order.creditNoteId === creditNoteId))

/**
 * Notes that a person may have written for refunds which Lago let us write none for, as we asked: in parts, for several
 * at once, or for as much as Lago can hold. Paid out, the money would go back twice, so that a person must say.
 */
export function findDoubtful(ledger: InvoiceLedger): CreditNote[] {
  const missing = findToCredit(ledger).reduce((sum, { amount }) => sum + amount, 0)
  if (missing === 0) return []
  return ledger.creditNotes.filter(
    (one) =>
      one.refundStatus === 'pending' && !isBegun(one, ledger) && inDodo(one, ledger) <= missing,
  )
}

const inDodo = ({ amount }: CreditNote, { payments }: InvoiceLedger) =>
  toDodoMinor(amount, payments[0]?.currency ?? '')

/** Several notes that together are the very amount of such a refund are its own. */
function findMadeInParts(creditNote: CreditNote, ledger: InvoiceLedger): BookStep | undefined {
  const doubtful = findDoubtful(ledger)
  if (!doubtful.includes(creditNote)) return undefined
  const together = doubtful.reduce((sum, one) => sum + inDodo(one, ledger), 0)
  const uncredited = findToCredit(ledger).find(({ amount }) => amount === together)
  if (!uncredited) return undefined
  const part = {
    ...uncredited,
    amount: inDodo(creditNote, ledger),
    sequence: nextSequence(uncredited, ledger),
  }
  return { do: 'take_credit_note', uncredited: part, creditNoteId: creditNote.creditNoteId }
}

function carryOut(
  creditNote: CreditNote,
  paid: Payment[],
  ledger: InvoiceLedger,
): BookStep | undefined {
  const { receivableId } = ledger
  const isFor = (order: RefundOrder) => order.creditNoteId === creditNote.creditNoteId
  const currency = paid[0]?.currency ?? ''
  const refunds = paid.flatMap((payment) => succeededOf(payment, isFor))
  const answer = (outcome: 'succeeded' | 'failed', reason: string | null): BookStep => ({
    do: 'answer_credit_note',
    creditNote,
    outcome,
    reason,
    refunds,
  })
  if (paid.some((payment) => underWay(payment, isFor) > 0)) return undefined
  const failed = paid.map((payment) => findFailedOrder(payment, isFor)).find(Boolean)
  if (failed)
    return answer(
      'failed',
      failed.reason ?? `Dodo could not carry out refund ${failed.dodoRefundId}`,
    )

  const given = refunds.reduce((sum, { amount }) => sum + amount, 0)
  const rest = toDodoMinor(creditNote.amount, currency) - given
  if (rest <= 0) return answer('succeeded', null)

  const isOther = (order: RefundOrder) =>
    order.receivableId === receivableId && order.creditNoteId !== null
  const available = paid.map((payment) => ({
    payment,
    amount: payment.disputes.some(isLost)
      ? 0
      : refundableOf(payment, receivableId) - underWay(payment, isOther),
  }))
  const most = available.reduce((sum, { amount }) => sum + amount, 0)
  if (most < rest) {
    const wanted = formatBooks(creditNote.amount, currency)
    return answer(
      'failed',
      `${wanted} is to be given back, and only ${formatDodo(most, currency)} of what was paid is left`,
    )
  }
  const next = available.find(({ payment, amount }) => amount > 0 && canBeRefundedNow(payment))
  return (
    next && {
      do: 'order_refund',
      payment: next.payment,
      resume: undefined,
      amount: Math.min(rest, next.amount),
      cause: 'credit note',
      creditNote,
    }
  )
}

const succeededOf = (payment: Payment, isFor: (order: RefundOrder) => boolean) =>
  payment.orders.filter(isFor).flatMap(({ dodoRefundId, amount }) => {
    const refund = payment.refunds.find((one) => one.dodoRefundId === dodoRefundId)
    return dodoRefundId && refund?.status === 'succeeded'
      ? [{ payment, dodoRefundId, amount: refund.amount ?? amount }]
      : []
  })
