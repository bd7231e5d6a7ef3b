import { and, eq, gte, inArray, isNotNull, isNull, lt, notExists, or, sql } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { highlevelSubscriptions, orders, receivables } from '../db/schema.ts'
import { ordersOf } from './erase-orders.ts'
import { eraseTexts } from './erase-texts.ts'

/** Carts that were left are let go, too: a link that is opened later has Dodo's page ask. */
const LET_GO_IN = ['open', 'failed', 'paid', 'void', 'skipped'] as const
const MAX_ORDERS = 10_000

/**
 * Blanks the names and e-mail addresses of shoppers whose orders were made and settled before then; an order
 * whose money is on its way, or that needs a person, keeps them. Returns of how many orders.
 */
export async function expireOrders(db: Database, before: Date): Promise<number> {
  return db.transaction(async (tx) => {
    const old = await tx
      .select({ id: orders.orderId })
      .from(orders)
      .innerJoin(receivables, eq(receivables.receivableId, orders.orderId))
      .where(
        and(
          lt(orders.createdAt, before),
          or(isNotNull(orders.email), isNotNull(orders.name)),
          inArray(receivables.state, LET_GO_IN),
          or(isNull(receivables.settledAt), lt(receivables.settledAt, before)),
        ),
      )
      .limit(MAX_ORDERS)
      .for('update')
    const ids = old.map(({ id }) => id)
    if (ids.length === 0) return 0
    await eraseTexts(tx, { own: ordersOf(tx, ids), names: [] })
    await tx.update(orders).set({ email: null, name: null }).where(inArray(orders.orderId, ids))
    await tx
      .update(receivables)
      .set({ payerName: null })
      .where(inArray(receivables.receivableId, ids))
    return ids.length
  })
}

/**
 * Blanks whose subscriptions of HighLevel have ended, and of which no cycle was asked for since then: as long as one
 * runs, somebody is to be dealt with. Returns of how many.
 */
export async function expireSubscriptions(db: Database, before: Date): Promise<number> {
  const own = highlevelSubscriptions
  const isRecent = db
    .select()
    .from(orders)
    .where(
      and(
        eq(orders.source, 'highlevel'),
        eq(orders.tenant, own.locationId),
        eq(orders.mode, own.mode),
        sql`${orders.metadata} ->> 'highlevel_subscription_id' = ${own.subscriptionId}`,
        gte(orders.createdAt, before),
      ),
    )
  const ended = await db
    .update(own)
    .set({ email: null, name: null })
    .where(
      and(
        lt(own.createdAt, before),
        or(isNotNull(own.email), isNotNull(own.name)),
        inArray(own.status, ['canceled', 'expired']),
        notExists(isRecent),
      ),
    )
    .returning({ id: own.id })
  return ended.length
}
