import { randomBytes } from 'node:crypto'

import { and, eq, inArray, isNull, or, sql } from 'drizzle-orm'

import { newPayToken } from '../../collect/load.ts'
import { toDodoMinor } from '../../collect/money.ts'
import { note } from '../../collect/timeline.ts'
import type { Executor } from '../../db/client.ts'
import { attempts, orders, payments, receivables, recordings } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'

export type OrderRow = typeof orders.$inferSelect

/** Whose orders are meant: nothing of one store, or one mode, is reached with the key of another (P7). */
export type Scope = { tenant: string; mode: 'test' | 'live' }

const ID_BYTES = 13
const ORDER_ID = /^ord_[0-9a-f]{26}$/

const newOrderId = () => `ord_${randomBytes(ID_BYTES).toString('hex')}`

export const isOrderId = (text: string) => ORDER_ID.test(text)

/** An amount of the shop in the core's minor units; undefined where that is no whole number of them. */
export function toBooksMinor(amount: number, currency: string): number | undefined {
  const inBooks = amount / toDodoMinor(1, currency)
  return Number.isInteger(inBooks) ? inBooks : undefined
}

/** Our row of an order; undefined when this ledger has none. */
export async function findOrder(db: Executor, orderId: string): Promise<OrderRow | undefined> {
  const [row] = await db.select().from(orders).where(eq(orders.orderId, orderId))
  return row
}

const isOf = ({ tenant, mode }: Scope) =>
  and(eq(orders.source, 'openfront'), eq(orders.tenant, tenant), eq(orders.mode, mode))

/**
 * The order that an id names: its own (`ord_…`), a session's (`cks_…`) or a payment's (`pay_…`), which counts only if it
 * was made through an attempt of ours (P2). Undefined for anybody else's.
 */
export async function findNamed(
  db: Executor,
  scope: Scope,
  id: string,
): Promise<OrderRow | undefined> {
  const bySession = db
    .select({ id: attempts.receivableId })
    .from(attempts)
    .where(eq(attempts.dodoSessionId, id))
  const byPayment = db
    .select({ id: attempts.receivableId })
    .from(attempts)
    .innerJoin(payments, eq(payments.attemptId, attempts.id))
    .where(eq(payments.dodoPaymentId, id))
  const [row] = await db
    .select()
    .from(orders)
    .where(
      and(
        isOf(scope),
        or(
          eq(orders.orderId, id),
          inArray(orders.orderId, bySession),
          inArray(orders.orderId, byPayment),
        ),
      ),
    )
  return row
}

export type Asked = {
  key: string
  amount: number
  currency: string
  email: string | undefined
  name: string | undefined
}

/**
 * The current order of a cart, for what it asks for now. Asked for the same it is the same one, however often and at once;
 * asked for another amount it is superseded by a new one. Returns the new one's predecessor too.
 */
export async function ensureOrder(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  { tenant, mode }: Scope,
  asked: Asked,
): Promise<{ order: OrderRow; superseded: string | undefined }> {
  const { key, amount, currency } = asked
  return db.transaction(async (tx) => {
    const lock = `order:openfront:${tenant}:${mode}:${key}`
    await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`)
    const [current] = await tx
      .select()
      .from(orders)
      .where(and(isOf({ tenant, mode }), eq(orders.key, key), isNull(orders.supersededAt)))
      .for('update')
    if (current && current.amount === amount && current.currency === currency)
      return { order: current, superseded: undefined }
    const at = now()
    if (current) {
      await tx.update(orders).set({ supersededAt: at }).where(eq(orders.orderId, current.orderId))
      await note(tx, current.orderId, 'the cart asks for another amount now', at)
    }
    const order = await insert(tx, { tenant, mode }, asked, at)
    return { order, superseded: current?.orderId }
  })
}

async function insert(tx: Executor, scope: Scope, asked: Asked, at: Date): Promise<OrderRow> {
  const { key, amount, currency, email, name } = asked
  const orderId = newOrderId()
  await tx.insert(receivables).values({
    receivableId: orderId,
    kind: 'order',
    number: key,
    payerName: name ?? email ?? null,
    currency,
    amountDue: toBooksMinor(amount, currency) ?? 0,
    payToken: newPayToken(),
    createdAt: at,
  })
  const fields = { email: email ?? null, name: name ?? null, createdAt: at }
  const [row] = await tx
    .insert(orders)
    .values({ orderId, source: 'openfront', ...scope, key, amount, currency, ...fields })
    .returning()
  if (!row) throw new Error('an order was not written')
  return row
}

/**
 * Claims the money: the shop is about to be told of it. False when it is not to be told, since the order was superseded
 * before; the row is locked, so that giving back by policy and claiming never both happen (P5).
 */
export async function claim(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  orderId: string,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [order] = await tx.select().from(orders).where(eq(orders.orderId, orderId)).for('update')
    if (!order) return false
    if (order.claimedAt) return true
    if (order.supersededAt) return false
    const [applied] = await tx
      .select({ id: recordings.dodoPaymentId })
      .from(recordings)
      .where(and(eq(recordings.receivableId, orderId), eq(recordings.disposition, 'applied')))
    if (!applied) return false
    const at = now()
    await tx.update(orders).set({ claimedAt: at }).where(eq(orders.orderId, orderId))
    await note(tx, orderId, 'the shop was told that it is paid', at)
    return true
  })
}

/** The paid and never claimed orders of the same cart that this one took the place of. */
export const listUnclaimedBefore = (db: Executor, order: OrderRow) =>
  db
    .select({ orderId: orders.orderId })
    .from(orders)
    .where(
      and(
        isOf({ tenant: order.tenant, mode: order.mode }),
        eq(orders.key, order.key),
        isNull(orders.claimedAt),
        sql`${orders.supersededAt} is not null`,
      ),
    )

/** Whether another order of the same cart, made later, was claimed: what was paid for this one is then too much. */
export async function isReplacedByClaimed(db: Executor, order: OrderRow): Promise<boolean> {
  if (!order.supersededAt || order.claimedAt) return false
  const rows = await db
    .select({ orderId: orders.orderId })
    .from(orders)
    .where(
      and(
        isOf({ tenant: order.tenant, mode: order.mode }),
        eq(orders.key, order.key),
        sql`${orders.claimedAt} is not null`,
        sql`${orders.createdAt} > ${order.createdAt.toISOString()}::timestamptz`,
      ),
    )
    .limit(1)
  return rows.length > 0
}
