import { refundableOf } from './allocation.ts'
import type { Standing } from './collectable.ts'
import { findLast, whyNotPayable } from './course.ts'
import {
  findApplied,
  isFinal,
  isLive,
  isLost,
  isUndecided,
  recordedPayments,
  type Invoice,
  type Ledger,
  type Payment,
  type Policy,
} from './ledger.ts'
import { formatDodo, formatLago } from './money.ts'
import { retryAt } from './next-attempt.ts'
import { findFailedSpareOrder, findSpares, isRefundedByPolicy, type Spare } from './next-refund.ts'

/** Where the invoice stands once nothing is left to do about it for now. */
export function assess(invoice: Invoice, ledger: Ledger, policy: Policy, now: Date): Standing {
  const trouble =
    // While a dispute is open nobody is told to refund the payment: it would go back twice.
    findOpenDispute(ledger) ??
    findHeld(ledger, policy) ??
    findRefundTrouble(ledger) ??
    findLostDispute(invoice, ledger) ??
    findVoidedAfterwards(invoice, ledger)
  if (trouble) return { state: 'attention', reason: trouble }
  return (
    findMovement(invoice, ledger) ??
    findCollection(invoice, ledger, policy, retryAt(invoice, ledger, policy, now))
  )
}

/** What a person must look at goes before everything else, also on a paid invoice. */
function findHeld(ledger: Ledger, policy: Policy): string | undefined {
  const isForPerson = ({ payment, recording }: Spare) =>
    findFailedSpareOrder(payment, ledger.lagoInvoiceId) !== undefined ||
    !isRefundedByPolicy(recording, policy)
  const held = findSpares(ledger).find(isForPerson)
  if (!held) return undefined
  const { payment, recording, amount } = held
  const money = `${formatDodo(amount, payment.currency)} of payment ${payment.dodoPaymentId}`
  const why = recording.reason ?? 'it is more than was due'
  const order = findFailedSpareOrder(payment, ledger.lagoInvoiceId)
  if (!order)
    return `${money} is held, not recorded: ${why}; refund it in Dodo, or settle it by hand`
  return `${money} could not be refunded (${order.reason ?? 'Dodo could not carry it out'}): ${why}; refund it in Dodo`
}

function findRefundTrouble({ credits, creditNotes }: Ledger): string | undefined {
  const impossible = credits.find(({ status }) => status === 'impossible')
  if (impossible)
    return `refund ${impossible.dodoRefundId} has no credit note: ${impossible.reason ?? 'Lago refused it'}`
  const reversed = credits.find(({ status }) => status === 'reversed')
  if (reversed)
    return `refund ${reversed.dodoRefundId} failed after Lago had credited it: its credit note is marked failed; refund again, or void the note`
  const unpaid = creditNotes.find(({ refundStatus }) => refundStatus === 'failed')
  if (!unpaid) return undefined
  const name = unpaid.number ?? unpaid.lagoCreditNoteId
  return `credit note ${name} was not refunded: ${unpaid.reason ?? 'Dodo refused it'}`
}

const disputesOf = (payments: readonly Payment[]) =>
  payments.flatMap((payment) => payment.disputes.map((dispute) => ({ ...dispute, payment })))

function findLostDispute(invoice: Invoice, ledger: Ledger): string | undefined {
  const lost = disputesOf(recordedPayments(ledger)).find(isLost)
  if (!lost) return undefined
  const how = lost.isByRdr ? 'Visa gave the money back by itself' : 'the money went back'
  const told = invoice.isDisputeLost ? 'Lago shows it as lost' : 'Lago could not be told'
  return `dispute ${lost.dodoDisputeId} was lost and ${how}: ${told}; collect it anew or write it off`
}

function findOpenDispute(ledger: Ledger): string | undefined {
  const ofSpare = findSpares(ledger).map(({ payment }) => payment)
  const open = disputesOf([...recordedPayments(ledger), ...ofSpare]).find(isUndecided)
  return (
    open &&
    `payment ${open.payment.dodoPaymentId} is disputed (${open.dodoDisputeId}, ${open.stage}): answer it in Dodo`
  )
}

function findVoidedAfterwards(invoice: Invoice, ledger: Ledger): string | undefined {
  if (invoice.status !== 'voided') return undefined
  const kept = recordedPayments(ledger).find(
    (payment) => refundableOf(payment, ledger.lagoInvoiceId) > 0,
  )
  const isBeingRefunded = ledger.creditNotes.some(({ refundStatus }) => refundStatus === 'pending')
  if (!kept || isBeingRefunded) return undefined
  const amount = formatDodo(refundableOf(kept, ledger.lagoInvoiceId), kept.currency)
  return `the invoice was made void after ${amount} had been paid with ${kept.dodoPaymentId}: refund it in Dodo, or leave it`
}

function findMovement(invoice: Invoice, ledger: Ledger): Standing | undefined {
  const slow = ledger.payments.find((one) => one.status === 'processing' && one.attemptId !== null)
  if (slow) {
    return {
      state: 'processing',
      reason: `payment ${slow.dodoPaymentId} is being processed by the bank`,
    }
  }
  const applied = findApplied(ledger)
  const isSettled = invoice.paymentStatus === 'succeeded' || invoice.due <= 0
  if (!applied || !isSettled || invoice.status === 'voided') return undefined
  return { state: 'paid', reason: `paid with Dodo payment ${applied.dodoPaymentId}` }
}

function findCollection(
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
  retryingAt: Date | undefined,
): Standing {
  const reason = whyNotPayable(invoice, ledger, policy)
  if (reason) return reason
  const last = findLast(invoice, ledger)
  if (last && isLive(last)) {
    const isUnderWay = ledger.payments.some((one) => one.attemptId === last.id && !isFinal(one))
    const amount = formatLago(last.share, last.currency)
    if (last.kind === 'charge')
      return { state: 'processing', reason: `the saved card is charged ${amount}` }
    const suffix = isUnderWay ? '; the customer is about to pay' : ''
    return { state: 'open', reason: `waiting for the customer to pay ${amount}${suffix}` }
  }
  if (last?.status !== 'declined') {
    return { state: 'open', reason: 'the checkout is over; the pay link opens a new one' }
  }
  const decline = `declined${last.declineCode ? ` (${last.declineCode})` : ''}`
  const next = retryingAt
    ? `the next attempt opens at ${retryingAt.toISOString()}`
    : 'no retry is left; the pay link or the Retry button start again'
  return { state: 'failed', reason: `${decline}; ${next}` }
}
