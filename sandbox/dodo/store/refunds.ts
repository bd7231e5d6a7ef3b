import type { Refund } from 'dodopayments/resources/refunds'
import { lineItemsOf, refundableByItem } from './line-items.ts'
import { findPayment, refreshPayment } from './payments.ts'
import { DodoRefusal, notFound, refused } from './refusal.ts'
import type { RefundCreate } from './requests.ts'
import { BUSINESS_ID, type DodoStore, newId, type RefundPart } from './store.ts'
import type { DodoWorld } from './world.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
/** While money is contested, or after it was lost, a bank gives nothing back. */
const KEPT: ReadonlySet<string> = new Set(['dispute_won', 'dispute_cancelled'])

type Outcome = 'succeeded' | 'failed' | 'review'

/** Asks for money back: the answer says `pending`, the outcome comes as an event. */
export function createRefund(world: DodoWorld, request: RefundCreate): Refund {
  const { store, now, behaviour, later } = world
  const payment = findPayment(store, request.payment_id)
  assertRefundable(world, payment.payment_id)

  const parts = chooseParts(store, request)
  const amount = parts.reduce((total, part) => total + part.amount, 0)
  if (!behaviour.partialRefunds && amount < payment.total_amount)
    throw refused('PARTIAL_REFUND_NOT_ALLOWED', `payment ${payment.payment_id} is refunded whole`)

  const refund: Refund = {
    refund_id: newId('ref'),
    payment_id: payment.payment_id,
    business_id: BUSINESS_ID,
    brand_id: payment.brand_id,
    status: 'pending',
    is_partial: amount < payment.total_amount,
    amount,
    currency: payment.currency,
    reason: request.reason ?? null,
    metadata: request.metadata ?? {},
    customer: payment.customer,
    created_at: now().toISOString(),
  }
  store.refunds.set(refund.refund_id, refund)
  store.refundParts.set(refund.refund_id, parts)
  refreshPayment(world, payment.payment_id)

  const isContested = payment.disputes.some((dispute) => !KEPT.has(dispute.dispute_status))
  const outcome = OUTCOMES[isContested ? 'fail' : behaviour.refunds]
  if (outcome)
    later(behaviour.settleAfterMs, () => settleIfPending(world, refund.refund_id, outcome))
  return structuredClone(refund)
}

const OUTCOMES = {
  succeed: 'succeeded',
  fail: 'failed',
  review: 'review',
  hold: undefined,
} as const

/** A refund that had succeeded comes back: the customer's bank did not want it. */
export function bounceRefund(world: DodoWorld, refundId: string): Refund {
  const refund = findRefund(world.store, refundId)
  if (refund.status !== 'succeeded')
    throw refused('UNSUPPORTED_ACTION', `refund ${refundId} is ${refund.status}`)

  refund.status = 'failed'
  refreshPayment(world, refund.payment_id)
  world.emit('refund.failed', 'Refund', () => refund)
  return refund
}

/** What the bank says of a refund in the end. */
export function settleRefund(world: DodoWorld, refundId: string, outcome: Outcome): Refund {
  const refund = findRefund(world.store, refundId)
  if (refund.status === 'succeeded' || refund.status === 'failed')
    throw refused('UNSUPPORTED_ACTION', `refund ${refundId} is already ${refund.status}`)

  refund.status = outcome
  refreshPayment(world, refund.payment_id)
  if (outcome !== 'review') world.emit(`refund.${outcome}`, 'Refund', () => refund)
  return refund
}

/** The refund, or Dodo's 404. */
export function findRefund(store: DodoStore, refundId: string): Refund {
  const refund = store.refunds.get(refundId)
  if (!refund) throw notFound('refund', refundId)
  return refund
}

/** Someone may have settled it by hand in the meantime. */
function settleIfPending(world: DodoWorld, refundId: string, outcome: Outcome) {
  if (findRefund(world.store, refundId).status === 'pending') settleRefund(world, refundId, outcome)
}

function assertRefundable({ store, now, behaviour }: DodoWorld, paymentId: string): void {
  const payment = findPayment(store, paymentId)
  if (payment.status !== 'succeeded')
    throw refused('PAYMENT_NOT_SUCCEEDED', `payment ${paymentId} is ${payment.status}`)
  if (payment.total_amount === 0)
    throw refused('ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED', `payment ${paymentId} is of 0`)
  const { refundWindowDays: days } = behaviour
  if (now().getTime() - Date.parse(payment.created_at) >= days * DAY_MS)
    throw refused('REFUND_WINDOW_EXPIRED', `refunds are possible for ${days} days`)

  const underWay = payment.refunds.some(({ status }) => status === 'pending' || status === 'review')
  if (underWay)
    throw new DodoRefusal(
      409,
      'EXISTING_REFUND_REQUEST_PROCESSING',
      `payment ${paymentId} has a refund that is not settled yet`,
    )
  if (payment.refund_status === 'full')
    throw refused('NOTHING_TO_REFUND', `payment ${paymentId} is refunded in full`)
}

/** Which positions give how much; no items means all that is left of every one. */
function chooseParts(store: DodoStore, request: RefundCreate): RefundPart[] {
  const left = refundableByItem(store, request.payment_id)
  if (!request.items)
    return [...left].flatMap(([itemId, amount]) => (amount > 0 ? [{ itemId, amount }] : []))

  const parts = request.items.map((item) => choosePart(store, request.payment_id, item))
  if (new Set(parts.map(({ itemId }) => itemId)).size < parts.length)
    throw refused('DUPLICATE_LINE_ITEMS_IN_REQUEST', 'each item may be named once')
  return parts
}

function choosePart(
  store: DodoStore,
  paymentId: string,
  item: NonNullable<RefundCreate['items']>[number],
): RefundPart {
  const lines = store.lines.get(paymentId) ?? []
  const isOneTime = findPayment(store, paymentId).product_cart !== null
  const line = lines.find(
    ({ itemId, productId }) => itemId === item.item_id || (isOneTime && productId === item.item_id),
  )
  if (!line) throw refused('LINE_ITEM_NOT_FOUND', `payment ${paymentId} has no ${item.item_id}`)

  const shown = lineItemsOf(store, paymentId).items.find(({ items_id: id }) => id === line.itemId)
  const left = shown?.refundable_amount ?? 0
  if (left <= 0) throw refused('LINE_ITEM_FULLY_REFUNDED', `${item.item_id} is refunded in full`)

  const asked = item.amount ?? left
  const amount = item.amount && item.tax_inclusive === false ? addTax(asked, line) : asked
  if (amount <= 0) throw refused('LINE_ITEM_REFUND_AMOUNT_TOO_LOW', `${amount} is too little`)
  if (amount > left)
    throw refused('LINE_ITEM_REFUND_AMOUNT_TOO_HIGH', `${amount} is more than the ${left} left`)
  return { itemId: line.itemId, amount }
}

function addTax(net: number, line: { amount: number; tax: number }): number {
  return net + Math.round((net * line.tax) / (line.amount - line.tax))
}
