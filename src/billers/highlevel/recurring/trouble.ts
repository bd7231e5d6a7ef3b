import { asc, isNotNull } from 'drizzle-orm'

import type { Executor } from '../../../db/client.ts'
import { highlevelSubscriptions } from '../../../db/schema.ts'
import type { Deps } from '../../../collect/deps.ts'
import { wakeWithin } from '../../../wakes.ts'
import type { Trouble } from '../../orders/decide/order.ts'
import type { OrderRow } from '../../orders/order.ts'
import { findSubscription, listOrdersOf, type SubscriptionRow } from './rows.ts'

/** The order that shows it, and those that showed it before. */
const SHOWING = 3

/** Why a person must look at a subscription: it is shown by the newest of its orders. */
export async function findSubscriptionTrouble(
  db: Executor,
  { orderId, tenant, mode, metadata }: OrderRow,
): Promise<Trouble | undefined> {
  const subscriptionId = metadata['highlevel_subscription_id']
  if (subscriptionId === undefined) return undefined
  const row = await findSubscription(db, { locationId: tenant, mode }, subscriptionId)
  if (!row?.trouble) return undefined
  const [newest] = await listOrdersOf(db, row)
  if (newest?.orderId !== orderId) return undefined
  const code = row.status === 'unpaid' ? 'subscription_unpaid' : 'subscription_held'
  return { reason: `subscription ${subscriptionId}: ${row.trouble}`, code }
}

/** Has the orders that show it, or have shown it, say so. */
export async function showTrouble(
  tx: Executor,
  queue: Deps['queue'],
  row: SubscriptionRow,
): Promise<void> {
  const ids = (await listOrdersOf(tx, row)).slice(0, SHOWING).map(({ orderId }) => orderId)
  if (ids.length > 0) await wakeWithin({ db: tx, queue }, 'settle', ids, 'payment')
}

/** Those that a person must look at and that no order shows: nothing of them was due yet when they were held. */
export async function listUnshown(db: Executor, limit: number): Promise<SubscriptionRow[]> {
  const rows = await db
    .select()
    .from(highlevelSubscriptions)
    .where(isNotNull(highlevelSubscriptions.trouble))
    .orderBy(asc(highlevelSubscriptions.createdAt))
    .limit(limit)
  const isShown = await Promise.all(
    rows.map(async (row) => (await listOrdersOf(db, row)).length > 0),
  )
  return rows.filter((_row, index) => !isShown[index])
}
