import { eq, sql } from 'drizzle-orm'
import { z } from 'zod'

import type { Database, Executor } from '../db/client.ts'
import { deliveries, findings } from '../db/schema.ts'
import { SOURCES, type Source } from '../webhook-sources.ts'

/** Strangers can cause refusals as often as they like; the database hears of them this often. */
const WRITE_EVERY_MS = 10_000
const DAY_MS = 24 * 3_600_000
const MAX_REASON_LENGTH = 300
/** The newest of them are kept one by one. */
const MAX_LISTED = 100
/** Deliveries of `doctor` that are meant to be refused have an id that begins so, and are not counted. */
export const PROBE_ID = 'bridge-doctor-'
/** Of deliveries those that a service has sent: what `doctor` sends to see whether one arrives says nothing of them. */
export const isSent = sql`not starts_with(${deliveries.deliveryId}, ${PROBE_ID})`

/** One that was refused: when, who had sent it, and what was wrong with its signature. */
const RefusedOne = z.object({
  at: z.coerce.date(),
  from: z.string(),
  reason: z.string(),
  /** What one would have to mend, if anything: the clock, or the secret. */
  about: z.enum(['clock', 'signature', 'missing']).optional(),
})
export type RefusedOne = z.infer<typeof RefusedOne>

const Refused = z.object({
  count: z.number(),
  since: z.coerce.date(),
  reason: z.string(),
  latest: z.array(RefusedOne).default([]),
})
export type Refused = z.infer<typeof Refused> & { lastAt: Date }

type Waiting = { count: number; reason: string; latest: RefusedOne[] }

/**
 * Counts deliveries whose signature was refused, so that a wrong secret is seen from outside this process. Nothing of
 * what they said is kept. A day without any begins a new count.
 */
export function createRefusedCount({ db, now }: { db: Database; now: () => Date }) {
  const waiting = new Map<Source, Waiting>()
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
              'since', ${findings.value} ->> 'since',
              'latest', (select coalesce(jsonb_agg(one order by nth), '[]') from jsonb_array_elements(
                (excluded.value -> 'latest') || coalesce(${findings.value} -> 'latest', '[]')
              ) with ordinality as listed (one, nth) where nth <= ${MAX_LISTED}::int)) end`,
        },
      })
  }

  /** While the database is away nothing is stored either, and the sender tries again. */
  const writeSoon = (source: Source) => void write(source).catch(() => undefined)

  return function countRefused(source: Source, { reason: why, ...refused }: RefusedOne) {
    const { count, latest } = waiting.get(source) ?? { count: 0, latest: [] }
    const reason = why.slice(0, MAX_REASON_LENGTH)
    const one = { ...refused, reason }
    waiting.set(source, {
      count: count + 1,
      reason,
      latest: [one, ...latest.slice(0, MAX_LISTED - 1)],
    })
    if (count > 0) return
    const sinceMs = performance.now() - (writtenAt.get(source) ?? -Infinity)
    if (sinceMs >= WRITE_EVERY_MS) writeSoon(source)
    else setTimeout(writeSoon, WRITE_EVERY_MS - sinceMs, source).unref()
  }
}

/** What was refused of a service's deliveries lately, if anything. */
export async function findRefused(db: Executor, source: Source): Promise<Refused | undefined> {
  const [row] = await db
    .select()
    .from(findings)
    .where(eq(findings.name, nameOf(source)))
  const { data } = Refused.safeParse(row?.value)
  return data && row ? { ...data, lastAt: row.foundAt } : undefined
}

/** What was refused of all that send within a day; the newest first. */
export async function listRefused(db: Database, now: Date) {
  const dayAgo = new Date(now.getTime() - DAY_MS)
  const found = await Promise.all(
    SOURCES.map(async (source) => ({ source, of: await findRefused(db, source) })),
  )
  return found.flatMap(({ source, of }) => {
    if (!of || of.lastAt < dayAgo) return []
    const latest = of.latest.filter(({ at }) => at >= dayAgo)
    return [{ source, count: of.count, reason: of.reason, lastAt: of.lastAt, latest }]
  })
}

const nameOf = (source: Source) => `refused:${source}`
