import { and, asc, desc, eq } from 'drizzle-orm'

import { loadAttempts, loadPayments, payUrlOf } from '../collect/load.ts'
import type { Database } from '../db/client.ts'
import { orders, receivables, recordings, timeline } from '../db/schema.ts'

const NEWEST = 100

type Row = { order: typeof orders.$inferSelect; receivable: typeof receivables.$inferSelect }

/** One order with its money and its history, for who runs the bridge. */
export async function describeOrder(db: Database, publicUrl: string, orderId: string) {
  const [row] = await select(db).where(eq(orders.orderId, orderId))
  return row && describe(db, publicUrl, row)
}

/** The newest hundred that are of what is named. */
export async function listOrders(db: Database, publicUrl: string, named: Record<string, string>) {
  const { source, tenant, state, key } = named
  const rows = await select(db)
    .where(
      and(
        source === undefined ? undefined : eq(orders.source, source as 'openfront'),
        tenant === undefined ? undefined : eq(orders.tenant, tenant),
        key === undefined ? undefined : eq(orders.key, key),
        state === undefined
          ? undefined
          : eq(receivables.state, (state === 'superseded' ? 'void' : state) as 'open'),
      ),
    )
    .orderBy(desc(orders.createdAt), desc(orders.orderId))
    .limit(NEWEST)
  return Promise.all(rows.map((row) => describe(db, publicUrl, row)))
}

const select = (db: Database) =>
  db
    .select({ order: orders, receivable: receivables })
    .from(orders)
    .innerJoin(receivables, eq(receivables.receivableId, orders.orderId))

async function describe(db: Database, publicUrl: string, { order, receivable }: Row) {
  const { orderId } = order
  const [payments, recorded, lines] = await Promise.all([
    loadAttempts(db, orderId).then((attempts) => loadPayments(db, orderId, attempts)),
    db.select().from(recordings).where(eq(recordings.receivableId, orderId)),
    db.select().from(timeline).where(eq(timeline.receivableId, orderId)).orderBy(asc(timeline.at)),
  ])
  const { source, tenant, key, mode, currency, amount, claimedAt } = order
  return {
    orderId,
    source,
    tenant,
    key,
    mode,
    currency,
    amount,
    state: receivable.state === 'void' ? 'superseded' : receivable.state,
    reason: receivable.reason,
    reasonCode: receivable.reasonCode,
    payUrl: payUrlOf(publicUrl, receivable.payToken),
    claimed: claimedAt !== null,
    payments: payments.map((one) => ({
      dodoPaymentId: one.dodoPaymentId,
      amount: one.amount,
      currency: one.currency,
      status: one.status,
      disposition:
        recorded.find(({ dodoPaymentId }) => dodoPaymentId === one.dodoPaymentId)?.disposition ??
        'none',
    })),
    refunds: payments.flatMap(({ dodoPaymentId, refunds }) =>
      refunds.map((one) => ({
        dodoRefundId: one.dodoRefundId,
        dodoPaymentId,
        amount: one.amount,
        status: one.status,
      })),
    ),
    told: [],
    timeline: lines.map(({ at, what }) => ({ at: at.toISOString(), what })),
  }
}
