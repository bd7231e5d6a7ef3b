import { and, desc, eq, inArray, like, lte, ne, notInArray, notLike, or } from 'drizzle-orm'

import type { Executor } from '../../../db/client.ts'
import { highlevelSubscriptions, orders } from '../../../db/schema.ts'
import type { Mode } from '../../../highlevel/keys.ts'
import type { OrderRow } from '../../orders/order.ts'
import { nextAt } from '../decide/schedule.ts'
import { subscriptionSnapshot } from '../decide/subscription.ts'

export type SubscriptionRow = typeof highlevelSubscriptions.$inferSelect
export type Whose = { locationId: string; mode: Mode }

const isThis = ({ locationId, mode }: Whose, subscriptionId: string) =>
  and(
    eq(highlevelSubscriptions.locationId, locationId),
    eq(highlevelSubscriptions.mode, mode),
    eq(highlevelSubscriptions.subscriptionId, subscriptionId),
  )

/** The subscription that HighLevel calls so, of that location and mode. */
export async function findSubscription(
  db: Executor,
  whose: Whose,
  subscriptionId: string,
): Promise<SubscriptionRow | undefined> {
  const [row] = await db.select().from(highlevelSubscriptions).where(isThis(whose, subscriptionId))
  return row
}

export async function lockSubscription(
  tx: Executor,
  id: string,
): Promise<SubscriptionRow | undefined> {
  const [row] = await tx
    .select()
    .from(highlevelSubscriptions)
    .where(eq(highlevelSubscriptions.id, id))
    .for('update')
  return row
}

export const changeSubscription = (
  db: Executor,
  id: string,
  change: Partial<typeof highlevelSubscriptions.$inferInsert>,
) => db.update(highlevelSubscriptions).set(change).where(eq(highlevelSubscriptions.id, id))

const OVER: SubscriptionRow['status'][] = ['canceled', 'expired']
export const isEnded = ({ status }: Pick<SubscriptionRow, 'status'>) => OVER.includes(status)

/**
 * The same, decided on a row that was read before: false, with nothing changed, when the subscription was ended
 * meanwhile. What is over is never taken up again.
 */
export async function changeRunning(
  db: Executor,
  id: string,
  change: Partial<typeof highlevelSubscriptions.$inferInsert>,
): Promise<boolean> {
  const changed = await db
    .update(highlevelSubscriptions)
    .set(change)
    .where(and(eq(highlevelSubscriptions.id, id), notInArray(highlevelSubscriptions.status, OVER)))
    .returning({ id: highlevelSubscriptions.id })
  return changed.length > 0
}

/** What is agreed to while it has not begun; undefined, with nothing changed, once it has. */
export async function changePending(
  db: Executor,
  whose: Whose,
  subscriptionId: string,
  change: Partial<typeof highlevelSubscriptions.$inferInsert>,
): Promise<SubscriptionRow | undefined> {
  const [row] = await db
    .update(highlevelSubscriptions)
    .set(change)
    .where(and(isThis(whose, subscriptionId), eq(highlevelSubscriptions.status, 'pending')))
    .returning()
  return row
}

/** Those whose time has come. */
export const listDue = (db: Executor, now: Date, most: number) =>
  db
    .select({ id: highlevelSubscriptions.id })
    .from(highlevelSubscriptions)
    .where(lte(highlevelSubscriptions.nextWakeAt, now))
    .orderBy(highlevelSubscriptions.nextWakeAt)
    .limit(most)

/** Takes the turn of those whose time has come: they are due `again` later, whoever else looks. */
export async function takeDue(
  tx: Executor,
  now: Date,
  { most, again }: { most: number; again: Date },
): Promise<string[]> {
  const due = (await listDue(tx, now, most).for('update', { skipLocked: true })).map(({ id }) => id)
  await tx
    .update(highlevelSubscriptions)
    .set({ nextWakeAt: again })
    .where(inArray(highlevelSubscriptions.id, due))
  return due
}

/** Whether another subscription still lives on the mandate. */
export async function isMandateUsed(
  db: Executor,
  dodoSubscriptionId: string,
  { id }: Pick<SubscriptionRow, 'id'>,
): Promise<boolean> {
  const rows = await db
    .select({ id: highlevelSubscriptions.id })
    .from(highlevelSubscriptions)
    .where(
      and(
        eq(highlevelSubscriptions.dodoSubscriptionId, dodoSubscriptionId),
        ne(highlevelSubscriptions.id, id),
        notInArray(highlevelSubscriptions.status, OVER),
      ),
    )
    .limit(1)
  return rows.length > 0
}

/** The orders of a subscription, the newest first: its cycles, and the transaction that it began with. */
export const listOrdersOf = (
  db: Executor,
  { locationId, mode, subscriptionId, transactionId }: SubscriptionRow,
): Promise<OrderRow[]> =>
  db
    .select()
    .from(orders)
    .where(
      and(
        eq(orders.source, 'highlevel'),
        eq(orders.tenant, locationId),
        eq(orders.mode, mode),
        or(eq(orders.key, transactionId), isCycleOf(subscriptionId)),
      ),
    )
    .orderBy(desc(orders.createdAt))

/** Its schedule, once it has begun. */
export const scheduleOf = ({ anchorAt, ...row }: SubscriptionRow) =>
  anchorAt && { ...row, anchorAt }

const ENDED: readonly SubscriptionRow['status'][] = ['canceled', 'expired', 'pending']

/** As HighLevel is told of it. */
export function snapshotOf(row: SubscriptionRow) {
  const schedule = scheduleOf(row)
  const { subscriptionId, status, trialEndAt, createdAt } = row
  const nextChargeAt = schedule && !ENDED.includes(status) ? nextAt(schedule) : undefined
  return subscriptionSnapshot({ subscriptionId, status, trialEndAt, createdAt, nextChargeAt })
}

/** The key of the order of a cycle. */
export const keyOfCycle = (subscriptionId: string, cycle: number) => `${subscriptionId}#${cycle}`

const isCycleOf = (subscriptionId: string) =>
  like(orders.key, `${subscriptionId.replaceAll(/[\\%_]/g, '\\$&')}#%`)

/** An order that is no cycle: no id of HighLevel's has what parts a cycle's key. */
export const isOfTransaction = notLike(orders.key, '%#%')

/** What `keyOfCycle` made of it; undefined for a transaction. */
export function readCycleKey(key: string): { subscriptionId: string; cycle: number } | undefined {
  const match = /^(.+)#(\d{1,9})$/.exec(key)
  return match ? { subscriptionId: match[1] ?? '', cycle: Number(match[2]) } : undefined
}
