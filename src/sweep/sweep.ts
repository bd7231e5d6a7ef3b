import { eq } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { findings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Dodo } from '../dodo/client.ts'
import type { Lago } from '../lago/client.ts'
import { tracePayment } from '../settle/trace.ts'
import { wake } from '../settle/wake.ts'
import { findInDodo } from './find-in-dodo.ts'
import { findInLago } from './find-in-lago.ts'
import { findUnfinished, findUnreadPayments } from './find-unfinished.ts'

/** One thing that was not as it should be, in words. */
export type Finding = { lagoInvoiceId: string | null; what: string }

/** Clients whose requests give way to live work. */
export type Sweeping = Omit<Deps, 'lago' | 'dodo'> & { lago: Lago; dodo: Dodo }

/** Dodo's lists have no filter by change, so each sweep reads again what is younger than this. */
const LOOK_BACK_MS = 48 * 3_600_000
const MAX_LOOK_BACK_MS = 90 * 24 * 3_600_000
const LAST_SWEEP = 'last_sweep'

/**
 * Compares both ledgers with ours, and wakes every invoice about which they disagree. It mends nothing
 * itself: a lost webhook is made up for by the same look that the webhook would have caused.
 */
export async function sweep(deps: Sweeping, { isDryRun = false } = {}): Promise<Finding[]> {
  const startedAt = deps.now()
  const since = await lookBackTo(deps, startedAt)
  const [inDodo, inLago, unfinished, unread] = [
    await findInDodo(deps, since),
    await findInLago(deps),
    await findUnfinished(deps),
    await findUnreadPayments(deps),
  ]
  if (!isDryRun) {
    const changed = new Set([...inDodo, ...unread].map(({ dodoPaymentId }) => dodoPaymentId))
    for (const dodoPaymentId of changed) await tracePayment(deps, dodoPaymentId)
    const stale = [...inLago, ...unfinished].map(({ lagoInvoiceId }) => lagoInvoiceId)
    await wake(deps, [...new Set(stale)], 'sweep')
    await rememberSweep(deps, startedAt)
  }
  return [...inDodo, ...inLago, ...unfinished]
}

/** Long enough to cover everything since the last sweep that was completed, outages included. */
async function lookBackTo({ db }: Sweeping, now: Date): Promise<Date> {
  const last = await lastSweptAt(db)
  const sinceLastMs = last ? now.getTime() - last.getTime() : 0
  const lookBackMs = Math.min(LOOK_BACK_MS + sinceLastMs, MAX_LOOK_BACK_MS)
  return new Date(now.getTime() - lookBackMs)
}

/** When the last sweep that was completed began. */
export async function lastSweptAt(db: Database): Promise<Date | undefined> {
  const [last] = await db.select().from(findings).where(eq(findings.name, LAST_SWEEP))
  return last?.foundAt
}

async function rememberSweep({ db }: Sweeping, at: Date) {
  const found = { value: true, foundAt: at }
  await db
    .insert(findings)
    .values({ name: LAST_SWEEP, ...found })
    .onConflictDoUpdate({ target: findings.name, set: found })
}
