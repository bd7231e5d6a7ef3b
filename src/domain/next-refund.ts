import { isOpenOrder, refundableOf, spareOf, underWay } from './allocation.ts'
import {
  isLost,
  isUndecided,
  recordedPayments,
  type CreditNote,
  type Invoice,
  type Ledger,
  type Payment,
  type Policy,
  type Recording,
  type RefundOrder,
} from './ledger.ts'
import { formatDodo, formatLago, toDodoMinor } from './money.ts'
import { findUncredited } from './next-credit.ts'
import { provenSpareOf } from './proof.ts'
import type { Step } from './steps.ts'

/** Money that must go back to the customer: because no invoice takes it, or because Lago says so. */
export function nextRefund(
  invoice: Invoice,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): Step | undefined {
  const begun = nextBegun(ledger)
  if (begun) return begun
  const waited = findWaiting(ledger).find(({ repeatableAt }) => repeatableAt <= now)
  if (waited) return { do: 'drop_order', order: waited }
  return afresh(nextSpare(invoice, ledger, policy) ?? nextCreditNote(ledger), policy)
}

/**
 * Nothing is given back on what a payment was some time ago: a refund of it that we have not heard of would be made
 * twice. What is new about it is then decided on.
 */
function afresh(step: Step | undefined, { startedAt }: Policy): Step | undefined {
  if (step?.do !== 'order_refund') return step
  const { dodoPaymentId, observedAt, isConfirmed } = step.payment
  return isConfirmed && observedAt >= startedAt ? step : { do: 'read_payment', dodoPaymentId }
}

/** Refunds for this invoice that Dodo could not carry out yet. */
export const findWaiting = ({ payments, lagoInvoiceId }: Ledger) =>
  payments
    .flatMap(({ orders }) => orders)
    .filter((order) => order.status === 'waiting' && order.lagoInvoiceId === lagoInvoiceId)

/** What was begun is looked for and finished before anything else is. */
function nextBegun(ledger: Ledger): Step | undefined {
  for (const payment of ledger.payments) {
    const resume = payment.orders.find(
      ({ lagoInvoiceId, status }) =>
        lagoInvoiceId === ledger.lagoInvoiceId && (status === 'intended' || status === 'unknown'),
    )
    if (!resume) continue
    const { amount, cause, lagoCreditNoteId } = resume
    const creditNote = ledger.creditNotes.find((one) => one.lagoCreditNoteId === lagoCreditNoteId)
    return { do: 'order_refund', payment, resume, amount, cause, creditNote }
  }
  return undefined
}

/** Money of a payment that this invoice does not take. */
export type Spare = { payment: Payment; recording: Recording; amount: number }

export function findSpares({ lagoInvoiceId, payments, recordings }: Ledger): Spare[] {
  return payments.flatMap((payment) => {
    const recording = recordings.find(
      ({ dodoPaymentId }) => dodoPaymentId === payment.dodoPaymentId,
    )
    const isDone = recording?.status === 'recorded' || recording?.status === 'held'
    const isGone = payment.disputes.some(isLost)
    const amount = isDone && !isGone ? spareOf(payment, lagoInvoiceId) : 0
    return recording && amount > 0 ? [{ payment, recording, amount }] : []
  })
}

/**
 * What of spare money goes back without anybody being asked: what nobody can explain does not, nor does what is not
 * proven to be too much, for it may be the only money of the invoice, and a void one takes none.
 */
export function refundedByPolicy(
  { payment, recording, amount }: Spare,
  invoice: Invoice,
  ledger: Ledger,
  policy: Pick<Policy, 'duplicatePayments' | 'voidPayments'>,
): number {
  const { disposition } = recording
  const isOurs = ledger.attempts.some(({ id }) => id === payment.attemptId)
  const choice = disposition === 'late' ? policy.voidPayments : policy.duplicatePayments
  if (!isOurs || disposition === 'mismatch' || choice === 'hold') return 0
  return disposition === 'late' ? amount : provenSpareOf(payment, recording, invoice, ledger)
}

const isSpareOrder = (lagoInvoiceId: string) => (order: RefundOrder) =>
  order.lagoInvoiceId === lagoInvoiceId && order.lagoCreditNoteId === null

/** A refund of ours that Dodo refused or could not carry out: what follows is for a person. */
function findFailedOrder(payment: Payment, isMeant: (order: RefundOrder) => boolean) {
  return payment.orders.find(
    (order) =>
      isMeant(order) &&
      (order.status === 'refused' ||
        payment.refunds.some(
          ({ dodoRefundId, status }) => dodoRefundId === order.dodoRefundId && status === 'failed',
        )),
  )
}

export const findFailedSpareOrder = (payment: Payment, lagoInvoiceId: string) =>
  findFailedOrder(payment, isSpareOrder(lagoInvoiceId))

/** Dodo refunds a payment once at a time; a dispute decides about the money by itself. */
const canBeRefundedNow = (payment: Payment) =>
  !payment.orders.some((order) => isOpenOrder(order, payment)) &&
  !payment.refunds.some(({ status }) => status === 'pending' || status === 'review') &&
  !payment.disputes.some((dispute) => isLost(dispute) || isUndecided(dispute))

function nextSpare(invoice: Invoice, ledger: Ledger, policy: Policy): Step | undefined {
  for (const spare of findSpares(ledger)) {
    const { payment, recording } = spare
    const amount = refundedByPolicy(spare, invoice, ledger, policy)
    const hasFailed = findFailedSpareOrder(payment, ledger.lagoInvoiceId) !== undefined
    if (amount <= 0 || hasFailed || !canBeRefundedNow(payment)) continue
    const cause = recording.disposition === 'applied' ? 'overpayment' : recording.disposition
    return { do: 'order_refund', payment, resume: undefined, amount, cause, creditNote: undefined }
  }
  return undefined
}

/** A credit note of the merchant's that wants money given back, which only Dodo can do. */
function nextCreditNote(ledger: Ledger): Step | undefined {
  const paid = recordedPayments(ledger).toReversed()
  // An invoice that was paid outside Dodo is refunded outside Dodo.
  if (paid.length === 0) return undefined
  for (const creditNote of ledger.creditNotes) {
    if (creditNote.refundStatus !== 'pending') continue
    const made = findMade(creditNote, ledger)
    if (made) return made
    const step = carryOut(creditNote, paid, ledger)
    if (step) return step
  }
  return undefined
}

/**
 * A note for the very amount of a refund that no note stands for is that refund's, whatever came first: the merchant
 * refunded in Dodo what the note is about, or wrote by hand the note that Lago had refused us.
 */
function findMade(creditNote: CreditNote, ledger: Ledger): Step | undefined {
  const { lagoCreditNoteId } = creditNote
  const isBegun = ledger.payments.some(({ orders }) =>
    orders.some((order) => order.lagoCreditNoteId === lagoCreditNoteId),
  )
  if (isBegun) return undefined
  const uncredited = findUncredited(ledger).find(
    ({ amount, payment }) => toDodoMinor(creditNote.amount, payment.currency) === amount,
  )
  return uncredited && { do: 'take_credit_note', uncredited, lagoCreditNoteId }
}

function carryOut(creditNote: CreditNote, paid: Payment[], ledger: Ledger): Step | undefined {
  const { lagoInvoiceId } = ledger
  const isFor = (order: RefundOrder) => order.lagoCreditNoteId === creditNote.lagoCreditNoteId
  const currency = paid[0]?.currency ?? ''
  const refunds = paid.flatMap((payment) => succeededOf(payment, isFor))
  const answer = (outcome: 'succeeded' | 'failed', reason: string | null): Step => ({
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
    order.lagoInvoiceId === lagoInvoiceId && order.lagoCreditNoteId !== null
  const available = paid.map((payment) => ({
    payment,
    amount: payment.disputes.some(isLost)
      ? 0
      : refundableOf(payment, lagoInvoiceId) - underWay(payment, isOther),
  }))
  const most = available.reduce((sum, { amount }) => sum + amount, 0)
  if (most < rest) {
    const wanted = formatLago(creditNote.amount, currency)
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
