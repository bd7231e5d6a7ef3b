import type { Part, Payment, Refund, RefundOrder } from '../ledger.ts'

/** Where money that was given back came from. */
type Purpose = 'spare' | 'taken'
type Bucket = { purpose: Purpose; receivableId: string; rest: number; reserved: number }
/** A refund, what of it has no place yet, and the places that the others have. */
type Placing = { refund: Refund; rest: number; places: Map<Bucket, number> }

/** How much of which refund is for one receivable, in Dodo's minor units. */
export type Allocation = { refund: Refund; purpose: Purpose; receivableId: string; amount: number }

/**
 * Says which receivable every refund of a payment is about. What is credited stays where it is credited, and what
 * we asked for is about the receivable that we asked for. Of the rest, which the merchant made in Dodo, money that
 * nobody took goes back first, then what was taken, the oldest first. So whatever order refunds
 * were heard of in, each ends with the same sum, and none is credited beyond its refund.
 */
export function allocateRefunds(payment: Payment): Allocation[] {
  const buckets = bucketsOf(payment)
  const placings = payment.refunds
    .filter(({ status, amount }) => status === 'succeeded' && amount !== null)
    .toSorted(
      (one, other) =>
        one.madeAt.getTime() - other.madeAt.getTime() ||
        one.dodoRefundId.localeCompare(other.dodoRefundId),
    )
    .map((refund): Placing => ({ refund, rest: refund.amount ?? 0, places: new Map() }))
  const isOrdered = ({ refund }: Placing) => orderOf(refund, payment) !== undefined
  for (const placing of placings) placeCredited(placing, payment, buckets)
  // What we asked for has its place before anything is guessed.
  for (const one of placings.filter(isOrdered)) place(one, payment, buckets)
  for (const order of payment.orders) if (isOpenOrder(order, payment)) reserve(order, buckets)
  for (const one of placings.filter((other) => !isOrdered(other))) place(one, payment, buckets)
  return [...placings.filter(isOrdered), ...placings.filter((one) => !isOrdered(one))].flatMap(
    ({ refund, places }) =>
      [...places]
        .filter(([, amount]) => amount > 0)
        .map(([{ purpose, receivableId }, amount]) => ({
          refund,
          purpose,
          receivableId,
          amount,
        })),
  )
}

function bucketsOf({ amount, parts }: Payment): Bucket[] {
  const spare = parts.map(({ receivableId, share, taken }) => ({
    purpose: 'spare' as const,
    receivableId,
    rest: share - taken,
    reserved: 0,
  }))
  const taken = parts.map(({ receivableId, taken: rest }) => ({
    purpose: 'taken' as const,
    receivableId,
    rest,
    reserved: 0,
  }))
  // What was paid beyond all that was asked for belongs to the first.
  const asked = parts.reduce((sum, { share }) => sum + share, 0)
  const [first] = spare
  if (first && amount > asked) first.rest += amount - asked
  return [...spare, ...taken]
}

const isMeantBy =
  (order: RefundOrder | undefined) =>
  ({ purpose, receivableId }: Bucket) =>
    order !== undefined &&
    receivableId === order.receivableId &&
    purpose === (order.creditNoteId === null ? 'spare' : 'taken')

/** What is asked for is spoken for, though it is not given back yet. */
function reserve(order: RefundOrder, buckets: Bucket[]) {
  const bucket = buckets.find(isMeantBy(order))
  if (bucket) bucket.reserved = Math.min(bucket.reserved + order.amount, bucket.rest)
}

const orderOf = ({ dodoRefundId }: Refund, { orders }: Payment) =>
  orders.find((order) => order.dodoRefundId === dodoRefundId)

function take(placing: Placing, bucket: Bucket, most: number) {
  const amount = Math.max(0, Math.min(placing.rest, most))
  bucket.rest -= amount
  placing.rest -= amount
  placing.places.set(bucket, (placing.places.get(bucket) ?? 0) + amount)
}

function placeCredited(placing: Placing, { credited }: Payment, buckets: readonly Bucket[]) {
  for (const { dodoRefundId, receivableId, amount } of credited) {
    if (dodoRefundId !== placing.refund.dodoRefundId) continue
    const bucket = buckets.find(
      (one) => one.purpose === 'taken' && one.receivableId === receivableId,
    )
    if (bucket) take(placing, bucket, Math.min(amount, bucket.rest))
  }
}

function place(placing: Placing, payment: Payment, buckets: readonly Bucket[]) {
  const isMeant = isMeantBy(orderOf(placing.refund, payment))
  const inTurn = [...buckets.filter(isMeant), ...buckets.filter((one) => !isMeant(one))]
  for (const bucket of inTurn) take(placing, bucket, bucket.rest - bucket.reserved)
  // What is spoken for is only touched when the money cannot have come from anywhere else.
  for (const bucket of inTurn) take(placing, bucket, bucket.rest)
}

const givenBack = (payment: Payment, receivableId: string, purpose: Purpose) =>
  allocateRefunds(payment)
    .filter((one) => one.receivableId === receivableId && one.purpose === purpose)
    .reduce((sum, { amount }) => sum + amount, 0)

const refundedOf = ({ refunds }: Payment) =>
  refunds
    .filter(({ status }) => status === 'succeeded')
    .reduce((sum, { amount }) => sum + (amount ?? 0), 0)

const partOf = (payment: Payment, receivableId: string): Part | undefined =>
  payment.parts.find((part) => part.receivableId === receivableId)

/** What of the payment nobody takes and nobody has given back yet, on behalf of this receivable. */
export function spareOf(payment: Payment, receivableId: string): number {
  const part = partOf(payment, receivableId)
  if (!part) return 0
  const asked = payment.parts.reduce((sum, { share }) => sum + share, 0)
  const beyond = payment.parts[0] === part ? Math.max(payment.amount - asked, 0) : 0
  const spare = part.share + beyond - part.taken - givenBack(payment, receivableId, 'spare')
  return Math.min(spare, payment.amount - refundedOf(payment))
}

/** What of the payment this receivable took and nobody has given back yet. */
export function refundableOf(payment: Payment, receivableId: string): number {
  const part = partOf(payment, receivableId)
  return part ? part.taken - givenBack(payment, receivableId, 'taken') : 0
}

/** What is on its way back already, on behalf of this receivable and for this purpose. */
export function underWay(payment: Payment, isMeant: (order: Payment['orders'][number]) => boolean) {
  return payment.orders
    .filter((order) => isMeant(order) && isOpenOrder(order, payment))
    .reduce((sum, { amount }) => sum + amount, 0)
}

/** Whether a refund that we asked for may still give money back. */
export function isOpenOrder(order: Payment['orders'][number], { refunds }: Payment): boolean {
  if (order.status === 'refused') return false
  if (order.status !== 'accepted') return true
  const refund = refunds.find(({ dodoRefundId }) => dodoRefundId === order.dodoRefundId)
  return refund === undefined || !['succeeded', 'failed'].includes(refund.status)
}
