import { and, desc, eq, inArray, or, sql } from 'drizzle-orm'

import { formatDodo } from '../collect/money.ts'
import type { Database } from '../db/client.ts'
import { attempts, orders, payments, refunds } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { describeOrder } from './order.ts'
import { section, alignColumns, type Write } from '../print/text.ts'

/** More of one key are not told: the newest come first. */
const MOST = 10

type Found = NonNullable<Awaited<ReturnType<typeof describeOrder>>>

/**
 * Tells of every order that an id names: its own, what its source calls it, a payment, a refund or a checkout. False
 * when there is none; `source` where two sources use the same id.
 */
export async function explainOrders(
  { db, config }: Pick<Deps, 'db' | 'config'>,
  id: string,
  { source, write }: { source: string | undefined; write: Write },
): Promise<boolean> {
  const found = await findOrders(db, id, source)
  for (const [index, { orderId }] of found.entries()) {
    const order = await describeOrder(db, config.publicUrl, orderId)
    if (!order) continue
    if (index > 0) write('')
    for (const line of linesOf(order)) write(line)
  }
  return found.length > 0
}

async function findOrders(db: Database, id: string, source: string | undefined) {
  const ofPayment = (dodoPaymentId: string) =>
    db
      .select({ id: attempts.receivableId })
      .from(attempts)
      .innerJoin(payments, eq(payments.attemptId, attempts.id))
      .where(eq(payments.dodoPaymentId, dodoPaymentId))
  const ofRefund = db
    .select({ id: attempts.receivableId })
    .from(attempts)
    .innerJoin(payments, eq(payments.attemptId, attempts.id))
    .innerJoin(refunds, eq(refunds.dodoPaymentId, payments.dodoPaymentId))
    .where(eq(refunds.dodoRefundId, id))
  const ofSession = db
    .select({ id: attempts.receivableId })
    .from(attempts)
    .where(eq(attempts.dodoSessionId, id))
  return db
    .select({ orderId: orders.orderId })
    .from(orders)
    .where(
      and(
        source === undefined ? undefined : eq(orders.source, source as 'openfront'),
        or(
          eq(orders.orderId, id),
          eq(orders.key, id),
          sql`${orders.metadata} ->> 'highlevel_subscription_id' = ${id}`,
          inArray(orders.orderId, ofPayment(id)),
          inArray(orders.orderId, ofRefund),
          inArray(orders.orderId, ofSession),
        ),
      ),
    )
    .orderBy(desc(orders.createdAt))
    .limit(MOST)
}

function linesOf(order: Found): string[] {
  const { orderId, source, tenant, key, mode, currency, amount, state, reason, payUrl } = order
  return [
    `Order ${orderId} of ${source}`,
    '',
    ...alignColumns([
      ['Tenant', `${tenant}, ${mode} mode`],
      ['Key', key],
      ['Amount', formatDodo(amount, currency)],
      ['State', order.reasonCode === null ? state : `${state} (${order.reasonCode})`],
      ['Reason', reason],
      ['Claimed', order.claimed ? 'yes: no policy gives its money back' : 'no'],
      ['Pay link', payUrl],
    ]),
    ...section('Subscription', subscriptionRows(order)),
    ...section(
      'Payments',
      order.payments.map((one) => [
        one.dodoPaymentId,
        one.status,
        formatDodo(one.amount, one.currency),
        one.disposition,
      ]),
    ),
    ...section(
      'Refunds',
      order.refunds.map((one) => [
        one.dodoRefundId,
        one.status,
        one.amount === null ? '' : formatDodo(one.amount, one.currency),
        `of ${one.dodoPaymentId}`,
      ]),
    ),
    ...section(
      'Told',
      order.told.map((one) => [one.what, one.status, `tried ${one.attempts} times`, one.at]),
    ),
    ...section(
      'Timeline',
      order.timeline.map(({ at, what }) => [at, what]),
    ),
    '',
    `Next: ${NEXT[state]}`,
  ]
}

const subscriptionRows = ({ subscription }: Found) =>
  subscription === null
    ? []
    : [
        ['Id', subscription.subscriptionId],
        ['State', subscription.status],
        ['Amount', `${formatDodo(subscription.amount, subscription.currency)} each cycle`],
        ['Next charge', subscription.nextChargeAt ?? 'none'],
        ['Saved card', subscription.dodoSubscriptionId ?? 'none'],
        ...(subscription.trouble === null ? [] : [['Trouble', subscription.trouble]]),
      ]

const NEXT: Record<Found['state'], string> = {
  open: 'nothing by itself: whoever pays, does so at the pay link',
  processing: 'Dodo tells how it ended, or the sweep asks',
  paid: 'nothing, unless a refund is asked for',
  failed: 'nothing: nobody can pay it any more',
  superseded: 'nothing: what is still paid on it is late, and VOID_PAYMENTS decides',
  skipped: 'nothing',
  attention: 'a person: docs/operations.md says what to do about the reason',
}
