import { and, eq } from 'drizzle-orm'

import { recordings } from '../../../db/schema.ts'
import { messageOf } from '../../../errors.ts'
import { wakeWithin } from '../../../wakes.ts'
import { closeOrder } from '../../orders/claim.ts'
import { lockOrder } from '../../orders/order.ts'
import type { HighlevelDeps } from '../deps.ts'
import { SUBSCRIPTION_OVER } from '../words.ts'
import { findCurrent } from './charge.ts'
import { cancelMandateIfUnused } from './mandates.ts'
import { findSubscription, type SubscriptionRow, type Whose } from './rows.ts'
import { end } from './settle.ts'

const no = (message: string) => ({ success: false, failed: true, message })

/**
 * Stops the schedule of a subscription, and its mandate if nothing else uses it. It is said to be cancelled only once
 * both are; asked again, what is left is done.
 */
export async function cancelSubscription(
  deps: HighlevelDeps,
  whose: Whose,
  subscriptionId: string,
) {
  const row = await findSubscription(deps.db, whose, subscriptionId)
  if (!row) return no('Unknown subscription')
  await deps.db.transaction((tx) => end(deps, tx, row, 'canceled', deps.now()))
  await closePage(deps, whose, row)
  try {
    await cancelMandateIfUnused(deps, row)
  } catch (error) {
    deps.log.warn({ subscriptionId, error: messageOf(error) }, 'mandate not cancelled')
    return no('The outcome is not known yet; ask again')
  }
  return { status: 'canceled' }
}

/** Who pays on its page, although it was cancelled before that, pays late. A charge that was asked for before counts. */
async function closePage(deps: HighlevelDeps, whose: Whose, row: SubscriptionRow): Promise<void> {
  const { db, queue, now } = deps
  const order = await findCurrent(deps, whose, row.transactionId)
  const isOf = order?.metadata['highlevel_subscription_id'] === row.subscriptionId
  if (!order || !isOf || order.collect === 'charge') return
  const { orderId } = order
  await db.transaction(async (tx) => {
    await lockOrder(tx, orderId)
    const isPaid = and(eq(recordings.receivableId, orderId), eq(recordings.disposition, 'applied'))
    if ((await tx.$count(recordings, isPaid)) > 0) return
    if (await closeOrder(tx, orderId, { reason: SUBSCRIPTION_OVER, at: now() }))
      await wakeWithin({ db: tx, queue }, 'settle', [orderId], 'payment')
  })
}
