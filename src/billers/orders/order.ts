import { and, eq, inArray, or } from 'drizzle-orm'

import { toDodoMinor } from '../../collect/money.ts'
import type { Executor } from '../../db/client.ts'
import { attempts, orders, payments } from '../../db/schema.ts'

export type OrderRow = typeof orders.$inferSelect

/** Whose orders are meant: nothing of one tenant, or one mode, is reached with the key of another (P7). */
export type Scope = Pick<OrderRow, 'source' | 'tenant' | 'mode'>

/** An amount of a source in the core's minor units; undefined where that is no whole number of them. */
export function toBooksMinor(amount: number, currency: string): number | undefined {
  const inBooks = amount / toDodoMinor(1, currency)
  return Number.isInteger(inBooks) ? inBooks : undefined
}

/** Our row of an order; undefined when this ledger has none. */
export async function findOrder(db: Executor, orderId: string): Promise<OrderRow | undefined> {
  const [row] = await db.select().from(orders).where(eq(orders.orderId, orderId))
  return row
}

/** The same, held until the end of the transaction: claiming, superseding and giving back never meet (P5). */
export async function lockOrder(tx: Executor, orderId: string): Promise<OrderRow | undefined> {
  const [row] = await tx.select().from(orders).where(eq(orders.orderId, orderId)).for('update')
  return row
}

export const isOf = ({ source, tenant, mode }: Scope) =>
  and(eq(orders.source, source), eq(orders.tenant, tenant), eq(orders.mode, mode))

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
