import { and, eq, gt, isNotNull, isNull, or } from 'drizzle-orm'

import { note } from '../../collect/timeline.ts'
import type { Executor } from '../../db/client.ts'
import { orders, recordings } from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { wakeWithin } from '../../wakes.ts'
import type { Words } from './decide/order.ts'
import { isOf, lockOrder, type OrderRow } from './order.ts'

/**
 * Claims the money: its source is about to be told of it. False when it is not to be told, since the order was
 * superseded before, or is not paid; the row is locked, so that giving back by policy and claiming never both happen
 * (P5). What was paid for the same key before, and never told of, is looked at again.
 */
export async function claim(
  { db, queue, now }: Pick<Deps, 'db' | 'queue' | 'now'>,
  orderId: string,
  words: Words,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const order = await lockOrder(tx, orderId)
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
    await note(tx, orderId, words.claimed, at)
    const before = await listUnclaimedBefore(tx, order)
    const ids = before.map((one) => one.orderId)
    if (ids.length > 0) await wakeWithin({ db: tx, queue }, 'settle', ids, 'payment')
    return true
  })
}

/** The paid and never claimed orders of the same key that this one took the place of. */
const listUnclaimedBefore = (db: Executor, order: OrderRow) =>
  db
    .select({ orderId: orders.orderId })
    .from(orders)
    .where(
      and(
        isOf(order),
        eq(orders.key, order.key),
        isNull(orders.claimedAt),
        isNotNull(orders.supersededAt),
      ),
    )

/**
 * Whether another order of the same key was claimed, made later or made current again since: what was paid for this
 * one is then too much.
 */
export async function isReplacedByClaimed(db: Executor, order: OrderRow): Promise<boolean> {
  if (!order.supersededAt || order.claimedAt) return false
  const rows = await db
    .select({ orderId: orders.orderId })
    .from(orders)
    .where(
      and(
        isOf(order),
        eq(orders.key, order.key),
        isNotNull(orders.claimedAt),
        or(
          gt(orders.createdAt, order.createdAt),
          gt(orders.claimedAt, order.supersededAt),
          isNull(orders.supersededAt),
        ),
      ),
    )
    .limit(1)
  return rows.length > 0
}

/**
 * Nobody is to pay it any more, as its source says. What comes all the same is late. Nothing that was claimed is
 * closed. Returns whether this closed it.
 */
export async function closeOrder(
  tx: Executor,
  orderId: string,
  { reason, at }: { reason: string; at: Date },
): Promise<boolean> {
  const closed = await tx
    .update(orders)
    .set({ closedAt: at, closedReason: reason })
    .where(and(eq(orders.orderId, orderId), isNull(orders.closedAt), isNull(orders.claimedAt)))
    .returning({ orderId: orders.orderId })
  if (closed.length > 0) await note(tx, orderId, `nobody can pay it any more: ${reason}`, at)
  return closed.length > 0
}
