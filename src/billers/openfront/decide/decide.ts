import { heardOf, inOrder, money } from '../../../collect/decide/decide.ts'
import { isOpenOrder, refundableOf, spareOf } from '../../../collect/decide/allocation.ts'
import {
  afresh,
  canBeRefundedNow,
  findFailedSpareOrder,
  findSpares,
} from '../../../collect/decide/next-refund.ts'
import type { MoneyStep, Repose } from '../../../collect/decide/steps.ts'
import {
  isFinal,
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

/** An order, as far as deciding about it depends on it. */
export type Order = {
  currency: string
  /** The core's minor units. */
  due: number
  isClaimed: boolean
  isSuperseded: boolean
  /** Another order of the same cart was paid and claimed. */
  isReplaced: boolean
}

/** A refund that the shop asked for. */
export type RefundRequest = { id: string; dodoPaymentId: string; amount: number }

export type Step =
  | MoneyStep
  | { do: 'record'; payment: Payment; disposition: Disposition }
  | { do: 'give_up'; recording: Recording }
  | ({ do: 'rest'; standing: Standing } & Repose)

/** What is to be done next about one order: first what the money in hand wants, then what it counts as, then what is asked for. */
export function decide(
  order: Order,
  requests: readonly RefundRequest[],
  unordered: Ledger,
  policy: Policy,
  now: Date,
): Step {
  const whole = inOrder(unordered)
  const ledger = heardOf(whole, now)
  const receivable = asReceivable(order, ledger)
  return (
    money.inHand(receivable, whole, policy, now) ??
    nextRecording(order, ledger) ??
    afresh(nextRequested(requests, ledger), policy) ??
    money.toAsk(receivable, whole, policy, now) ?? {
      do: 'rest',
      standing: assess(order, ledger),
      ...money.atRest(receivable, whole, policy, now),
    }
  )
}

export const findAppliedTo = ({ recordings }: Ledger) =>
  recordings.find(({ disposition }) => disposition === 'applied')

/** What the core goes by. A payment that was made for the order beside another is proven to be too much. */
function asReceivable(order: Order, ledger: Ledger): Receivable {
  const why = whyNotCollected(order, ledger)
  return {
    currency: order.currency,
    due: order.due,
    paid: 0,
    payer: { email: null, country: null },
    whyNotCollected: why,
    whyNotAsked: why,
    cause: 'invoice',
    members: undefined,
    proveSpare: (payment) => spareOf(payment, ledger.receivableId),
  }
}

function whyNotCollected(order: Order, ledger: Ledger): Standing | undefined {
  if (findAppliedTo(ledger)) return { state: 'paid', reason: 'paid' }
  if (order.isSuperseded) return SUPERSEDED
  return undefined
}

const SUPERSEDED: Standing = { state: 'void', reason: 'the cart asks for another amount now' }

/** What a payment that succeeded counts as, once and for ever but for what a later order made too much. */
function nextRecording(order: Order, ledger: Ledger): Step | undefined {
  const payment = ledger.payments.find(
    (one) =>
      one.status === 'succeeded' &&
      one.isConfirmed &&
      !one.isSetup &&
      !ledger.recordings.some(({ dodoPaymentId }) => dodoPaymentId === one.dodoPaymentId),
  )
  if (payment) return { do: 'record', payment, disposition: dispositionOf(payment, order, ledger) }
  const applied = findAppliedTo(ledger)
  return applied && order.isReplaced ? { do: 'give_up', recording: applied } : undefined
}

/** P1: exactly its amount and currency, through an attempt that was opened for it. */
function dispositionOf(payment: Payment, order: Order, ledger: Ledger): Disposition {
  const isOurs = ledger.attempts.some(({ id }) => id === payment.attemptId)
  const { currency, due } = order
  const isExact = payment.currency === currency && payment.amount === toDodoMinor(due, currency)
  if (!isOurs || !isExact) return 'mismatch'
  if (findAppliedTo(ledger)) return 'duplicate'
  return order.isSuperseded ? 'late' : 'applied'
}

/** Dodo refunds a payment once at a time: the others wait. */
function nextRequested(
  requests: readonly RefundRequest[],
  { payments }: Ledger,
): Extract<MoneyStep, { do: 'order_refund' }> | undefined {
  for (const { id, dodoPaymentId, amount } of requests) {
    const payment = payments.find((one) => one.dodoPaymentId === dodoPaymentId)
    if (!payment || payment.orders.some(({ creditNoteId }) => creditNoteId === id)) continue
    if (!canBeRefundedNow(payment) || amount > leftOf(payment)) continue
    const creditNote = { creditNoteId: id, number: null }
    const cause = 'the shop asked for it'
    return { do: 'order_refund', payment, resume: undefined, amount, cause, creditNote }
  }
  return undefined
}

/** What may still be given back of a payment, in Dodo's minor units. */
export function leftOf(payment: Payment): number {
  const ordered = payment.orders
    .filter((order) => isOpenOrder(order, payment))
    .reduce((sum, { amount }) => sum + amount, 0)
  const placed = new Set(payment.orders.map(({ dodoRefundId }) => dodoRefundId))
  const refunded = payment.refunds
    .filter(
      ({ status, dodoRefundId }) =>
        status === 'succeeded' || (status !== 'failed' && !placed.has(dodoRefundId)),
    )
    .reduce((sum, { amount }) => sum + (amount ?? 0), 0)
  return payment.amount - refunded - ordered
}

/** Where the order stands, in words for who runs the bridge. */
function assess(order: Order, ledger: Ledger): Standing {
  const held = findSpares(ledger).find(
    ({ payment }) => !payment.orders.some((one) => isOpenOrder(one, payment)),
  )
  if (held) return heldStanding(held.payment, held.recording, ledger)
  const applied = findAppliedTo(ledger)
  const paid = ledger.payments.find((one) => one.dodoPaymentId === applied?.dodoPaymentId)
  if (paid?.disputes.some(isLost))
    return {
      state: 'attention',
      code: 'dispute_lost',
      reason: `a dispute took payment ${paid.dodoPaymentId} back`,
    }
  if (paid) {
    const isBack = refundableOf(paid, ledger.receivableId) === 0
    return { state: 'paid', reason: `paid by ${paid.dodoPaymentId}${isBack ? ', given back' : ''}` }
  }
  if (order.isSuperseded) return SUPERSEDED
  if (ledger.payments.some((one) => !isFinal(one)))
    return { state: 'processing', reason: 'the bank has it' }
  const last = ledger.attempts.at(-1)
  if (last && !isLive(last) && last.status === 'declined')
    return { state: 'open', reason: `declined${last.declineCode ? ` (${last.declineCode})` : ''}` }
  return { state: 'open', reason: 'waits for the shopper' }
}

function heldStanding(
  { dodoPaymentId }: Payment,
  { disposition }: Recording,
  ledger: Ledger,
): Standing {
  const payment = ledger.payments.find((one) => one.dodoPaymentId === dodoPaymentId)
  if (payment && findFailedSpareOrder(payment, ledger.receivableId))
    return {
      state: 'attention',
      code: 'refund_failed',
      reason: `payment ${dodoPaymentId} could not be given back`,
    }
  const code = (
    {
      duplicate: 'held_duplicate',
      late: 'held_late',
      mismatch: 'held_mismatch',
      applied: 'held_overpaid',
    } as const
  )[disposition]
  return { state: 'attention', code, reason: `payment ${dodoPaymentId} is held: ${disposition}` }
}
