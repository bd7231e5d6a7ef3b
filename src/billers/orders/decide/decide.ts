import { spareOf } from '../../../collect/decide/allocation.ts'
import { heardOf, inOrder, money } from '../../../collect/decide/decide.ts'
import { isMoneyInHand } from '../../../collect/decide/next-attempt.ts'
import { afresh, canBeRefundedNow } from '../../../collect/decide/next-refund.ts'
import type { MoneyStep, Repose } from '../../../collect/decide/steps.ts'
import { classifyDecline } from '../../../collect/declines.ts'
import {
  isLive,
  isLost,
  type Disposition,
  type Ledger,
  type Payment,
  type Policy,
  type Recording,
} from '../../../collect/ledger.ts'
import { toDodoMinor } from '../../../collect/money.ts'
import type { Receivable, Standing } from '../../../collect/receivable.ts'
import { assess, supersededOf } from './assess.ts'
import { findAppliedTo, leftOf } from './money-of-order.ts'
import type { Order, RefundRequest } from './order.ts'

export type Step =
  | MoneyStep
  | { do: 'record'; payment: Payment; disposition: Disposition }
  | { do: 'give_up'; recording: Recording; as: 'duplicate' | 'late' }
  /** A refund that was asked for, and can never be made of what is left: nothing came of it. */
  | { do: 'drop_request'; id: string }
  /** Nobody will pay it any more: written down, so that it is never charged after that was said. */
  | { do: 'close'; reason: string }
  | ({ do: 'rest'; standing: Standing } & Repose)

/** What is to be done next about one order: first what the money in hand wants, then what it counts as, then what is asked for. */
export function decide(
  order: Order,
  requests: readonly RefundRequest[],
  unordered: Ledger,
  policy: Policy,
  now: Date,
): Step {
  const whole = inOrder(order.isCharged ? withoutWish(unordered) : unordered)
  const ledger = heardOf(whole, now)
  const receivable = asReceivable(order, ledger)
  const step =
    money.inHand(receivable, whole, policy, now) ??
    nextRecording(order, ledger) ??
    nextGivenUp(order, ledger, now) ??
    afresh(nextRequested(order, requests, ledger), policy) ??
    nextDropped(requests, ledger) ??
    nextAsked(order, receivable, whole, policy, now)
  if (step) return step
  const repose = money.atRest(receivable, whole, policy, now)
  return {
    do: 'rest',
    standing: assess(order, ledger),
    ...repose,
    wakeAt: earlier(repose.wakeAt, findLeftUntil(order, ledger)),
    isPayable: repose.isPayable && !order.isCharged,
  }
}

/** Nobody can pay a charge on a page, so that somebody has come to one is no reason to end it. */
const withoutWish = (ledger: Ledger): Ledger => ({ ...ledger, requestedBy: null })

/** What the core goes by. A payment that was made for the order beside another is proven to be too much. */
function asReceivable(order: Order, ledger: Ledger): Receivable {
  const why = whyNotCollected(order, ledger)
  return {
    currency: order.currency,
    due: order.due,
    paid: 0,
    payer: order.payer,
    whyNotCollected: why,
    whyNotAsked: why,
    cause: 'invoice',
    members: undefined,
    proveSpare: (payment) => spareOf(payment, ledger.receivableId),
  }
}

function whyNotCollected(order: Order, ledger: Ledger): Standing | undefined {
  if (findAppliedTo(ledger)) return { state: 'paid', reason: 'paid' }
  if (order.isSuperseded) return supersededOf(order)
  return order.closed === null ? undefined : { state: 'failed', reason: order.closed }
}

/** What a payment that succeeded counts as, once and for ever but for what a later order made too much. */
function nextRecording(order: Order, ledger: Ledger): Step | undefined {
  const payment = ledger.payments.find(
    (one) =>
      one.status === 'succeeded' &&
      one.isConfirmed &&
      !one.isSetup &&
      !ledger.recordings.some(({ dodoPaymentId }) => dodoPaymentId === one.dodoPaymentId),
  )
  return payment && { do: 'record', payment, disposition: dispositionOf(payment, order, ledger) }
}

/** How long somebody has to pay what is asked for instead, or to ask for what was paid again. */
const LEFT_MS = 24 * 3_600_000

/** What its source was never told of, and another order took the place of: too much once that one is paid, and late when nobody pays that. */
function nextGivenUp(order: Order, ledger: Ledger, now: Date): Step | undefined {
  const recording = findAppliedTo(ledger)
  if (!recording) return undefined
  if (order.isReplaced) return { do: 'give_up', recording, as: 'duplicate' }
  const leftUntil = findLeftUntil(order, ledger)
  return leftUntil && leftUntil <= now ? { do: 'give_up', recording, as: 'late' } : undefined
}

/** Until when its money waits for what becomes of the order that took its place; not once anybody has touched it. */
function findLeftUntil({ supersededAt }: Order, ledger: Ledger): Date | undefined {
  const recording = findAppliedTo(ledger)
  if (!supersededAt || !recording) return undefined
  const payment = ledger.payments.find((one) => one.dodoPaymentId === recording.dodoPaymentId)
  const isTouched =
    payment && [payment.refunds, payment.orders, payment.disputes].some((some) => some.length > 0)
  return payment && !isTouched ? new Date(supersededAt.getTime() + LEFT_MS) : undefined
}

const earlier = (one: Date | undefined, other: Date | undefined) =>
  one && other ? (one < other ? one : other) : (one ?? other)

/** P1: exactly its amount and currency, through an attempt that was opened for it. */
function dispositionOf(payment: Payment, order: Order, ledger: Ledger): Disposition {
  const isOurs = ledger.attempts.some(({ id }) => id === payment.attemptId)
  const { currency, due } = order
  const isExact = payment.currency === currency && payment.amount === toDodoMinor(due, currency)
  if (!isOurs || !isExact) return 'mismatch'
  if (findAppliedTo(ledger)) return 'duplicate'
  return order.isSuperseded || order.closed !== null ? 'late' : 'applied'
}

/** Those that nothing was asked of Dodo for yet, each with the payment that it is about. */
const unplacedOf = (requests: readonly RefundRequest[], { payments }: Ledger) =>
  requests.flatMap((request) => {
    const payment = payments.find((one) => one.dodoPaymentId === request.dodoPaymentId)
    const isPlaced = payment?.orders.some(({ creditNoteId }) => creditNoteId === request.id)
    return payment && !isPlaced ? [{ ...request, payment }] : []
  })

/** Dodo refunds a payment once at a time: the others wait. */
function nextRequested(
  { words }: Order,
  requests: readonly RefundRequest[],
  ledger: Ledger,
): Extract<MoneyStep, { do: 'order_refund' }> | undefined {
  for (const { id, payment, amount } of unplacedOf(requests, ledger)) {
    if (!canBeRefundedNow(payment) || amount > leftOf(payment)) continue
    const creditNote = { creditNoteId: id, number: null }
    const cause = words.asked
    return { do: 'order_refund', payment, resume: undefined, amount, cause, creditNote }
  }
  return undefined
}

/** Somebody gave the money back otherwise, or a dispute took it: kept, it would stand in the way of what is left. */
function nextDropped(requests: readonly RefundRequest[], ledger: Ledger): Step | undefined {
  const vain = unplacedOf(requests, ledger).find(({ payment, amount }) =>
    canBeRefundedNow(payment) ? amount > leftOf(payment) : payment.disputes.some(isLost),
  )
  return vain && { do: 'drop_request', id: vain.id }
}

/** A charge has no page that somebody could be sent to instead: where one would be opened, it has failed. */
function nextAsked(
  order: Order,
  receivable: Receivable,
  whole: Ledger,
  policy: Policy,
  now: Date,
): Step | undefined {
  const step = money.toAsk(receivable, whole, policy, now)
  if (!order.isCharged || receivable.whyNotCollected) return step
  const ledger = heardOf(whole, now)
  if (step?.do === 'open_checkout') return { do: 'close', reason: whyUncharged(ledger) }
  const isUnderWay = ledger.attempts.some(isLive) || isMoneyInHand(receivable, ledger, now)
  if (step || isUnderWay) return step
  const last = ledger.attempts.at(-1)
  const isHard = last?.status === 'declined' && classifyDecline(last.declineCode) !== 'soft'
  const { wakeAt } = money.atRest(receivable, whole, policy, now)
  return last && (isHard || !wakeAt) ? { do: 'close', reason: whyUncharged(ledger) } : undefined
}

function whyUncharged({ attempts }: Ledger): string {
  const last = attempts.at(-1)
  if (last?.status !== 'declined') return 'the saved card cannot be charged'
  return `the charge was declined${last.declineCode ? ` (${last.declineCode})` : ''}`
}
