import { refundableOf } from '../../../collect/decide/allocation.ts'
import { findLast, whyNotPayable } from '../../../collect/decide/course.ts'
import { retryAt } from '../../../collect/decide/next-attempt.ts'
import {
  acceptedOf,
  findFailedSpareOrder,
  findSpares,
  findUncounted,
  findWaiting,
  refundedByPolicy,
  type Spare,
} from '../../../collect/decide/next-refund.ts'
import {
  findApplied,
  isFinal,
  isLive,
  isLost,
  isUndecided,
  recordedPayments,
  type Disposition,
  type Ledger,
  type Payment,
} from '../../../collect/ledger.ts'
import { formatDodo, formatBooks } from '../../../collect/money.ts'
import type { ReasonCode, Receivable, Standing } from '../../../collect/receivable.ts'
import type { Invoice, InvoiceLedger, InvoicePolicy } from './invoice.ts'
import { findDoubtful } from './next-credit-note.ts'
import { findStuck, findToCredit, findUnmended } from './next-credit.ts'
import { asReceivable } from './receivable.ts'

/** What of the policy decides whether a person must look. */
export type Choices = Pick<
  InvoicePolicy,
  'duplicatePayments' | 'voidPayments' | 'isFreeLicense' | 'collectSince'
>

/** Something that a person must look at. */
export type Trouble = { code: ReasonCode; reason: string }

/** Where the invoice stands once nothing is left to do about it for now. */
export function assess(
  invoice: Invoice,
  ledger: InvoiceLedger,
  policy: InvoicePolicy,
  now: Date,
): Standing {
  const trouble = findTroubles(invoice, ledger, policy).find(
    ({ reason }) => !ledger.dismissed.includes(reason),
  )
  if (trouble) return { state: 'attention', ...trouble }
  const receivable = asReceivable(invoice, ledger, policy)
  return (
    findMovement(invoice, ledger) ??
    findHindrance(receivable, ledger, policy) ??
    findCollection(receivable, ledger, retryAt(receivable, ledger, policy, now))
  )
}

/** Everything that a person must look at, the most urgent first; each may be put aside by its words. */
export function findTroubles(invoice: Invoice, ledger: InvoiceLedger, policy: Choices): Trouble[] {
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
function findHeld(invoice: Invoice, ledger: InvoiceLedger, policy: Choices): Trouble[] {
  const receivable = asReceivable(invoice, ledger, policy)
  return findSpares(ledger).flatMap((spare) => {
    const { payment, recording, amount } = spare
    const why = recording.reason ?? 'it is more than was due'
    const failed = findFailedSpareOrder(payment, ledger.receivableId, recording)
    if (failed) {
      const money = `${formatDodo(amount, payment.currency)} of payment ${payment.dodoPaymentId}`
      const cause = failed.reason ?? 'Dodo could not carry it out'
      return {
        code: failed.status === 'refused' ? 'refund_refused' : 'refund_failed',
        reason: `${money} could not be refunded (${cause}): ${why}; refund it in Dodo`,
      }
    }
    const going = refundedByPolicy(spare, receivable, ledger, policy)
    const held = amount - going - acceptedOf(spare)
    const money = `${formatDodo(held, payment.currency)} of payment ${payment.dodoPaymentId}`
    if (held <= 0) return []
    const advice = adviceOn(spare, held, receivable, ledger)
    return {
      code: HELD[recording.disposition],
      reason: `${money} is held, not recorded: ${why}; ${advice}`,
    }
  })
}

/** What was recorded in part is held for the rest: more was paid than was due. */
const HELD: Readonly<Record<Disposition, ReasonCode>> = {
  applied: 'held_overpaid',
  duplicate: 'held_duplicate',
  late: 'held_late',
  mismatch: 'held_mismatch',
}

/** Nobody is told to give back what may be the only money of an invoice. */
function adviceOn(
  { payment, recording }: Spare,
  held: number,
  receivable: Receivable,
  ledger: Ledger,
): string {
  const isOurs = ledger.attempts.some(({ id }) => id === payment.attemptId)
  if (!isOurs)
    return `if it is this invoice's, record it in Lago under the reference ${payment.dodoPaymentId} and it is counted by itself; if not, settle it by hand`
  const isDoubtful = recording.disposition === 'duplicate' || recording.disposition === 'applied'
  if (isDoubtful && receivable.proveSpare(payment, recording) < held)
    return `whether Lago counts this very money is not known: if it does, put this aside (bridge dismiss); if it was paid twice, give it back in Dodo`
  return 'refund it in Dodo, or settle it by hand'
}

function findRefundTroubles(ledger: InvoiceLedger, policy: Choices): Trouble[] {
  const waiting = findWaiting(ledger).map((order): Trouble => {
    const currency = ledger.payments.find(
      ({ dodoPaymentId }) => dodoPaymentId === order.dodoPaymentId,
    )?.currency
    const money = `${formatDodo(order.amount, currency ?? '')} of payment ${order.dodoPaymentId}`
    const cause = order.reason ?? 'Dodo cannot do it now'
    const again = order.repeatableAt.toISOString()
    return {
      code: 'refund_refused',
      reason: `${money} could not be refunded yet: ${cause}; tried again at ${again}`,
    }
  })
  const stuck = findStuck(ledger, policy).map(({ uncredited: { refund }, reason }): Trouble => ({
    code: 'credit_impossible',
    reason: `refund ${refund.dodoRefundId} has no credit note: ${reason ?? 'Lago refused it'}`,
  }))
  const doubtful = findDoubtful(ledger).map(({ number, creditNoteId }): Trouble => {
    const refunds = findToCredit(ledger).map(({ refund }) => refund.dodoRefundId)
    return {
      code: 'credit_note_unrefunded',
      reason: `credit note ${number ?? creditNoteId} is not paid out: it may stand for ${refunds.join(', ')}, which Lago let the bridge write no note for; if it does, set it to succeeded in Lago; if not, refund its amount in Dodo`,
    }
  })
  const reversed = findUnmended(ledger).map(({ dodoRefundId }): Trouble => ({
    code: 'credit_reversed',
    reason: `refund ${dodoRefundId} failed after Lago had credited it: its credit note is marked failed; refund the same amount again, or settle the note in Lago`,
  }))
  const unpaid = ledger.creditNotes
    .filter(({ refundStatus }) => refundStatus === 'failed')
    .map(({ number, creditNoteId, reason }): Trouble => ({
      code: 'credit_note_unrefunded',
      reason: `credit note ${number ?? creditNoteId} was not refunded: ${reason ?? 'Dodo refused it'}`,
    }))
  return [...waiting, ...unpaid, ...doubtful, ...stuck, ...reversed]
}

const disputesOf = (payments: readonly Payment[]) =>
  payments.flatMap((payment) => payment.disputes.map((dispute) => ({ ...dispute, payment })))

function findLostDisputes(invoice: Invoice, ledger: Ledger): Trouble[] {
  const told = invoice.isDisputeLost ? 'Lago shows it as lost' : 'Lago could not be told'
  return disputesOf(recordedPayments(ledger))
    .filter(isLost)
    .map(({ dodoDisputeId, isByRdr }): Trouble => {
      const how = isByRdr ? 'Visa gave the money back by itself' : 'the money went back'
      return {
        code: 'dispute_lost',
        reason: `dispute ${dodoDisputeId} was lost and ${how}: ${told}; collect it anew or write it off`,
      }
    })
}

function findOpenDisputes(ledger: Ledger): Trouble[] {
  const ofSpare = findSpares(ledger).map(({ payment }) => payment)
  return disputesOf([...new Set([...recordedPayments(ledger), ...ofSpare])])
    .filter(isUndecided)
    .map(({ payment, dodoDisputeId, stage }): Trouble => ({
      code: 'dispute_open',
      reason: `payment ${payment.dodoPaymentId} is disputed (${dodoDisputeId}, ${stage}): answer it in Dodo`,
    }))
}

function findVoidedAfterwards(invoice: Invoice, ledger: InvoiceLedger): Trouble[] {
  if (invoice.status !== 'voided') return []
  const kept = recordedPayments(ledger).find(
    (payment) => refundableOf(payment, ledger.receivableId) > 0,
  )
  const isBeingRefunded = ledger.creditNotes.some(({ refundStatus }) => refundStatus === 'pending')
  if (!kept || isBeingRefunded) return []
  const amount = formatDodo(refundableOf(kept, ledger.receivableId), kept.currency)
  const reason = `the invoice was made void after ${amount} had been paid with ${kept.dodoPaymentId}: refund it in Dodo, or leave it`
  return [{ code: 'void_after_paid', reason }]
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

/**
 * Who dealt with held money may not have told Lago, which goes on asking for it. Whether the customer owes that much
 * again only a person knows: neither a card is charged nor a checkout opened on a guess.
 */
function findHindrance(
  receivable: Receivable,
  ledger: Ledger,
  policy: InvoicePolicy,
): Standing | undefined {
  const [spare] = receivable.whyNotCollected ? [] : findUncounted(ledger)
  if (!spare) return undefined
  const { payment, recording, amount } = spare
  const isGoing = refundedByPolicy(spare, receivable, ledger, policy) >= amount
  if (isGoing && !findFailedSpareOrder(payment, ledger.receivableId, recording)) {
    const why = 'money that came for it is on its way back'
    return { state: 'open', reason: `${why}; the pay link asks for nothing until it is there` }
  }
  const due = `${formatBooks(receivable.due, receivable.currency)} is due in Lago`
  const money = `the ${formatDodo(amount, payment.currency)} that payment ${payment.dodoPaymentId} brought for it`
  return {
    state: 'attention',
    code: HELD[recording.disposition],
    reason: `${due}, and is not asked for beside ${money} and that is dealt with: mark the invoice as paid in Lago, or make it void`,
  }
}

function findCollection(
  receivable: Receivable,
  ledger: Ledger,
  retryingAt: Date | undefined,
): Standing {
  const reason = whyNotPayable(receivable, ledger)
  if (reason) return reason
  const last = findLast(receivable, ledger)
  if (last && isLive(last)) {
    const isUnderWay = ledger.payments.some((one) => one.attemptId === last.id && !isFinal(one))
    const amount = formatBooks(last.share, last.currency)
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
