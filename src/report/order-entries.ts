import { and, between, eq, inArray, or } from 'drizzle-orm'

import type { Account } from '../accounts.ts'
import { isOpenOrder } from '../collect/decide/allocation.ts'
import { loadPaymentsThat, type LoadedPayment } from '../collect/load.ts'
import { isAnyOf } from '../db/any-of.ts'
import type { Database } from '../db/client.ts'
import { orders, payments, refunds } from '../db/schema.ts'
import type { Dodo } from '../dodo/client.ts'
import type { DodoPaymentRow, DodoRefund } from '../dodo/objects.ts'
import type { Entry, Knowledge } from './compare-ledgers.ts'
import { asEntries } from './entries.ts'
import type { Period } from './period.ts'

type OrderRow = typeof orders.$inferSelect
type Reading = {
  db: Database
  dodo: Dodo
  account: Account['id']
  /** Whose orders are wanted. */
  sources: readonly OrderRow['source'][]
}
type DodoSide = Pick<
  DodoPaymentRow,
  'status' | 'currency' | 'total_amount' | 'created_at' | 'metadata'
>

/** Every payment and refund of orders that one Dodo account made in the period, as Dodo and our ledger hold it. */
export async function readOrderEntries(deps: Reading, period: Period): Promise<Entry[]> {
  const { dodo } = deps
  const { from, until } = period
  const listed = (await dodo.listPaymentsSince(from, until)).filter(
    ({ metadata }) => metadata['bridge_order'] !== undefined,
  )
  const refunded = await dodo.listRefundsSince(from, until)
  const own = await readOwn(deps, period, {
    payments: listed.map(({ payment_id }) => payment_id),
    refunds: refunded,
  })
  const named = await readOrders(deps, [
    ...own.flatMap(({ receivableId }) => receivableId ?? []),
    ...listed.flatMap(({ metadata }) => metadata['bridge_order'] ?? []),
  ])
  const paid = new Map(own.map((one) => [one.dodoPaymentId, one]))
  const inDodo = new Map<string, DodoSide>(listed.map((one) => [one.payment_id, one]))
  const isIn = (at: Date) => at >= from && at <= until
  const ids = new Set([...inDodo.keys(), ...own.filter((o) => isIn(o.madeAt)).map(idOf)])
  const entries: Entry[] = []
  for (const id of ids) {
    const known = paid.get(id)
    const row = inDodo.get(id) ?? (await dodo.findPayment(id))
    const order = named.get(known?.receivableId ?? row?.metadata['bridge_order'] ?? '')
    if (order) entries.push(...describePayment(order, id, known, row))
  }
  const listedRefunds = new Map(refunded.map((one) => [one.refund_id, one]))
  const knownRefunds = new Map(own.flatMap(refundsOf))
  for (const [id, { payment, refund }] of knownRefunds) {
    const order = named.get(payment.receivableId ?? '')
    if (!order || !isIn(refund.madeAt)) continue
    const row = listedRefunds.get(id) ?? (await dodo.findRefund(id))
    entries.push(...describeRefund(order, { payment, refund, row }))
  }
  for (const row of refunded) {
    const payment = paid.get(row.payment_id)
    const asked = inDodo.get(row.payment_id)?.metadata['bridge_order']
    const order = named.get((payment ? payment.receivableId : asked) ?? '')
    if (order && !knownRefunds.has(row.refund_id))
      entries.push(...describeRefund(order, { payment, row }))
  }
  return entries
}

const refundsOf = (payment: LoadedPayment) =>
  payment.refunds.map((refund) => [refund.dodoRefundId, { payment, refund }] as const)

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
async function readOrders({ db, account, sources }: Reading, ids: readonly string[]) {
  const rows = await db
    .select()
    .from(orders)
    .where(
      and(
        isAnyOf(orders.orderId, [...new Set(ids)]),
        eq(orders.account, account),
        inArray(orders.source, [...sources]),
      ),
    )
  return new Map(rows.map((row) => [row.orderId, row]))
}

type Sides = Pick<Entry, 'kind' | 'dodoPaymentId' | 'dodoRefundId' | 'madeAt' | 'currency'> & {
  /** Dodo's minor units, which are the source's; null where Dodo does not have it. */
  dodo: number | null
  /** What the order has taken, or what of that went back. */
  ledger: number | null
  knowledge: Knowledge
}

/** An order is all that its payments and their refunds are about. */
function describe(
  { orderId, key }: OrderRow,
  { dodo, ledger, knowledge, ...made }: Sides,
): Entry[] {
  const { currency } = made
  const inDodo = dodo === null ? null : { amount: dodo, currency }
  const held = ledger === null ? [] : [{ id: '', amount: ledger, currency, on: [orderId] }]
  const about = { receivableId: orderId, name: key, amount: null, knowledge }
  return asEntries({ ...made, dodo: inDodo }, [about], held)
}

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
): Entry[] {
  const madeAt = row?.created_at ?? known?.madeAt
  const dodo = row?.status === 'succeeded' ? row.total_amount : null
  const ledger = takenOf(known)
  // Saving a card may leave a payment of nothing.
  const isNothing = (dodo ?? 0) === 0 && ledger === null && known?.status !== 'succeeded'
  if (!madeAt || known?.isSetup || isNothing || dodo === 0) return []
  const currency = row?.currency ?? known?.currency ?? order.currency
  const made = { kind: 'payment', dodoPaymentId: id, dodoRefundId: null, madeAt, currency } as const
  return describe(order, { ...made, dodo, ledger, knowledge: knowledgeOf(known) })
}

const SPARE = {
  applied: 'it pays the order',
  duplicate: 'the order was paid before',
  late: 'nobody asked for it any more',
  mismatch: 'it is not what was asked for',
} as const

function knowledgeOf(payment: LoadedPayment | undefined): Knowledge {
  if (payment?.status !== 'succeeded') return { is: 'unknown' }
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

type FoundRefund = {
  row: DodoRefund | undefined
  payment?: LoadedPayment | undefined
  refund?: LoadedPayment['refunds'][number]
}

/** A refund as Dodo and our ledger have it, of a payment that our ledger may not have. */
function describeRefund(order: OrderRow, { row, payment, refund }: FoundRefund): Entry[] {
  const madeAt = row?.created_at ?? refund?.madeAt
  const isMade = row?.status === 'succeeded'
  const amount = refund?.status === 'succeeded' ? refund.amount : null
  if (!madeAt || (!isMade && amount === null)) return []
  const isSpare = payment !== undefined && takenOf(payment) === null
  return describe(order, {
    kind: 'refund',
    dodoPaymentId: row?.payment_id ?? refund?.dodoPaymentId ?? null,
    dodoRefundId: row?.refund_id ?? refund?.dodoRefundId ?? null,
    madeAt,
    currency: row?.currency ?? refund?.currency ?? payment?.currency ?? order.currency,
    dodo: isMade ? (row.amount ?? amount ?? 0) : null,
    ledger: isSpare ? null : amount,
    knowledge: isSpare
      ? { is: 'refused', why: 'it gives back what no order took' }
      : { is: amount === null ? 'unknown' : 'done' },
  })
}
