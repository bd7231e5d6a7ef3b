import { isOpenOrder, spareOf } from './allocation.ts'
import {
  isLost,
  isUndecided,
  type Ledger,
  type Payment,
  type Policy,
  type Recording,
  type Refund,
  type RefundOrder,
} from '../ledger.ts'
import type { Receivable } from '../receivable.ts'
import type { MoneyStep } from './steps.ts'

/** Money that must go back to the customer because nobody takes it, and every refund that was begun. */
export function nextRefund(
  receivable: Receivable,
  ledger: Ledger,
  policy: Policy,
  now: Date,
): MoneyStep | undefined {
  const begun = nextBegun(ledger)
  if (begun) return begun
  const waited = findWaiting(ledger).find(({ repeatableAt }) => repeatableAt <= now)
  if (waited) return { do: 'drop_order', order: waited }
  return afresh(nextSpare(receivable, ledger, policy), policy)
}

type RefundStep = Extract<MoneyStep, { do: 'order_refund' }>
const isRefund = <Step extends { do: string }>(step: Step | undefined): step is Step & RefundStep =>
  step?.do === 'order_refund'

/**
 * Nothing is given back on what a payment was some time ago: a refund of it that we have not heard of would be made
 * twice. What is new about it is then decided on.
 */
export function afresh<Step extends { do: string }>(
  step: Step | undefined,
  { startedAt }: Policy,
): Step | Extract<MoneyStep, { do: 'read_payment' }> | undefined {
  if (!isRefund(step)) return step
  const { dodoPaymentId, observedAt, isConfirmed } = step.payment
  return isConfirmed && observedAt >= startedAt ? step : { do: 'read_payment', dodoPaymentId }
}

/** Refunds for this receivable that Dodo could not carry out yet. */
export const findWaiting = ({ payments, receivableId }: Ledger) =>
  payments
    .flatMap(({ orders }) => orders)
    .filter((order) => order.status === 'waiting' && order.receivableId === receivableId)

/** What was begun is looked for and finished before anything else is. */
function nextBegun(ledger: Ledger): MoneyStep | undefined {
  for (const payment of ledger.payments) {
    const resume = payment.orders.find(
      ({ receivableId, status }) =>
        receivableId === ledger.receivableId && (status === 'intended' || status === 'unknown'),
    )
    if (!resume) continue
    const { amount, cause, creditNoteId } = resume
    const creditNote = creditNoteId === null ? undefined : { creditNoteId, number: null }
    return { do: 'order_refund', payment, resume, amount, cause, creditNote }
  }
  return undefined
}

/** Money of a payment that this receivable does not take. */
export type Spare = { payment: Payment; recording: Recording; amount: number }

export function findSpares({
  receivableId,
  payments,
  recordings,
}: Pick<Ledger, 'receivableId' | 'payments' | 'recordings'>): Spare[] {
  return payments.flatMap((payment) => {
    const recording = recordings.find(
      ({ dodoPaymentId }) => dodoPaymentId === payment.dodoPaymentId,
    )
    const isDone = recording?.status === 'recorded' || recording?.status === 'held'
    const isGone = payment.disputes.some(isLost)
    const amount = isDone && !isGone ? spareOf(payment, receivableId) : 0
    return recording && amount > 0 ? [{ payment, recording, amount }] : []
  })
}

/** Money that an attempt of ours brought and the books do not count: nothing more is asked for beside it. */
export const findUncounted = (ledger: Ledger): Spare[] =>
  findSpares(ledger).filter(
    ({ payment, recording }) =>
      recording.status === 'held' &&
      !payment.isSetup &&
      ledger.attempts.some(({ id }) => id === payment.attemptId),
  )

/**
 * What of spare money goes back: what a person said, and without anybody being asked only what is certain. What nobody
 * can explain does not, nor does what is not proven to be too much (I9), for it may be the only money of the
 * receivable, and a void one takes none.
 */
export function refundedByPolicy(
  spare: Spare,
  receivable: Receivable,
  ledger: Ledger,
  policy: Pick<Policy, 'duplicatePayments' | 'voidPayments'>,
): number {
  const { payment, recording, amount } = spare
  if (recording.ruling === 'accepted') return 0
  if (isOrderedByPerson(spare, ledger)) return Math.min(amount, recording.ruledAmount ?? 0)
  const { disposition } = recording
  const isOurs = ledger.attempts.some(({ id }) => id === payment.attemptId)
  const choice = disposition === 'late' ? policy.voidPayments : policy.duplicatePayments
  if (!isOurs || disposition === 'mismatch' || choice === 'hold') return 0
  return disposition === 'late' ? amount : receivable.proveSpare(payment, recording)
}

/** Whether a person said to give it back, and what became of that is not known yet: each word is for one refund. */
function isOrderedByPerson({ payment, recording }: Spare, { receivableId }: Ledger): boolean {
  const { ruling, ruledAt } = recording
  if (ruling !== 'give_back' || !ruledAt) return false
  if (isContestedSince(payment, ruledAt)) return false
  const isMeant = isSpareOrder(receivableId)
  return !payment.orders.some(
    (order) => isMeant(order) && !isBefore(order, ruledAt) && !isOpenOrder(order, payment),
  )
}

/** Whoever said so then did not know of the dispute: won weeks later, giving back wants another word. */
export const isContestedSince = ({ disputes }: Pick<Payment, 'disputes'>, at: Date) =>
  disputes.some(({ openedAt, observedAt }) => {
    const since = openedAt ?? observedAt
    return since !== undefined && since > at
  })

const isBefore = ({ orderedAt }: RefundOrder, at: Date | null | undefined) =>
  Boolean(at && orderedAt && orderedAt < at)

/** What of spare money a person has settled otherwise, in Dodo's minor units. */
export const acceptedOf = ({ recording, amount }: Spare) =>
  recording.ruling === 'accepted' ? Math.min(amount, recording.ruledAmount ?? 0) : 0

const isSpareOrder = (receivableId: string) => (order: RefundOrder) =>
  order.receivableId === receivableId && order.creditNoteId === null

/** A refund of ours that Dodo refused or could not carry out: what follows is for a person. */
export function findFailedOrder(payment: Payment, isMeant: (order: RefundOrder) => boolean) {
  return payment.orders.find(
    (order) =>
      isMeant(order) &&
      (order.status === 'refused' ||
        payment.refunds.some(
          ({ dodoRefundId, status }) => dodoRefundId === order.dodoRefundId && status === 'failed',
        )),
  )
}

/** The same of spare money, since a person last decided about it. */
export function findFailedSpareOrder(
  payment: Payment,
  receivableId: string,
  recording?: Pick<Recording, 'ruledAt'>,
) {
  const isMeant = isSpareOrder(receivableId)
  return findFailedOrder(payment, (order) => isMeant(order) && !isBefore(order, recording?.ruledAt))
}

/** Whether it is certain what a refund has given back; words that we do not know are not final. */
const isDone = ({ status, amount }: Refund) =>
  status === 'failed' || (status === 'succeeded' && amount !== null)

/** Dodo refunds a payment once at a time; a dispute decides about the money by itself. */
export const canBeRefundedNow = (payment: Payment) =>
  !payment.orders.some((order) => isOpenOrder(order, payment)) &&
  payment.refunds.every(isDone) &&
  !payment.disputes.some((dispute) => isLost(dispute) || isUndecided(dispute))

function nextSpare(receivable: Receivable, ledger: Ledger, policy: Policy): RefundStep | undefined {
  for (const spare of findSpares(ledger)) {
    const { payment, recording } = spare
    const amount = refundedByPolicy(spare, receivable, ledger, policy)
    const hasFailed = findFailedSpareOrder(payment, ledger.receivableId, recording) !== undefined
    if (amount <= 0 || hasFailed || !canBeRefundedNow(payment)) continue
    if (receivable.isToBeLookedFor?.(payment, recording)) continue
    const cause = recording.disposition === 'applied' ? 'overpayment' : recording.disposition
    return { do: 'order_refund', payment, resume: undefined, amount, cause, creditNote: undefined }
  }
  return undefined
}
