import { and, eq, isNull } from 'drizzle-orm'

import { isLive } from '../../../collect/ledger.ts'
import { note } from '../../../collect/timeline.ts'
import type { Executor } from '../../../db/client.ts'
import { orders } from '../../../db/schema.ts'
import { wake, wakeWithin } from '../../../wakes.ts'
import { ensureOrder } from '../../orders/ensure.ts'
import { outcomeOf, readStanding, type Standing } from '../../orders/look.ts'
import type { OrderRow } from '../../orders/order.ts'
import { planTelling } from '../../orders/tellings.ts'
import { isRefusal, readMoney } from '../decide/asked.ts'
import { nextAt, TOO_LATE } from '../decide/schedule.ts'
import {
  decideSubscription,
  needsReading,
  type Cycle,
  type SaidOfIt,
  type Step,
} from '../decide/subscription.ts'
import type { HighlevelDeps } from '../deps.ts'
import { NeedsInstall } from '../install/needs-install.ts'
import { WORDS } from '../words.ts'
import { subjectOf } from './beginning.ts'
import { cancelMandateIfUnused } from './mandates.ts'
import {
  changeRunning,
  changeSubscription,
  isEnded,
  keyOfCycle,
  listDue,
  listOrdersOf,
  lockSubscription,
  scheduleOf,
  takeDue,
  type SubscriptionRow,
} from './rows.ts'
import { showTrouble } from './trouble.ts'

const MAX_WOKEN = 200
const MAX_STEPS = 20
/** A charge that is under way is looked at again by then, whoever should have told of its end. */
const UNDER_WAY_MS = 10 * 60_000
/** A person was asked to look: until then HighLevel is asked anew this often. */
const ATTENDED_MS = 24 * 3_600_000

export const UPDATED = 'subscription.updated'

/**
 * Wakes the subscriptions with something due, each again a while later unless its look has said otherwise by then: what
 * cannot be looked at must not keep the others waiting. Safe to run on every replica at once.
 */
export async function wakeSubscriptions({
  db,
  queue,
  now,
}: Pick<HighlevelDeps, 'db' | 'queue' | 'now'>): Promise<void> {
  const at = now()
  // Nearly always there is none, and an idle bridge opens no transaction to find that.
  if ((await listDue(db, at, 1)).length === 0) return
  const again = new Date(at.getTime() + UNDER_WAY_MS)
  await db.transaction(async (tx) => {
    const ids = await takeDue(tx, at, { most: MAX_WOKEN, again })
    await wakeWithin({ db: tx, queue }, 'subscription', ids, 'clock')
  })
}

/** Does all that is due of a subscription: charges a cycle, or ends it, as is decided. */
export async function settleSubscription(deps: HighlevelDeps, id: string): Promise<void> {
  for (let taken = 0; taken < MAX_STEPS; taken += 1) if (await advance(deps, id)) return
}

/** One step; true once it rests. */
async function advance(deps: HighlevelDeps, id: string): Promise<boolean> {
  const row = await deps.db.transaction((tx) => lockSubscription(tx, id))
  const schedule = row && scheduleOf(row)
  if (!schedule) return true
  const now = deps.now()
  const begun = await findCycle(deps, row)
  const subject = { ...schedule, hasMandate: row.dodoSubscriptionId !== null }
  const isBegun = begun?.cycle === row.nextCycle
  const said = !isBegun && needsReading(subject, now) ? await readSaid(deps, row) : undefined
  const step = decideSubscription(subject, begun, said, now)
  return take(deps, row, begun, step)
}

type Begun = Cycle & { standing: Standing }

/** The order of the cycle that is to be charged next, if it was begun: whatever was begun after it. */
async function findCycle(deps: HighlevelDeps, row: SubscriptionRow): Promise<Begun | undefined> {
  const [order] = await deps.db
    .select()
    .from(orders)
    .where(
      and(
        eq(orders.source, 'highlevel'),
        eq(orders.tenant, row.locationId),
        eq(orders.mode, row.mode),
        eq(orders.key, keyOfCycle(row.subscriptionId, row.nextCycle)),
        isNull(orders.supersededAt),
      ),
    )
  if (!order) return undefined
  const standing = await readStanding(deps, order.orderId)
  return { cycle: row.nextCycle, state: stateOf(standing), standing }
}

function stateOf(standing: Standing): Cycle['state'] {
  if (outcomeOf(standing).status === 'captured') return 'paid'
  return standing.order.closedAt ? 'failed' : 'open'
}

/** What HighLevel says now; `unreadable` where it takes no token of ours, which only a person can mend. */
async function readSaid(
  deps: HighlevelDeps,
  { locationId, subscriptionId }: SubscriptionRow,
): Promise<SaidOfIt | 'unknown' | 'unreadable'> {
  const client = deps.locations.clientFor(locationId)
  const found = await client.findSubscription(subscriptionId).catch((error: unknown) => {
    if (error instanceof NeedsInstall) return 'unreadable' as const
    throw error
  })
  if (found === 'unreadable') return found
  // It may be gone, or HighLevel says no to the question: neither says that it was cancelled.
  if (!found) return 'unknown'
  const status = (found.status ?? '').toLowerCase()
  const money = readMoney({ amount: found.amount, currency: found.currency ?? '' })
  return {
    isCancelled: found.canceledAt !== null || /^cancell?ed$/.test(status),
    status,
    amount: isRefusal(money) ? undefined : money.amount,
    currency: isRefusal(money) ? undefined : money.currency,
  }
}

async function take(
  deps: HighlevelDeps,
  row: SubscriptionRow,
  begun: Begun | undefined,
  step: Step,
): Promise<boolean> {
  const { db, now } = deps
  const at = now()
  switch (step.do) {
    case 'rest':
      await restAt(deps, row, begun, step.wakeAt)
      return true
    case 'charge':
      await chargeCycle(deps, row, step.cycle)
      return false
    case 'advance':
      await db.transaction((tx) => goOn(deps, tx, { row, begun, at }, step))
      return false
    case 'pass_over':
      await db.transaction((tx) => passOver(deps, tx, { row, at }, step.cycle))
      return false
    case 'expire':
      await db.transaction((tx) => end(deps, tx, row, 'expired', at))
      return true
    case 'stop':
      // First of all: what is over is not looked at again.
      await cancelMandateIfUnused(deps, row)
      await db.transaction((tx) => end(deps, tx, row, 'canceled', at))
      return true
    case 'attend':
      deps.log.warn({ subscriptionId: row.subscriptionId, why: step.reason }, 'subscription held')
      await db.transaction((tx) => attend(deps, tx, { row, at }, step))
      return true
  }
}

/** While a charge is under way HighLevel is told, once, that it did not go through at first. */
async function restAt(
  { db, queue, now }: HighlevelDeps,
  row: SubscriptionRow,
  begun: Begun | undefined,
  wakeAt: Date | undefined,
) {
  const isUnderWay = begun?.cycle === row.nextCycle && begun.state === 'open'
  const at = now()
  await db.transaction(async (tx) => {
    const nextWakeAt = isUnderWay ? new Date(at.getTime() + UNDER_WAY_MS) : (wakeAt ?? null)
    const last = begun?.standing.ledger.attempts.at(-1)
    const isDeclined =
      isUnderWay && last !== undefined && !isLive(last) && last.status === 'declined'
    const change = { nextWakeAt, ...(isDeclined && { status: 'unpaid' as const }) }
    if ((await changeRunning(tx, row.id, change)) && isDeclined)
      await planUpdate(tx, begun.standing.order, 'unpaid', at)
    if (isUnderWay && !isLookedAtSince(begun, new Date(at.getTime() - UNDER_WAY_MS)))
      await wakeWithin({ db: tx, queue }, 'settle', [begun.standing.order.orderId], 'clock')
  })
}

/** Its own work may have been lost with whoever had it in hand. */
const isLookedAtSince = ({ standing: { row } }: Begun, since: Date) =>
  row.settledAt !== null && row.settledAt > since

async function chargeCycle(deps: HighlevelDeps, row: SubscriptionRow, cycle: number) {
  const { locationId, mode, subscriptionId, contactId } = row
  const order = await ensureOrder(
    deps,
    { source: 'highlevel', tenant: locationId, mode },
    {
      account: row.account,
      key: keyOfCycle(subscriptionId, cycle),
      amount: row.amount,
      currency: row.currency,
      email: row.email ?? undefined,
      name: row.name ?? undefined,
      country: row.country ?? undefined,
      payerKey: row.payerKey,
      collect: 'charge',
      dodoSubscriptionId: row.dodoSubscriptionId ?? undefined,
      metadata: { highlevel_subscription_id: subscriptionId, highlevel_contact_id: contactId },
    },
    WORDS,
  )
  await wake(deps, 'settle', [order.orderId], 'clock')
}

type Advancing = { row: SubscriptionRow; at: Date }

/** A cycle is over. One that was not paid leaves the subscription unpaid, and somebody must look. */
async function goOn(
  { queue }: Pick<HighlevelDeps, 'queue'>,
  tx: Executor,
  { row, begun, at }: Advancing & { begun: Begun | undefined },
  { cycle, isPaid }: { cycle: number; isPaid: boolean },
) {
  const nextCycle = cycle + 1
  const schedule = scheduleOf({ ...row, nextCycle })
  const why = begun?.standing.order.closedReason ?? 'its charge was declined'
  const isGoingOn = await changeRunning(tx, row.id, {
    nextCycle,
    status: isPaid ? 'active' : 'unpaid',
    trouble: isPaid ? null : `cycle ${cycle} was not paid: ${why}`,
    nextWakeAt: (schedule && nextAt(schedule)) ?? at,
  })
  if (!isGoingOn) return
  if (!isPaid || row.trouble !== null) await showTrouble(tx, queue, row)
  if (!isPaid && begun) await planUpdate(tx, begun.standing.order, 'unpaid', at)
}

async function passOver(
  { queue }: Pick<HighlevelDeps, 'queue'>,
  tx: Executor,
  { row, at }: Advancing,
  cycle: number,
) {
  const trouble = `cycle ${cycle} was not charged: ${TOO_LATE}`
  const change = { nextCycle: cycle + 1, trouble, nextWakeAt: at }
  if (!(await changeRunning(tx, row.id, change))) return
  const [newest] = await listOrdersOf(tx, row)
  // What is passed over stays to be read, also once a later cycle was paid.
  if (newest) await note(tx, newest.orderId, trouble, at)
  await showTrouble(tx, queue, row)
}

/** A person must look; until then HighLevel is asked anew each day. */
async function attend(
  { queue }: Pick<HighlevelDeps, 'queue'>,
  tx: Executor,
  { row, at }: Advancing,
  { reason: trouble, isWatched = false }: Extract<Step, { do: 'attend' }>,
) {
  const nextWakeAt = new Date(at.getTime() + (isWatched ? UNDER_WAY_MS : ATTENDED_MS))
  if (!(await changeRunning(tx, row.id, { trouble, nextWakeAt }))) return
  await showTrouble(tx, queue, row)
}

/** It is over, whoever said so. */
export async function end(
  { queue }: Pick<HighlevelDeps, 'queue'>,
  tx: Executor,
  row: SubscriptionRow,
  status: 'canceled' | 'expired',
  at: Date,
) {
  const locked = await lockSubscription(tx, row.id)
  if (!locked || isEnded(locked)) return
  // What was never paid, or passed over, stays to be seen to; what is not charged any more does not.
  await changeSubscription(tx, row.id, {
    status,
    nextWakeAt: null,
    ...(status === 'canceled' && { trouble: null }),
  })
  const cycles = await listOrdersOf(tx, locked)
  await planUpdate(tx, cycles[0] ?? { orderId: subjectOf(locked) }, status, at)
  // A charge that has not begun is not begun any more.
  const open = cycles.map(({ orderId }) => orderId)
  if ((status === 'canceled' || locked.trouble !== null) && open.length > 0)
    await wakeWithin({ db: tx, queue }, 'settle', open, 'clock')
}

/** HighLevel is told of each state once. */
const planUpdate = (tx: Executor, { orderId }: Pick<OrderRow, 'orderId'>, fact: string, at: Date) =>
  planTelling(tx, { orderId, what: UPDATED, fact, at })
