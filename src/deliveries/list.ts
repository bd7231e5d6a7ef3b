import { and, desc, eq, lt, lte, or, sql, type SQL } from 'drizzle-orm'
import type { SelectResultFields } from 'drizzle-orm/query-builders/select.types'
import { z } from 'zod'

import type { Executor } from '../db/client.ts'
import { readMoment } from '../db/moment.ts'
import { deliveries } from '../db/schema.ts'
import { conditionOf, hasGivenUp, type Filter, type Outcome } from './filter.ts'
import { SOURCES, type Source } from '../webhook-sources.ts'
import { readAfterMs } from './read-span.ts'

/** A place in the list: what comes after it is older. */
const Cursor = z.tuple([
  z.string().transform(readMoment).pipe(z.date()),
  z.enum(SOURCES),
  // No text that the database holds has a NUL.
  z
    .string()
    .max(200)
    .regex(/^[^\0]*$/),
])
type Cursor = z.infer<typeof Cursor>

const writeCursor = ([at, source, id]: Cursor) =>
  Buffer.from(JSON.stringify([at.toISOString(), source, id])).toString('base64url')

/** Undefined for what never was a cursor of ours. */
export function readCursor(text: string): Cursor | undefined {
  try {
    return Cursor.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')))
  } catch {
    return undefined
  }
}

const columnsOf = (db: Executor) => ({
  source: deliveries.source,
  deliveryId: deliveries.deliveryId,
  eventType: deliveries.eventType,
  wakes: deliveries.wakes,
  wakesKey: deliveries.wakesKey,
  dodoPaymentId: deliveries.dodoPaymentId,
  receivedAt: deliveries.receivedAt,
  repeats: deliveries.repeats,
  processedAt: deliveries.processedAt,
  replayedAt: deliveries.replayedAt,
  verifiedWith: deliveries.verifiedWith,
  result: deliveries.outcome,
  bytes: sql<number>`octet_length(${deliveries.body})`,
  hasGivenUp: sql<boolean>`${hasGivenUp(db)}`,
})

type Row = SelectResultFields<ReturnType<typeof columnsOf>>

/** The inbox, newest first, a page at a time; `next` leads to what is older. */
export async function listDeliveries(
  db: Executor,
  {
    filter,
    before,
    limit,
    now,
  }: { filter: Filter; before?: Cursor | undefined; limit: number; now: Date },
) {
  const condition = conditionOf(db, filter, now)
  const sources = filter.source ? [filter.source] : SOURCES
  // Each source by itself goes along the index, also where the other one is silent.
  const pages = await Promise.all(
    sources.map((source) => listOf(db, source, and(condition, after(before, source)), limit + 1)),
  )
  const rows = pages.flat().toSorted(byAge)
  const page = rows.slice(0, limit)
  const last = page.at(-1)
  const isMore = rows.length > limit && last !== undefined
  return {
    items: page.map(describe),
    next: isMore ? writeCursor([last.receivedAt, last.source, last.deliveryId]) : null,
  }
}

const listOf = (db: Executor, source: Source, condition: SQL | undefined, limit: number) =>
  db
    .select(columnsOf(db))
    .from(deliveries)
    .where(and(eq(deliveries.source, source), condition))
    .orderBy(desc(deliveries.receivedAt), desc(deliveries.deliveryId))
    .limit(limit)

/**
 * The newest first; at the same moment Lago's before Dodo's, as they are sorted everywhere. Those of one source stay in the order
 * in which the database has them: how it sorts texts is its own affair, and the next page goes on by that.
 */
const byAge = (one: Row, other: Row) =>
  other.receivedAt.getTime() - one.receivedAt.getTime() || compare(other.source, one.source)
const compare = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0)

function after(cursor: Cursor | undefined, source: Source): SQL | undefined {
  if (!cursor) return undefined
  const [at, from, id] = cursor
  if (source > from) return lt(deliveries.receivedAt, at)
  if (source < from) return lte(deliveries.receivedAt, at)
  return or(
    lt(deliveries.receivedAt, at),
    and(eq(deliveries.receivedAt, at), lt(deliveries.deliveryId, id)),
  )
}

function outcomeOf({ wakes, processedAt, hasGivenUp: isDead }: Row): Outcome {
  if (wakes === null) return 'kept'
  if (processedAt !== null) return 'read'
  return isDead ? 'failed' : 'waiting'
}

const describe = (row: Row) => ({
  source: row.source,
  deliveryId: row.deliveryId,
  event: row.eventType,
  receivedAt: row.receivedAt,
  /** How often it came again. */
  repeats: row.repeats,
  outcome: outcomeOf(row),
  /** What came of it, in words. */
  result: row.result,
  processedAt: row.processedAt,
  tookMs: row.wakes ? readAfterMs(row) : null,
  replayedAt: row.replayedAt,
  /** Which key its signature held with, in words. */
  verifiedWith: row.verifiedWith,
  /** What it makes the bridge look at, and which one. */
  about: row.wakes && { kind: row.wakes, key: row.wakesKey },
  dodoPaymentId: row.dodoPaymentId,
  bytes: row.bytes,
})

/** One delivery with its headers and, for whoever may see it, its body; undefined when it never came. */
export async function findDelivery(
  db: Executor,
  { source, deliveryId }: { source: Source; deliveryId: string },
  { withBody }: { withBody: boolean },
) {
  const [row] = await db
    .select({
      ...columnsOf(db),
      headers: deliveries.headers,
      ...(withBody && { body: deliveries.body }),
    })
    .from(deliveries)
    .where(and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId)))
  if (!row) return undefined
  const body = 'body' in row && row.body.length > 0 ? row.body.toString('utf8') : null
  return { ...describe(row), headers: row.headers, ...(withBody && { body }) }
}
