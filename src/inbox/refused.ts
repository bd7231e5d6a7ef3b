import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'

import type { Database } from '../db/client.ts'
import { findings } from '../db/schema.ts'

type Source = 'lago' | 'dodo'

/** Strangers can cause refusals as often as they like; the database hears of them this often. */
const WRITE_EVERY_MS = 10_000
const MAX_REASON_LENGTH = 300
/** Deliveries of `doctor` that are meant to be refused have an id that begins so, and are not counted. */
export const PROBE_ID = 'bridge-doctor-'

const Refused = z.object({ count: z.number(), since: z.coerce.date(), reason: z.string() })
export type Refused = z.infer<typeof Refused> & { lastAt: Date }

/**
 * Counts deliveries whose signature was refused, so that a wrong secret is seen from outside this process. Nothing of
 * the delivery is kept. A day without any begins a new count.
 */
export function createRefusedCount({ db, now }: { db: Database; now: () => Date }) {
  const waiting = new Map<Source, { count: number; reason: string }>()
  const writtenAt = new Map<Source, number>()

  async function write(source: Source) {
    const noted = waiting.get(source)
    if (!noted) return
    waiting.delete(source)
    writtenAt.set(source, performance.now())
    const at = now()
    const value = { ...noted, since: at.toISOString() }
    await db
      .insert(findings)
      .values({ name: nameOf(source), value, foundAt: at })
      .onConflictDoUpdate({
        target: findings.name,
        set: {
          foundAt: at,
          value: sql`case when ${findings.foundAt} < ${at.toISOString()}::timestamptz - interval '1 day'
            then excluded.value
            else excluded.value || jsonb_build_object(
              'count', (${findings.value} ->> 'count')::int + ${noted.count}::int,
              'since', ${findings.value} ->> 'since') end`,
        },
      })
  }

  /** While the database is away nothing is stored either, and the sender tries again. */
  const writeSoon = (source: Source) => void write(source).catch(() => undefined)

  return function countRefused(source: Source, reason: string) {
    const { count } = waiting.get(source) ?? { count: 0 }
    waiting.set(source, { count: count + 1, reason: reason.slice(0, MAX_REASON_LENGTH) })
    if (count > 0) return
    const sinceMs = performance.now() - (writtenAt.get(source) ?? -Infinity)
    if (sinceMs >= WRITE_EVERY_MS) writeSoon(source)
    else setTimeout(writeSoon, WRITE_EVERY_MS - sinceMs, source).unref()
  }
}

/** What was refused of a service's deliveries lately, if anything. */
export async function findRefused(db: Database, source: Source): Promise<Refused | undefined> {
  const [row] = await db
    .select()
    .from(findings)
    .where(eq(findings.name, nameOf(source)))
  const { data } = Refused.safeParse(row?.value)
  return data && row ? { ...data, lastAt: row.foundAt } : undefined
}

const nameOf = (source: Source) => `refused:${source}`
