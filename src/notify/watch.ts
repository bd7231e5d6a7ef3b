import { and, eq, sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { conditions, findings, notifications } from '../db/schema.ts'
import { expireDeadLetters } from '../deliveries/dead-letters.ts'
import type { Deps } from '../deps.ts'
import { wakeWithin } from '../wakes.ts'
import { findConditions } from './conditions.ts'
import { findOccurrences } from './occurrences.ts'
import { endOf, type AlertType, type Condition, type Occurrence } from '../alert-types.ts'

export type Watching = Pick<Deps, 'db' | 'queue' | 'config' | 'log' | 'now'>

/** Of all replicas one looks, about this often. */
const ROUND_MS = 8_000
/** What begins and ends within this is told to nobody. */
const SETTLED_MS = 60_000
const WATCH = 'watch'
const LOCK = 4_711_001
const BATCH = 500
export const OUTBOX = 'outbox'

type Row = typeof conditions.$inferSelect
type Telling = {
  type: string
  subject: string
  occasion: string
  text: string
  data: Record<string, unknown>
}

/**
 * Looks at what is wrong, compares it with what was, and writes down whom to tell what, in one transaction: an
 * alert is told once however many replicas look, and is not lost when one of them dies. False when another one
 * is at it, or has just been.
 */
export async function watchOnce(deps: Watching, { isForced = false } = {}): Promise<boolean> {
  const { db, config, queue, log, now } = deps
  return db.transaction(async (tx) => {
    const at = now()
    const [lock] = await tx.execute<{ taken: boolean }>(
      sql`select pg_try_advisory_xact_lock(${LOCK}) as taken`,
    )
    if (!lock?.taken) return false
    const since = await beginRound(tx, at, isForced)
    if (!since) return false
    const current = await findConditions({ db: tx, config, now: at })
    const told = await compare(tx, current, at)
    const happened = await findOccurrences({ db: tx, config, now: at, since })
    for (const { type, data } of happened)
      if (type === 'webhooks.lost') log.warn(data, 'webhooks lost')
    await put(deps, tx, [...told, ...happened.map(tellingOf)], at)
    await expireDeadLetters(tx, at)
    const waiting = await tx.$count(notifications, eq(notifications.state, 'waiting'))
    if (waiting > 0) await wakeWithin({ db: tx, queue }, 'notify', [OUTBOX], 'notification')
    return true
  })
}

/** Since when this installation is watched; undefined when it is too early for another round. */
async function beginRound(tx: Executor, at: Date, isForced: boolean): Promise<Date | undefined> {
  const [last] = await tx.select().from(findings).where(eq(findings.name, WATCH))
  if (!last) {
    await tx.insert(findings).values({ name: WATCH, value: at.toISOString(), foundAt: at })
    return at
  }
  const sinceMs = at.getTime() - last.foundAt.getTime()
  if (!isForced && sinceMs >= 0 && sinceMs < ROUND_MS) return undefined
  await tx.update(findings).set({ foundAt: at }).where(eq(findings.name, WATCH))
  return new Date(String(last.value))
}

const keyOf = ({ type, subject }: { type: string; subject: string }) => `${type} ${subject}`

/** What is to be told of what began, and of what ended. */
async function compare(tx: Executor, current: readonly Condition[], at: Date): Promise<Telling[]> {
  const known = new Map((await tx.select().from(conditions)).map((row) => [keyOf(row), row]))
  const fresh: Condition[] = []
  const told: Telling[] = []
  for (const condition of current) {
    const row = known.get(keyOf(condition))
    known.delete(keyOf(condition))
    if (row) told.push(...(await goOn(tx, row, condition, at)))
    else fresh.push(condition)
  }
  for (let first = 0; first < fresh.length; first += BATCH) {
    const batch = fresh.slice(first, first + BATCH)
    await tx.insert(conditions).values(batch.map((one) => ({ ...one, since: at })))
  }
  for (const row of known.values()) told.push(...(await end(tx, row, at)))
  return told
}

const of = ({ type, subject }: Row) =>
  and(eq(conditions.type, type), eq(conditions.subject, subject))

async function goOn(tx: Executor, row: Row, now: Condition, at: Date): Promise<Telling[]> {
  const { version, text, data } = now
  if (row.version !== version) {
    const since = { version, text, data, since: at, toldAt: null, goneAt: null }
    await tx.update(conditions).set(since).where(of(row))
    return []
  }
  if (row.goneAt || row.text !== text)
    await tx.update(conditions).set({ goneAt: null, text, data }).where(of(row))
  if (row.toldAt || at.getTime() - row.since.getTime() < SETTLED_MS) return []
  await tx.update(conditions).set({ toldAt: at }).where(of(row))
  return [{ type: row.type, subject: row.subject, occasion: occasionOf(row), text, data }]
}

/** Where nobody is told of the end, the same is never told twice; else each time that it begins anew. */
const occasionOf = ({ type, subject, version, since }: Row) =>
  endOf(type as AlertType) ? `${subject} ${since.toISOString()}` : `${subject} ${version}`

async function end(tx: Executor, row: Row, at: Date): Promise<Telling[]> {
  const ends = endOf(row.type as AlertType)
  if (row.toldAt && !row.goneAt) {
    await tx.update(conditions).set({ goneAt: at }).where(of(row))
    return []
  }
  if (row.toldAt && row.goneAt && at.getTime() - row.goneAt.getTime() < SETTLED_MS) return []
  await tx.delete(conditions).where(of(row))
  if (!row.toldAt || !ends) return []
  const text = `● over since ${(row.goneAt ?? at).toISOString()}: ${row.text.replace(/^[■▲] /, '')}`
  return [{ type: ends, subject: row.subject, occasion: occasionOf(row), text, data: row.data }]
}

const tellingOf = ({ type, subject, occasion, text, data }: Occurrence): Telling => ({
  type,
  subject,
  occasion,
  text,
  data,
})

/** Writes down what is to be told, each occasion once. What nobody wants to be told is kept to be looked at. */
async function put({ config }: Watching, tx: Executor, told: readonly Telling[], at: Date) {
  const { url, types } = config.alerts
  const wanted = new Set<string>(types.flatMap((type) => [type, endOf(type) ?? type]))
  for (let first = 0; first < told.length; first += BATCH) {
    const rows = told.slice(first, first + BATCH).map((one) => {
      const isTold = url !== undefined && wanted.has(one.type)
      const state = isTold ? ('waiting' as const) : ('kept' as const)
      const data = { ...one.data, mode: config.dodo.environment }
      return { ...one, data, id: newId(), at, queuedAt: at, state, endedAt: isTold ? null : at }
    })
    await tx.insert(notifications).values(rows).onConflictDoNothing()
  }
}

/** Ours are told from others by their beginning. */
export const newId = () => `ntf_${crypto.randomUUID().replaceAll('-', '')}`
