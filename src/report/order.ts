import { and, desc, eq, sql } from 'drizzle-orm'

import { listTellings } from '../billers/orders/tellings.ts'
import { loadMoney, payUrlOf } from '../collect/load.ts'
import { readTimeline } from '../collect/timeline.ts'
import { findSubscription, scheduleOf } from '../billers/highlevel/recurring/rows.ts'
import { nextAt } from '../billers/highlevel/decide/schedule.ts'
import type { Database } from '../db/client.ts'
import { orders, receivables } from '../db/schema.ts'
import { pageOf, readCursorOf, writeCursor, type Listing } from '../db/cursor.ts'

const ORDERS_AT_ONCE = 100

type Row = { order: typeof orders.$inferSelect; receivable: typeof receivables.$inferSelect }

/** One order with its money and its history, for who runs the bridge. */
export async function describeOrder(db: Database, publicUrl: string, orderId: string) {
  const [row] = await select(db).where(eq(orders.orderId, orderId))
  return row && describe(db, publicUrl, row)
}

/** Those that are of what is named, the newest first, a hundred at a time: `before` is where the page before has ended. */
export async function listOrders(
  db: Database,
  publicUrl: string,
  named: Record<string, string>,
): Promise<Listing<Awaited<ReturnType<typeof describe>>>> {
  // What Postgres keeps in no text names nothing.
  if (Object.values(named).some((value) => value.includes('\0')))
    return { items: [], next: undefined }
  const { source, tenant, state, key } = named
  const cursor = readCursorOf(named['before'], 'moment')
  const rows = await select(db)
    .where(
      and(
        source === undefined ? undefined : eq(orders.source, source as 'openfront'),
        tenant === undefined ? undefined : eq(orders.tenant, tenant),
        key === undefined ? undefined : eq(orders.key, key),
        state === undefined
          ? undefined
          : eq(receivables.state, (state === 'superseded' ? 'void' : state) as 'open'),
        cursor &&
          sql`(${orders.createdAt}, ${orders.orderId}) < (${cursor[0]}::timestamptz, ${cursor[1]}::text)`,
      ),
    )
    .orderBy(desc(orders.createdAt), desc(orders.orderId))
    .limit(ORDERS_AT_ONCE + 1)
  const { items, next } = pageOf(rows, ORDERS_AT_ONCE, ({ order }) =>
    writeCursor(order.createdAt.toISOString(), order.orderId),
  )
  return { items: await Promise.all(items.map((row) => describe(db, publicUrl, row))), next }
}

const select = (db: Database) =>
  db
    .select({ order: orders, receivable: receivables })
    .from(orders)
    .innerJoin(receivables, eq(receivables.receivableId, orders.orderId))

async function describe(db: Database, publicUrl: string, { order, receivable }: Row) {
  const { orderId } = order
  const [{ payments, recordings }, lines, told, subscription] = await Promise.all([
    loadMoney(db, orderId),
    readTimeline(db, orderId),
    listTellings(db, orderId),
    describeSubscription(db, order),
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
    state: receivable.state === 'void' ? ('superseded' as const) : receivable.state,
    reason: receivable.reason,
    reasonCode: receivable.reasonCode,
    payUrl: payUrlOf(publicUrl, receivable.payToken),
    claimed: claimedAt !== null,
    subscription,
    payments: payments.map((one) => ({
      dodoPaymentId: one.dodoPaymentId,
      amount: one.amount,
      currency: one.currency,
      status: one.status,
      disposition:
        recordings.find(({ dodoPaymentId }) => dodoPaymentId === one.dodoPaymentId)?.disposition ??
        'none',
    })),
    refunds: payments.flatMap(({ dodoPaymentId, currency: paidIn, refunds }) =>
      refunds.map((one) => ({
        dodoRefundId: one.dodoRefundId,
        dodoPaymentId,
        amount: one.amount,
        currency: one.currency ?? paidIn,
        status: one.status,
      })),
    ),
    told: told.map(({ what, status, attempts, triedAt, plannedAt }) => ({
      what,
      status,
      attempts,
      at: (triedAt ?? plannedAt).toISOString(),
    })),
    timeline: lines.map(({ at, what }) => ({ at: at.toISOString(), what })),
  }
}

/** The subscription of HighLevel that an order is a part of. */
async function describeSubscription(
  db: Database,
  { tenant, mode, metadata }: (typeof orders)['$inferSelect'],
) {
  const id = metadata['highlevel_subscription_id']
  if (id === undefined) return null
  const row = await findSubscription(db, { locationId: tenant, mode }, id)
  if (!row) return null
  const { subscriptionId, status, amount, currency, dodoSubscriptionId, trouble } = row
  const schedule = scheduleOf(row)
  const isRunning = status !== 'canceled' && status !== 'expired'
  const next = schedule && isRunning ? nextAt(schedule) : undefined
  const nextChargeAt = next?.toISOString() ?? null
  return { subscriptionId, status, amount, currency, dodoSubscriptionId, nextChargeAt, trouble }
}
