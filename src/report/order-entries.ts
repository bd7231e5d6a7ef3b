import { and, between, desc, eq, inArray, or } from 'drizzle-orm'

import type { Account } from '../accounts.ts'
import { isOpenOrder } from '../collect/decide/allocation.ts'
import { loadPaymentsThat, type LoadedPayment } from '../collect/load.ts'
import { isAnyOf } from '../db/any-of.ts'
import type { Database } from '../db/client.ts'
import { orders, payments, refunds } from '../db/schema.ts'
import type { Dodo } from '../dodo/client.ts'
import type { DodoPaymentRow, DodoRefund } from '../dodo/objects.ts'
import type { Period } from './period.ts'

type OrderRow = typeof orders.$inferSelect
/** Whose order something is about. */
export type OfOrder = Pick<OrderRow, 'source' | 'tenant' | 'mode' | 'orderId' | 'key'>

/** A payment or refund of an order, as Dodo and the ledger each hold it; null where one does not have it. */
export type OrderEntry = OfOrder & {
  kind: 'payment' | 'refund'
  dodoPaymentId: string
  dodoRefundId: string | null
  madeAt: Date
  currency: string
  /** Dodo's minor units, which are the source's. */
  dodo: number | null
  /** What the order has taken, or what of that went back. */
  ledger: number | null
  /** What the ledger knows of money that no order took, or has not written down yet. */
  knowledge: { is: 'done' | 'unseen' | 'begun' } | { is: 'refused'; why: string }
}

type Reading = { db: Database; dodo: Dodo; account: Account['id'] }
type DodoSide = Pick<
  DodoPaymentRow,
  'status' | 'currency' | 'total_amount' | 'created_at' | 'metadata'
>
type Found = { entries: OrderEntry[]; paid: Map<string, LoadedPayment> }

/** Every payment and refund of orders that one Dodo account made in the period, as both sides hold it. */
export async function readOrderEntries(deps: Reading, period: Period): Promise<Found> {
  const { db, dodo, account } = deps
  const { from, until } = period
  const listed = (await dodo.listPaymentsSince(from, until)).filter(
    ({ metadata }) => metadata['bridge_order'] !== undefined,
  )
  const refunded = await dodo.listRefundsSince(from, until)
  const own = await readOwn(deps, period, {
    payments: listed.map(({ payment_id }) => payment_id),
    refunds: refunded,
  })
  const named = await readOrders(db, account, [
    ...own.flatMap(({ receivableId }) => receivableId ?? []),
    ...listed.flatMap(({ metadata }) => metadata['bridge_order'] ?? []),
  ])
  const paid = new Map(own.map((one) => [one.dodoPaymentId, one]))
  const inDodo = new Map<string, DodoSide>(listed.map((one) => [one.payment_id, one]))
  const isIn = (at: Date) => at >= from && at <= until
  const ids = new Set([...inDodo.keys(), ...own.filter((o) => isIn(o.madeAt)).map(idOf)])
  const entries: OrderEntry[] = []
  for (const id of ids) {
    const known = paid.get(id)
    const row = inDodo.get(id) ?? (await dodo.findPayment(id))
    const order = named.get(known?.receivableId ?? row?.metadata['bridge_order'] ?? '')
    if (order) entries.push(...describePayment(order, id, known, row))
  }
  const refundsInDodo = new Map(refunded.map((one) => [one.refund_id, one]))
  for (const payment of own) {
    const order = named.get(payment.receivableId ?? '')
    if (order)
      entries.push(...(await describeRefunds(deps, payment, { order, isIn, refundsInDodo })))
  }
  for (const row of refunded) {
    const order = paid.has(row.payment_id) ? undefined : named.get(orderOf(inDodo, row))
    if (order) entries.push(...describeUnseen(order, row))
  }
  return { entries, paid }
}

const orderOf = (inDodo: ReadonlyMap<string, DodoSide>, { payment_id }: DodoRefund) =>
  inDodo.get(payment_id)?.metadata['bridge_order'] ?? ''

/** A refund of a payment that the ledger does not hold. */
function describeUnseen(order: OrderRow, row: DodoRefund): OrderEntry[] {
  if (row.status !== 'succeeded') return []
  return [
    {
      ...about(order),
      kind: 'refund',
      dodoPaymentId: row.payment_id,
      dodoRefundId: row.refund_id,
      madeAt: row.created_at,
      currency: row.currency ?? order.currency,
      dodo: row.amount ?? 0,
      ledger: null,
      knowledge: { is: 'unseen' },
    },
  ]
}

const idOf = ({ dodoPaymentId }: LoadedPayment) => dodoPaymentId

/** Those in our ledger that were made in the period, that Dodo names, or that something went back of in it. */
async function readOwn(
  { db, account }: Reading,
  { from, until }: Period,
  inDodo: { payments: string[]; refunds: readonly DodoRefund[] },
): Promise<LoadedPayment[]> {
  const givenBack = db
    .select({ id: refunds.dodoPaymentId })
    .from(refunds)
    .where(between(refunds.madeAt, from, until))
  const isNamed = isAnyOf(payments.dodoPaymentId, [
    ...inDodo.payments,
    ...inDodo.refunds.map(({ payment_id }) => payment_id),
  ])
  const ofOrders = db.select({ id: orders.orderId }).from(orders)
  return loadPaymentsThat(
    db,
    and(
      eq(payments.account, account),
      inArray(payments.receivableId, ofOrders),
      or(
        between(payments.madeAt, from, until),
        isNamed,
        inArray(payments.dodoPaymentId, givenBack),
      ),
    ),
  )
}

/** The orders of those ids on this account: what names another one is another bridge's. */
async function readOrders(db: Database, account: string, ids: readonly string[]) {
  const rows = await db
    .select()
    .from(orders)
    .where(and(isAnyOf(orders.orderId, [...new Set(ids)]), eq(orders.account, account)))
    .orderBy(desc(orders.createdAt))
  return new Map(rows.map((row) => [row.orderId, row]))
}

const about = ({ source, tenant, mode, orderId, key }: OrderRow): OfOrder => ({
  source,
  tenant,
  mode,
  orderId,
  key,
})

/** The amount that pays the order; null for money that no order took. */
export const takenOf = (payment: LoadedPayment | undefined): number | null =>
  payment?.status === 'succeeded' &&
  payment.recordings.some(({ disposition }) => disposition === 'applied')
    ? payment.amount
    : null

function describePayment(
  order: OrderRow,
  id: string,
  known: LoadedPayment | undefined,
  row: DodoSide | undefined,
): OrderEntry[] {
  const madeAt = row?.created_at ?? known?.madeAt
  const dodo = row?.status === 'succeeded' ? row.total_amount : null
  const ledger = takenOf(known)
  // Saving a card may leave a payment of nothing.
  const isNothing = (dodo ?? 0) === 0 && ledger === null && known?.status !== 'succeeded'
  if (!madeAt || known?.isSetup || isNothing || dodo === 0) return []
  return [
    {
      ...about(order),
      kind: 'payment',
      dodoPaymentId: id,
      dodoRefundId: null,
      madeAt,
      currency: row?.currency ?? known?.currency ?? order.currency,
      dodo,
      ledger,
      knowledge: knowledgeOf(known),
    },
  ]
}

const SPARE = {
  applied: 'it pays the order',
  duplicate: 'the order was paid before',
  late: 'nobody asked for it any more',
  mismatch: 'it is not what was asked for',
} as const

function knowledgeOf(payment: LoadedPayment | undefined): OrderEntry['knowledge'] {
  if (payment?.status !== 'succeeded') return { is: 'unseen' }
  const [recording] = payment.recordings
  if (!recording) return { is: 'begun' }
  const { disposition, ruling, ruledWhy } = recording
  if (disposition === 'applied') return { is: 'done' }
  const why = SPARE[disposition]
  const gone = sumOf(payment.refunds.filter(({ status }) => status === 'succeeded'))
  if (gone >= payment.amount) return { is: 'refused', why: `given back: ${why}` }
  if (payment.orders.some((one) => isOpenOrder(one, payment)))
    return { is: 'refused', why: `being given back: ${why}` }
  if (ruling === 'accepted')
    return { is: 'refused', why: `settled by other means, by ${ruledWhy ?? 'a person'}` }
  return { is: 'refused', why: `held: ${why}` }
}

const sumOf = (rows: readonly { amount: number | null }[]) =>
  rows.reduce((sum, { amount }) => sum + (amount ?? 0), 0)

type Around = {
  order: OrderRow
  isIn: (at: Date) => boolean
  refundsInDodo: ReadonlyMap<string, DodoRefund>
}

async function describeRefunds(
  { dodo }: Reading,
  payment: LoadedPayment,
  { order, isIn, refundsInDodo }: Around,
): Promise<OrderEntry[]> {
  const { dodoPaymentId, currency } = payment
  const unseen = [...refundsInDodo.values()].filter(
    ({ payment_id, refund_id }) =>
      payment_id === dodoPaymentId &&
      !payment.refunds.some(({ dodoRefundId }) => dodoRefundId === refund_id),
  )
  const isTaken = takenOf(payment) !== null
  const entries: OrderEntry[] = []
  const add = (row: DodoRefund | undefined, own: LoadedPayment['refunds'][number] | undefined) => {
    const madeAt = row?.created_at ?? own?.madeAt
    const isMade = row?.status === 'succeeded'
    const amount = own?.status === 'succeeded' ? own.amount : null
    if (!madeAt || (!isMade && amount === null)) return
    entries.push({
      ...about(order),
      kind: 'refund',
      dodoPaymentId,
      dodoRefundId: row?.refund_id ?? own?.dodoRefundId ?? null,
      madeAt,
      currency: row?.currency ?? own?.currency ?? currency,
      dodo: isMade ? (row.amount ?? amount ?? 0) : null,
      ledger: isTaken ? amount : null,
      knowledge: isTaken
        ? { is: amount === null ? 'unseen' : 'done' }
        : { is: 'refused', why: 'it gives back what no order took' },
    })
  }
  for (const own of payment.refunds) {
    if (!isIn(own.madeAt)) continue
    add(refundsInDodo.get(own.dodoRefundId) ?? (await dodo.findRefund(own.dodoRefundId)), own)
  }
  for (const row of unseen) add(row, undefined)
  return entries
}
