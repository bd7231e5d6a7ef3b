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
import { findStuck, findUnmended } from './next-credit.ts'
import {
  findFailedSpareOrder,
  findSpares,
  findWaiting,
  refundedByPolicy,
  type Spare,
} from './next-refund.ts'
import { provenSpareOf } from './proof.ts'

/** What of the policy decides whether a person must look. */
export type Choices = Pick<Policy, 'duplicatePayments' | 'voidPayments' | 'isFreeLicense'>

/** Where the invoice stands once nothing is left to do about it for now. */
export function assess(invoice: Invoice, ledger: Ledger, policy: Policy, now: Date): Standing {
  const trouble = findTroubles(invoice, ledger, policy).find(
    (one) => !ledger.dismissed.includes(one),
  )
  if (trouble) return { state: 'attention', reason: trouble }
  return (
    findMovement(invoice, ledger) ??
    findCollection(invoice, ledger, policy, retryAt(invoice, ledger, policy, now))
  )
}

/** Everything that a person must look at, the most urgent first; each may be put aside by its words. */
export function findTroubles(invoice: Invoice, ledger: Ledger, policy: Choices): string[] {
  return [
    // While a dispute is open nobody is told to refund the payment: it would go back twice.
    ...findOpenDisputes(ledger),
    ...findHeld(invoice, ledger, policy),
    ...findRefundTroubles(ledger, policy),
    ...findLostDisputes(invoice, ledger),
    ...findVoidedAfterwards(invoice, ledger),
  ]
}

/** What a person must look at goes before everything else, also on a paid invoice. */
function findHeld(invoice: Invoice, ledger: Ledger, policy: Choices): string[] {
  return findSpares(ledger).flatMap((spare) => {
    const { payment, recording, amount } = spare
    const why = recording.reason ?? 'it is more than was due'
    const failed = findFailedSpareOrder(payment, ledger.lagoInvoiceId)
    if (failed) {
      const money = `${formatDodo(amount, payment.currency)} of payment ${payment.dodoPaymentId}`
      return `${money} could not be refunded (${failed.reason ?? 'Dodo could not carry it out'}): ${why}; refund it in Dodo`
    }
    const held = amount - refundedByPolicy(spare, invoice, ledger, policy)
    const money = `${formatDodo(held, payment.currency)} of payment ${payment.dodoPaymentId}`
    return held > 0
      ? `${money} is held, not recorded: ${why}; ${adviceOn(spare, held, invoice, ledger)}`
      : []
  })
}

/** Nobody is told to give back what may be the only money of an invoice. */
function adviceOn(
  { payment, recording }: Spare,
  held: number,
  invoice: Invoice,
  ledger: Ledger,
): string {
  const isOurs = ledger.attempts.some(({ id }) => id === payment.attemptId)
  if (!isOurs)
    return `if it is this invoice's, record it in Lago under the reference ${payment.dodoPaymentId} and it is counted by itself; if not, settle it by hand`
  const isDoubtful = recording.disposition === 'duplicate' || recording.disposition === 'applied'
  if (isDoubtful && provenSpareOf(payment, recording, invoice, ledger) < held)
    return `whether Lago counts this very money is not known: if it does, put this aside (bridge dismiss); if it was paid twice, give it back in Dodo`
  return 'refund it in Dodo, or settle it by hand'
}

function findRefundTroubles(ledger: Ledger, policy: Choices): string[] {
  const waiting = findWaiting(ledger).map((order) => {
    const currency = ledger.payments.find(
      ({ dodoPaymentId }) => dodoPaymentId === order.dodoPaymentId,
    )?.currency
    const money = `${formatDodo(order.amount, currency ?? '')} of payment ${order.dodoPaymentId}`
    return `${money} could not be refunded yet: ${order.reason ?? 'Dodo cannot do it now'}; tried again at ${order.repeatableAt.toISOString()}`
  })
  const stuck = findStuck(ledger, policy).map(
    ({ uncredited: { refund }, reason }) =>
      `refund ${refund.dodoRefundId} has no credit note: ${reason ?? 'Lago refused it'}`,
  )
  const reversed = findUnmended(ledger).map(
    ({ dodoRefundId }) =>
      `refund ${dodoRefundId} failed after Lago had credited it: its credit note is marked failed; refund the same amount again, or settle the note in Lago`,
  )
  const unpaid = ledger.creditNotes
    .filter(({ refundStatus }) => refundStatus === 'failed')
    .map(
      ({ number, lagoCreditNoteId, reason }) =>
        `credit note ${number ?? lagoCreditNoteId} was not refunded: ${reason ?? 'Dodo refused it'}`,
    )
  return [...waiting, ...unpaid, ...stuck, ...reversed]
}

const disputesOf = (payments: readonly Payment[]) =>
  payments.flatMap((payment) => payment.disputes.map((dispute) => ({ ...dispute, payment })))

function findLostDisputes(invoice: Invoice, ledger: Ledger): string[] {
  const told = invoice.isDisputeLost ? 'Lago shows it as lost' : 'Lago could not be told'
  return disputesOf(recordedPayments(ledger))
    .filter(isLost)
    .map(({ dodoDisputeId, isByRdr }) => {
      const how = isByRdr ? 'Visa gave the money back by itself' : 'the money went back'
      return `dispute ${dodoDisputeId} was lost and ${how}: ${told}; collect it anew or write it off`
    })
}

function findOpenDisputes(ledger: Ledger): string[] {
  const ofSpare = findSpares(ledger).map(({ payment }) => payment)
  return disputesOf([...new Set([...recordedPayments(ledger), ...ofSpare])])
    .filter(isUndecided)
    .map(
      ({ payment, dodoDisputeId, stage }) =>
        `payment ${payment.dodoPaymentId} is disputed (${dodoDisputeId}, ${stage}): answer it in Dodo`,
    )
}

function findVoidedAfterwards(invoice: Invoice, ledger: Ledger): string[] {
  if (invoice.status !== 'voided') return []
  const kept = recordedPayments(ledger).find(
    (payment) => refundableOf(payment, ledger.lagoInvoiceId) > 0,
  )
  const isBeingRefunded = ledger.creditNotes.some(({ refundStatus }) => refundStatus === 'pending')
  if (!kept || isBeingRefunded) return []
  const amount = formatDodo(refundableOf(kept, ledger.lagoInvoiceId), kept.currency)
  return [
    `the invoice was made void after ${amount} had been paid with ${kept.dodoPaymentId}: refund it in Dodo, or leave it`,
  ]
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
