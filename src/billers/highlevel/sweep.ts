import { and, asc, eq, gt, isNotNull, isNull, lt, or } from 'drizzle-orm'

import { takeTurns } from '../../collect/sweep/rotate.ts'
import type { Executor } from '../../db/client.ts'
import { highlevelApplied, orders } from '../../db/schema.ts'
import { messageOf } from '../../errors.ts'
import type { OrderRow } from '../orders/order.ts'
import { planTelling } from '../orders/tellings.ts'
import { isShown } from './compare.ts'
import type { HighlevelDeps } from './deps.ts'
import { isOfTransaction } from './recurring/rows.ts'
import { findOpenSetups, lookAtSetup } from './recurring/setup.ts'
import { CAPTURED } from './tell.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
/** After this HighLevel is not asked any more whether it shows what it was told. */
const GIVE_UP_MS = 14 * DAY_MS
/** What one sweep looks at; the rest is looked at by the next. */
const MOST = 200
/** Anybody can have one opened, and each costs Dodo some requests. */
const MOST_PAGES = 50

/** What HighLevel was told and does not show is told again; pages on which a card may have been saved are looked at. */
export async function sweepHighlevel(
  deps: HighlevelDeps,
  { isDryRun, isThorough }: { isDryRun: boolean; isThorough: boolean },
): Promise<{ orderId: string; what: string }[]> {
  if (!isDryRun) await lookAtSetups(deps, isThorough)
  const found: { orderId: string; what: string }[] = []
  for (const order of await listToFollow(deps)) {
    const what = await follow(deps, order, isDryRun)
    if (what) found.push({ orderId: order.orderId, what })
  }
  return found
}

async function lookAtSetups(deps: HighlevelDeps, isThorough: boolean) {
  const turn = { find: findOpenSetups, limit: MOST_PAGES }
  const rows = await takeTurns({ ...deps, isThorough, isDryRun: false }, 'card pages', turn)
  for (const row of rows) {
    try {
      await lookAtSetup(deps, row, 'sweep')
    } catch (error) {
      deps.log.warn({ error: messageOf(error) }, 'a page for a card was not looked at')
    }
  }
}

/** Told an hour ago or longer, and not seen to be applied; each at most daily after the first look. */
async function listToFollow({ db, now }: HighlevelDeps): Promise<OrderRow[]> {
  const before = (ms: number) => new Date(now().getTime() - ms)
  const rows = await db
    .select({ order: orders })
    .from(orders)
    .leftJoin(highlevelApplied, eq(highlevelApplied.orderId, orders.orderId))
    .where(
      and(
        eq(orders.source, 'highlevel'),
        // As many cycles would keep all others from being looked at.
        isOfTransaction,
        isNotNull(orders.claimedAt),
        lt(orders.claimedAt, before(HOUR_MS)),
        gt(orders.claimedAt, before(GIVE_UP_MS)),
        isNull(highlevelApplied.appliedAt),
        or(isNull(highlevelApplied.lookedAt), lt(highlevelApplied.lookedAt, before(DAY_MS))),
      ),
    )
    .orderBy(asc(orders.claimedAt))
    .limit(MOST)
  return rows.map(({ order }) => order)
}

async function follow(
  deps: HighlevelDeps,
  order: OrderRow,
  isDryRun: boolean,
): Promise<string | undefined> {
  const { orderId, tenant, key } = order
  const isSeen = await isApplied(deps, order).catch((error: unknown) => {
    deps.log.warn({ orderId, error: messageOf(error) }, 'the transaction could not be read')
    return undefined
  })
  const at = deps.now()
  if (isSeen === undefined) {
    // As many that cannot be read would keep all others from being looked at.
    const lookedAt = new Date(at.getTime() - DAY_MS + HOUR_MS)
    if (!isDryRun) await noteLook(deps.db, orderId, { lookedAt, appliedAt: null })
    return undefined
  }
  const what = `HighLevel was told of ${key} of ${tenant}, and does not show it as paid`
  if (isDryRun) return isSeen ? undefined : what
  await deps.db.transaction(async (tx) => {
    await noteLook(tx, orderId, { lookedAt: at, appliedAt: isSeen ? at : null })
    // A fact of its own for each day, so that it is told once, whoever sweeps.
    const fact = `again ${at.toISOString().slice(0, 10)}`
    if (!isSeen) await planTelling(tx, { orderId, what: CAPTURED, fact, at })
  })
  return isSeen ? undefined : what
}

const noteLook = (
  db: Executor,
  orderId: string,
  seen: { lookedAt: Date; appliedAt: Date | null },
) =>
  db
    .insert(highlevelApplied)
    .values({ orderId, ...seen })
    .onConflictDoUpdate({ target: highlevelApplied.orderId, set: seen })

async function isApplied(deps: HighlevelDeps, { tenant, key }: OrderRow): Promise<boolean> {
  if (await deps.locations.isUninstalled(tenant)) return true
  const found = await deps.locations.clientFor(tenant).findTransaction(key)
  return found !== undefined && isShown(found)
}
