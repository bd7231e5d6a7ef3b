import { and, asc, eq, gt, inArray, sql } from 'drizzle-orm'

import { notifications } from '../db/schema.ts'
import { keepDeadLetter } from '../deliveries/dead-letters.ts'
import type { Deps } from '../deps.ts'
import { Later } from '../errors.ts'
import type { Fetch } from '../vendor-fetch.ts'
import { wake } from '../wakes.ts'
import { post, type Told } from './post.ts'
import { newId, OUTBOX } from './watch.ts'

type Row = typeof notifications.$inferSelect
export type Telling = Pick<Deps, 'db' | 'queue' | 'config' | 'log' | 'now'> & {
  fetch: Fetch
  /** Hears how each try ended. */
  onTried: (type: string, result: 'sent' | 'failed') => void
}

/** More than this in a minute nobody reads: they are told as one. */
const MOST_A_MINUTE = 20
const MINUTE_MS = 60_000
/** After this it is no news any more. */
const GIVE_UP_MS = 24 * 3_600_000
const FIRST_BACKOFF_MS = 5_000
const LAST_BACKOFF_MS = 30 * MINUTE_MS
const MAX_ITEMS = 100

/**
 * Tells what is to be told, one after the other, the oldest first: the queue has one such job on all replicas. What is
 * not taken is tried again for a day, and then kept as a dead letter.
 */
export async function tell(deps: Telling, key: string): Promise<void> {
  if (key !== OUTBOX) return tellAgain(deps, key)
  const { config } = deps
  for (;;) {
    const next = await takeNext(deps)
    if (!next) return
    const { url } = config.alerts
    // Since it was written down somebody may have decided not to be told.
    if (url === undefined) await finish(deps, next, { state: 'kept' })
    else await tryToTell(deps, next, { ...config.alerts, url })
  }
}

/** The next one to be told, which is all of them in one when they are many. */
async function takeNext(deps: Telling): Promise<Row | undefined> {
  const { db, now } = deps
  const waiting = await db
    .select()
    .from(notifications)
    .where(eq(notifications.state, 'waiting'))
    .orderBy(asc(notifications.at), asc(notifications.id))
    .limit(MOST_A_MINUTE + 1)
  if (waiting.length > MOST_A_MINUTE) return fold(deps)
  const [next] = waiting
  if (!next) return undefined
  const lately = await db
    .select({ endedAt: notifications.endedAt })
    .from(notifications)
    .where(
      and(
        eq(notifications.state, 'sent'),
        gt(notifications.endedAt, new Date(now().getTime() - MINUTE_MS)),
      ),
    )
    .orderBy(asc(notifications.endedAt))
  const [first] = lately
  if (!first?.endedAt || lately.length < MOST_A_MINUTE) return next
  throw new Later('told enough for a minute', new Date(first.endedAt.getTime() + MINUTE_MS))
}

/** One notification for all that wait. */
async function fold({ db, now }: Telling): Promise<Row | undefined> {
  const at = now()
  return db.transaction(async (tx) => {
    const rows = await tx
      .update(notifications)
      .set({ state: 'folded', endedAt: at })
      .where(eq(notifications.state, 'waiting'))
      .returning()
    const byType = Map.groupBy(rows, ({ type }) => type)
    const parts = Array.from(byType, ([type, of]) => `${of.length} × ${type}`)
    const id = newId()
    const items = rows
      .slice(0, MAX_ITEMS)
      .map(({ type, subject, text }) => ({ type, subject, text }))
    const [row] = await tx
      .insert(notifications)
      .values({
        id,
        type: 'digest',
        subject: 'digest',
        occasion: id,
        at,
        queuedAt: at,
        text: `■ ${rows.length} things at once: ${parts.join(', ')}. Run bridge attention, or look at the dashboard`,
        data: { count: rows.length, items },
        state: 'waiting',
      })
      .returning()
    return row
  })
}

async function tryToTell(deps: Telling, row: Row, alerts: Parameters<typeof post>[1]) {
  const { fetch, log, now, onTried } = deps
  const type = row.type
  try {
    await post(fetch, alerts, toldOf(row), now())
  } catch (error) {
    onTried(type, 'failed')
    const message = error instanceof Error ? error.message : String(error)
    await failed(deps, row, message)
    return
  }
  onTried(type, 'sent')
  await finish(deps, row, { state: 'sent', error: null })
  log.info({ notification: row.id, type }, 'notification sent')
}

const toldOf = ({ id, type, at, text, data }: Row): Told => ({ id, type, at, text, data })

async function failed(deps: Telling, row: Row, error: string) {
  const { db, log, now } = deps
  const at = now()
  if (at.getTime() - row.queuedAt.getTime() >= GIVE_UP_MS) {
    await finish(deps, row, { state: 'failed', error })
    await keepDeadLetter(deps, { kind: 'notify', key: row.id, error })
    log.error({ notification: row.id, type: row.type, error }, 'notification given up')
    return
  }
  await db
    .update(notifications)
    .set({ tries: sql`${notifications.tries} + 1`, error })
    .where(eq(notifications.id, row.id))
  log.warn({ notification: row.id, error }, 'notification not taken, will be repeated')
  const waitMs = Math.min(FIRST_BACKOFF_MS * 2 ** row.tries, LAST_BACKOFF_MS)
  throw new Later(`the notification was not taken: ${error}`, new Date(at.getTime() + waitMs))
}

const finish = (
  { db, now }: Telling,
  { id }: Row,
  { state, error }: { state: 'sent' | 'failed' | 'kept'; error?: string | null },
) =>
  db
    .update(notifications)
    .set({
      state,
      endedAt: now(),
      tries: sql`${notifications.tries} + 1`,
      ...(error !== undefined && { error }),
    })
    .where(eq(notifications.id, id))

/** One that was given up is to be told after all. */
async function tellAgain(deps: Telling, id: string) {
  const { db, now } = deps
  await db
    .update(notifications)
    .set({ state: 'waiting', queuedAt: now(), endedAt: null, tries: 0 })
    .where(and(eq(notifications.id, id), inArray(notifications.state, ['failed'])))
  await wake(deps, 'notify', [OUTBOX], 'operator')
}
