import { and, asc, eq, inArray, lte, sql } from 'drizzle-orm'

import { findings, receivables } from '../db/schema.ts'
import type { Deps } from './deps.ts'
import { wakeWithin } from '../wakes.ts'

const MAX_WOKEN = 200
const RETRY_SCHEDULE = 'retry_schedule'

/** Wakes the receivables whose time has come: retries after a decline. Safe to run on every replica at once. */
export async function wakeDue({
  db,
  queue,
  now,
}: Pick<Deps, 'db' | 'queue' | 'now'>): Promise<void> {
  const isDue = lte(receivables.nextWakeAt, now())
  // Nearly always there is none, and an idle bridge opens no transaction to find that.
  if (
    (
      await db
        .select({ one: sql`1` })
        .from(receivables)
        .where(isDue)
        .limit(1)
    ).length === 0
  )
    return
  await db.transaction(async (tx) => {
    const due = await tx
      .select({ receivableId: receivables.receivableId })
      .from(receivables)
      .where(isDue)
      .orderBy(asc(receivables.nextWakeAt))
      .limit(MAX_WOKEN)
      .for('update', { skipLocked: true })
    if (due.length === 0) return
    const keys = due.map(({ receivableId }) => receivableId)
    await tx
      .update(receivables)
      .set({ nextWakeAt: null })
      .where(inArray(receivables.receivableId, keys))
    await wakeWithin({ db: tx, queue }, 'settle', keys, 'retry')
  })
}

/**
 * What declined receivables wait for was said by the schedule of their last look. When the merchant has set another
 * one, they are looked at again, so that what is shown is what will be done. Safe to run on every replica at once.
 */
export async function adoptSchedule({
  db,
  config,
  now,
}: Pick<Deps, 'db' | 'config' | 'now'>): Promise<void> {
  const at = now()
  const value = config.retryScheduleMs
  await db.transaction(async (tx) => {
    const first = await tx
      .insert(findings)
      .values({ name: RETRY_SCHEDULE, value, foundAt: at })
      .onConflictDoNothing()
      .returning({ name: findings.name })
    if (first.length > 0) return
    const changed = await tx
      .update(findings)
      .set({ value, foundAt: at })
      .where(
        and(
          eq(findings.name, RETRY_SCHEDULE),
          sql`${findings.value} is distinct from ${JSON.stringify(value)}::jsonb`,
        ),
      )
      .returning({ name: findings.name })
    if (changed.length === 0) return
    await tx.update(receivables).set({ nextWakeAt: at }).where(eq(receivables.state, 'failed'))
  })
}
