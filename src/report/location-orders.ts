import { and, desc, eq } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { orders, receivables } from '../db/schema.ts'

const NEWEST = 20

/** The newest orders of one location, for the people of that location: what became of each, and why. */
export async function listLocationOrders(db: Database, locationId: string) {
  const rows = await db
    .select({
      orderId: orders.orderId,
      key: orders.key,
      mode: orders.mode,
      amount: orders.amount,
      currency: orders.currency,
      state: receivables.state,
      reason: receivables.reason,
      createdAt: orders.createdAt,
    })
    .from(orders)
    .innerJoin(receivables, eq(receivables.receivableId, orders.orderId))
    .where(and(eq(orders.source, 'highlevel'), eq(orders.tenant, locationId)))
    .orderBy(desc(orders.createdAt), desc(orders.orderId))
    .limit(NEWEST)
  return rows.map(({ state, createdAt, ...row }) => ({
    ...row,
    state: state === 'void' ? 'superseded' : state,
    createdAt: createdAt.toISOString(),
  }))
}
