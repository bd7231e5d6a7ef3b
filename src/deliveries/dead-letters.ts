import { and, asc, eq, lt, ne, sql, type SQL } from 'drizzle-orm'

import { audit, type Actor } from '../collect/record-action.ts'
import type { Executor } from '../db/client.ts'
import { deadLetters } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { JOB_KINDS, type JobKind } from '../jobs.ts'
import { pageOf, readCursorOf, writeCursor, type Listing } from '../db/cursor.ts'
import { wakeWithin } from '../wakes.ts'

type Keeping = Pick<Deps, 'db' | 'queue' | 'now'>

/** What is not about an invoice is found again by the sweep, and only to be seen for a while. */
const KEPT_MS = 7 * 24 * 3_600_000
const MAX_ERROR_LENGTH = 500
/** More than a person looks through. */
const MAX_LISTED = 1_000
const BATCH = 500

/** Which dead letters are meant; none of the fields means all. */
export type DeadFilter = {
  kind?: JobKind | undefined
  key?: string | undefined
  error?: string | undefined
}

const conditionOf = ({ kind, key, error }: DeadFilter): SQL | undefined =>
  and(
    kind && eq(deadLetters.kind, kind),
    key === undefined ? undefined : eq(deadLetters.key, key),
    error === undefined ? undefined : eq(deadLetters.error, error),
  )

/** Keeps the work that gave up where a person sees it, the last time it did. */
export async function keepDeadLetter(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  { kind, key, error }: { kind: JobKind; key: string; error: string },
): Promise<void> {
  const said = { error: error.slice(0, MAX_ERROR_LENGTH), buriedAt: now() }
  await db
    .insert(deadLetters)
    .values({ kind, key, ...said })
    .onConflictDoUpdate({ target: [deadLetters.kind, deadLetters.key], set: said })
}

/** The oldest first, and the same grouped by what went wrong. */
export async function listDeadLetters(db: Executor, filter: DeadFilter = {}) {
  const items = await db
    .select()
    .from(deadLetters)
    .where(conditionOf(filter))
    .orderBy(asc(deadLetters.buriedAt), asc(deadLetters.kind), asc(deadLetters.key))
    .limit(MAX_LISTED)
  const byError = Map.groupBy(items, ({ kind, error }) => `${kind} ${error}`)
  const groups = Array.from(byError.values(), (of) => ({
    kind: of[0]?.kind,
    error: of[0]?.error,
    count: of.length,
    oldest: of[0]?.buriedAt,
    newest: of.at(-1)?.buriedAt,
    sample: of[0]?.key,
  }))
  // Counted apart, it could say of a moment later what the list does not show.
  const isWhole = items.length < MAX_LISTED
  const count = isWhole ? items.length : await db.$count(deadLetters, conditionOf(filter))
  return { items, groups, count }
}

/** A page of all of them, the oldest first. `after` is where the one before has ended. */
export async function pageDeadLetters(
  db: Executor,
  after: string | undefined,
  limit: number,
): Promise<Listing<typeof deadLetters.$inferSelect>> {
  const cursor = readCursorOf(after, 'moment')
  const name = sql`${deadLetters.kind} || ' ' || ${deadLetters.key}`
  const rows = await db
    .select()
    .from(deadLetters)
    .where(
      cursor &&
        sql`(${deadLetters.buriedAt}, ${name}) > (${cursor[0]}::timestamptz, ${cursor[1]}::text)`,
    )
    .orderBy(asc(deadLetters.buriedAt), asc(name))
    .limit(limit + 1)
  return pageOf(rows, limit, ({ buriedAt, kind, key }) =>
    writeCursor(buriedAt.toISOString(), nameOf(kind, key)),
  )
}

/**
 * Runs dead letters again: each goes back into its queue and out of sight, in one transaction. Whoever does so
 * twice finds none left; one that gives up again comes back.
 */
export async function redrive(
  { db, queue, now }: Keeping,
  filter: DeadFilter,
  actor: Actor,
): Promise<number> {
  let total = 0
  for (;;) {
    const taken = await db.transaction(async (tx) => {
      const rows = await take(tx, filter)
      for (const kind of JOB_KINDS) {
        const keys = rows.filter((row) => row.kind === kind).map(({ key }) => key)
        if (keys.length > 0) await wakeWithin({ db: tx, queue }, kind, keys, 'operator')
      }
      const outcome = `${rows.length} run again`
      if (rows.length > 0)
        await audit(tx, actor, { action: 'redrive', subject: describe(filter), outcome }, now())
      return rows.length
    })
    total += taken
    if (taken < BATCH) return total
  }
}

/** Puts dead letters away without running them; the reason is kept. */
export async function forgetDeadLetters(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  filter: DeadFilter,
  { reason, actor }: { reason: string; actor: Actor },
): Promise<number> {
  return db.transaction(async (tx) => {
    const rows = await tx
      .delete(deadLetters)
      .where(conditionOf(filter))
      .returning({ key: deadLetters.key })
    const outcome = `${rows.length} put away: ${reason}`
    if (rows.length > 0)
      await audit(tx, actor, { action: 'forget', subject: describe(filter), outcome }, now())
    return rows.length
  })
}

async function take(tx: Executor, filter: DeadFilter) {
  const rows = await tx
    .select({ kind: deadLetters.kind, key: deadLetters.key })
    .from(deadLetters)
    .where(conditionOf(filter))
    .orderBy(asc(deadLetters.buriedAt))
    .limit(BATCH)
    .for('update', { skipLocked: true })
  for (const { kind, key } of rows)
    await tx.delete(deadLetters).where(and(eq(deadLetters.kind, kind), eq(deadLetters.key, key)))
  return rows
}

const describe = ({ kind, key, error }: DeadFilter) =>
  ['dead letters', kind, key, error].filter(Boolean).join(' ')

/** Lets go of those that are only to be seen for a while. */
export const expireDeadLetters = (db: Executor, now: Date) =>
  db
    .delete(deadLetters)
    .where(
      and(
        ne(deadLetters.kind, 'settle'),
        lt(deadLetters.buriedAt, new Date(now.getTime() - KEPT_MS)),
      ),
    )

const nameOf = (kind: string, key: string) => `${kind} ${key}`

/**
 * Knows which work is dead, so that one that comes to its end after all is dead no more, without a question to the
 * database at the end of each job.
 */
export function createDeadLetterWatch({ db }: Pick<Deps, 'db'>) {
  let dead = new Set<string>()

  async function refresh() {
    const rows = await db
      .select({ kind: deadLetters.kind, key: deadLetters.key })
      .from(deadLetters)
      .limit(MAX_LISTED)
    dead = new Set(rows.map(({ kind, key }) => nameOf(kind, key)))
  }

  /** Not waited for: it is shown a little longer if that fails, and found again by the next refresh. */
  function done(kind: string, key: string) {
    if (!dead.delete(nameOf(kind, key))) return
    void db
      .delete(deadLetters)
      .where(and(eq(deadLetters.kind, kind), eq(deadLetters.key, key)))
      .catch(() => undefined)
  }

  return { refresh, done, add: (kind: string, key: string) => dead.add(nameOf(kind, key)) }
}
