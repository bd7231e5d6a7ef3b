import { and, asc, eq, lte, ne } from 'drizzle-orm'

import { note } from '../../collect/timeline.ts'
import type { Executor } from '../../db/client.ts'
import { tellings } from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { reasonOf } from '../../errors.ts'
import { wakeWithin } from '../../wakes.ts'
import { isOrderId } from './ids.ts'
import { findOrder } from './order.ts'
import { findSource, type Sources, type TellingRow, type Told } from './source.ts'
import { isReasonCode } from '../../collect/receivable.ts'
import type { Order } from './decide/order.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
/** How long after a try the next one is made; the last one goes on. */
const BACKOFF_MS = [
  5_000,
  15_000,
  MINUTE_MS,
  5 * MINUTE_MS,
  15 * MINUTE_MS,
  HOUR_MS,
  3 * HOUR_MS,
  6 * HOUR_MS,
]
/** After this a person must look. */
const GIVE_UP_MS = 3 * 24 * HOUR_MS
const MAX_WOKEN = 200
const MAX_ERROR_LENGTH = 300

/**
 * Plans to tell somebody something of an order, once: within the transaction that notes what it is about. `dueAt` is
 * when it is told at the earliest.
 */
export async function planTelling(
  tx: Executor,
  {
    orderId,
    what,
    fact = '',
    at,
    dueAt = at,
  }: { orderId: string; what: string; fact?: string; at: Date; dueAt?: Date },
): Promise<void> {
  await tx
    .insert(tellings)
    .values({ orderId, what, fact, status: 'waiting', plannedAt: at, nextTryAt: dueAt })
    .onConflictDoNothing()
}

/** Wakes whatever is due to be told. Safe to run on every replica at once. */
export async function wakeTellings({
  db,
  queue,
  now,
}: Pick<Deps, 'db' | 'queue' | 'now'>): Promise<void> {
  const due = await db
    .select({ id: tellings.id })
    .from(tellings)
    .where(lte(tellings.nextTryAt, now()))
    .orderBy(asc(tellings.nextTryAt))
    .limit(MAX_WOKEN)
  if (due.length === 0) return
  await db.transaction((tx) =>
    wakeWithin(
      { db: tx, queue },
      'tell',
      due.map(({ id }) => id),
      'notification',
    ),
  )
}

/**
 * Tells what is due, once: the try is written down before anything leaves, so that a crash costs one wait. What its
 * source says of it decides whether it is tried again.
 */
export async function tellOne(
  deps: Pick<Deps, 'db' | 'queue' | 'log' | 'now'>,
  sources: Sources,
  id: string,
): Promise<void> {
  const telling = await begin(deps, id)
  if (!telling) return
  const order = await findOrder(deps.db, telling.orderId)
  const told = await Promise.try(async (): Promise<Told> => {
    if (!order) return tellOther(sources, telling)
    const source = findSource(sources, order)
    if (!source) return { is: 'again', why: `${order.source} is switched off` }
    return source.tell?.(order, telling) ?? { is: 'failed', why: 'nobody can be told' }
  }).catch((error: unknown): Told => ({ is: 'again', why: reasonOf(error) }))
  await end(deps, telling, told)
}

async function tellOther(sources: Sources, telling: TellingRow): Promise<Told> {
  for (const { tellOther: tell } of sources) {
    const told = await tell?.(telling)
    if (told) return told
  }
  return { is: 'failed', why: 'its source is switched off, or does not know it' }
}

async function begin({ db, now }: Pick<Deps, 'db' | 'now'>, id: string) {
  return db.transaction(async (tx): Promise<TellingRow | undefined> => {
    const [row] = await tx.select().from(tellings).where(eq(tellings.id, id)).for('update')
    if (!row || row.status === 'done' || !row.nextTryAt || row.nextTryAt > now()) return undefined
    const at = now()
    const waitMs = BACKOFF_MS[row.attempts] ?? BACKOFF_MS.at(-1) ?? HOUR_MS
    const tried = {
      attempts: row.attempts + 1,
      triedAt: at,
      nextTryAt: new Date(at.getTime() + waitMs),
    }
    await tx.update(tellings).set(tried).where(eq(tellings.id, id))
    return { ...row, ...tried }
  })
}

async function end(
  { db, queue, log, now }: Pick<Deps, 'db' | 'queue' | 'log' | 'now'>,
  telling: TellingRow,
  told: Told,
) {
  const { id, orderId, what, plannedAt } = telling
  const at = now()
  const isTooLate = at.getTime() - plannedAt.getTime() > GIVE_UP_MS
  const ending = told.is === 'again' && isTooLate ? ({ ...told, is: 'failed' } as const) : told
  await db.transaction(async (tx) => {
    const isUnended = and(eq(tellings.id, id), ne(tellings.status, 'done'))
    if (ending.is === 'again') {
      await tx.update(tellings).set(againOf(telling, ending)).where(isUnended)
      return
    }
    const ended =
      ending.is === 'dropped'
        ? await tx.delete(tellings).where(isUnended).returning({ id: tellings.id })
        : await tx
            .update(tellings)
            .set({ status: ending.is, ...whyOf(ending), nextTryAt: null })
            .where(isUnended)
            .returning({ id: tellings.id })
    // What failed before, in the same words, is no news.
    const isNews = telling.status !== ending.is || telling.error !== whyOf(ending).error
    if (ended.length === 0 || !isNews) return
    await note(tx, orderId, describeEnding(what, ending), at)
    const isShown = ending.is === 'failed' || telling.status === 'failed'
    if (isShown && isOrderId(orderId))
      await wakeWithin({ db: tx, queue }, 'settle', [orderId], 'operator')
  })
  const isOld = telling.status === 'failed' && telling.error === whyOf(ending).error
  if (ending.is === 'again' || (ending.is === 'failed' && !isOld))
    log.warn({ orderId, what, is: ending.is, code: whyOf(ending).code }, 'not told')
}

/** One that needs a person goes on needing one until it is done; who looks at it again is for the sweep to say. */
const againOf = ({ status }: TellingRow, { why, at }: Extract<Told, { is: 'again' }>) =>
  status === 'failed'
    ? { nextTryAt: null }
    : { error: why.slice(0, MAX_ERROR_LENGTH), ...(at && { nextTryAt: at }) }

function whyOf(told: Told): { error: string | null; code: string | null } {
  if (told.is === 'done' || told.is === 'dropped') return { error: null, code: null }
  const code = told.is === 'failed' ? (told.code ?? null) : null
  return { error: told.why.slice(0, MAX_ERROR_LENGTH), code }
}

function describeEnding(what: string, ending: Exclude<Told, { is: 'again' }>): string {
  if (ending.is === 'done') return ending.line ?? `${what} was told`
  if (ending.is === 'dropped') return `${what} is not told: ${ending.why}`
  return `${what} was not told: ${ending.why}`
}

/** What of an order could not be told, and why; the first. */
export async function findUntold(db: Executor, orderId: string): Promise<Order['untold']> {
  const [row] = await db
    .select()
    .from(tellings)
    .where(and(eq(tellings.orderId, orderId), eq(tellings.status, 'failed')))
    .orderBy(asc(tellings.plannedAt))
    .limit(1)
  if (!row) return null
  const { what, error, code } = row
  const reason = `${what} was not told: ${error ?? 'it was tried long enough'}`
  const known = code ?? undefined
  return { reason, code: isReasonCode(known) ? known : 'untold' }
}

/** All that is, or was, to be told of an order, the oldest first. */
export const listTellings = (db: Executor, orderId: string): Promise<TellingRow[]> =>
  db.select().from(tellings).where(eq(tellings.orderId, orderId)).orderBy(asc(tellings.plannedAt))
