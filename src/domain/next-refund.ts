import { allocateRefunds, isOpenOrder, refundableOf, spareOf, underWay } from './allocation.ts'
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
import type { Step } from './steps.ts'

/** Money that must go back to the customer: because no invoice takes it, or because Lago says so. */
export function nextRefund(ledger: Ledger, policy: Policy, now: Date): Step | undefined {
  return nextBegun(ledger, now) ?? nextSpare(ledger, policy) ?? nextCreditNote(ledger)
}

/** What was begun is looked for and finished before anything else is. */
function nextBegun(ledger: Ledger, now: Date): Step | undefined {
  for (const payment of ledger.payments) {
    const resume = payment.orders.find(
      ({ lagoInvoiceId, status, repeatableAt }) =>
        lagoInvoiceId === ledger.lagoInvoiceId &&
        (status === 'intended' ||
          status === 'unknown' ||
          (status === 'waiting' && repeatableAt <= now)),
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

/** Whether the merchant wants such money refunded without being asked. What nobody can explain never is. */
export function isRefundedByPolicy({ disposition }: Recording, policy: Policy): boolean {
  if (disposition === 'mismatch') return false
  const choice = disposition === 'late' ? policy.voidPayments : policy.duplicatePayments
  return choice === 'refund'
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

function nextSpare(ledger: Ledger, policy: Policy): Step | undefined {
  for (const { payment, recording, amount } of findSpares(ledger)) {
    const isOurs = ledger.attempts.some(({ id }) => id === payment.attemptId)
    const hasFailed = findFailedSpareOrder(payment, ledger.lagoInvoiceId) !== undefined
    if (!isOurs || !isRefundedByPolicy(recording, policy) || hasFailed) continue
    if (!canBeRefundedNow(payment)) continue
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
    const step = carryOut(creditNote, paid, ledger)
    if (step) return step
  }
  return undefined
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

/** A refund that the merchant made in Dodo becomes a credit note, and one that failed after all is taken back. */
export function nextCredit(invoice: Invoice, ledger: Ledger, policy: Policy): Step | undefined {
  // What Lago shows to nobody yet cannot be credited yet; it is announced as soon as it can.
  if (invoice.status === 'open') return undefined
  const done = new Set(
    ledger.credits
      .filter(
        ({ status, needsLicense }) =>
          status === 'credited' ||
          status === 'reversed' ||
          (status === 'impossible' && (!needsLicense || policy.isFreeLicense)),
      )
      .map(({ dodoRefundId }) => dodoRefundId),
  )
  for (const payment of ledger.payments) {
    const recording = ledger.recordings.find((one) => one.dodoPaymentId === payment.dodoPaymentId)
    if (recording?.status !== 'recorded') continue
    // Until all of it is where it belongs, which part a refund gives back is not certain.
    if (!payment.parts.every(({ isSettled }) => isSettled)) continue
    const untold = findUntold(payment, ledger)
    if (untold) return { do: 'tell_credit', ...untold }
    const reversed = findReversed(payment, ledger)
    if (reversed) return { do: 'reverse_credit', dodoRefundId: reversed }
    const next = allocateRefunds(payment).find(
      ({ refund, purpose, lagoInvoiceId }) =>
        purpose === 'taken' &&
        lagoInvoiceId === ledger.lagoInvoiceId &&
        !done.has(refund.dodoRefundId) &&
        !isForCreditNote(refund.dodoRefundId, payment),
    )
    if (next) return { do: 'credit_refund', payment, refund: next.refund, amount: next.amount }
  }
  return undefined
}

/** A note of ours whose refund Lago was not told to have arrived: the answer was lost, or came to nothing. */
function findUntold({ dodoPaymentId, refunds }: Payment, { credits }: Ledger) {
  const untold = refunds.find(
    ({ dodoRefundId, status }) =>
      status === 'succeeded' &&
      credits.some(
        (one) =>
          one.dodoRefundId === dodoRefundId && one.status === 'credited' && one.toldAt === null,
      ),
  )
  return untold && { dodoRefundId: untold.dodoRefundId, dodoPaymentId }
}

const isForCreditNote = (dodoRefundId: string, { orders }: Payment) =>
  orders.some((order) => order.dodoRefundId === dodoRefundId && order.lagoCreditNoteId !== null)

const findReversed = ({ refunds }: Payment, { credits }: Ledger) =>
  refunds.find(
    ({ dodoRefundId, status }) =>
      status === 'failed' &&
      credits.some((one) => one.dodoRefundId === dodoRefundId && one.status === 'credited'),
  )?.dodoRefundId
