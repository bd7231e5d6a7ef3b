import type { Executor } from '../../../db/client.ts'
import type { Deps } from '../../../deps.ts'
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
