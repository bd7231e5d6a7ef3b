import { and, asc, eq, gt, or, sql, type SQL } from 'drizzle-orm'

import { audit, type Actor } from '../collect/record-action.ts'
import type { Executor } from '../db/client.ts'
import { deliveries } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { MalformedEvent } from '../errors.ts'
import { readEvent } from '../inbox/envelope.ts'
import { DELIVERY_KINDS } from '../jobs.ts'
import { note } from '../collect/timeline.ts'
import { wakeWithin, type Cause } from '../wakes.ts'
import { conditionOf, describeFilter, type Filter } from './filter.ts'
import type { Source } from '../webhook-sources.ts'

type Replaying = Pick<Deps, 'db' | 'queue' | 'now'>
type Row = typeof deliveries.$inferSelect

/** More than this is not meant. */
export const MAX_REPLAYED = 10_000
const BATCH = 500

/**
 * `queued`: it is read again, and what it is about looked at. `kept`: it is about nothing of ours. `emptied`: its
 * body was let go of, and nothing is left to read. `unknown`: no such delivery came.
 */
export type Replayed = 'queued' | 'kept' | 'emptied' | 'unknown'

/**
 * Puts one delivery through again: what it says is read once more, and what it is about is looked at. Nothing is
 * done because it is replayed: what has happened already has happened, so twice is the same as once.
 */
export async function replay(
  { db, queue, now }: Replaying,
  { source, deliveryId }: { source: Source; deliveryId: string },
  actor: Actor,
): Promise<Replayed> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .select()
      .from(deliveries)
      .where(and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId)))
      .for('update')
    if (!row) return 'unknown'
    const outcome = await putThrough({ db: tx, queue, now }, row, 'operator')
    if (outcome === 'queued' && row.wakes === 'settle' && row.wakesKey)
      await note(
        tx,
        row.wakesKey,
        `delivery ${deliveryId} of ${source} replayed by ${actor.who}`,
        now(),
      )
    const subject = `${source} ${deliveryId}`
    await audit(tx, actor, { action: 'replay', subject, outcome }, now())
    return outcome
  })
}

async function putThrough(
  deps: Parameters<typeof wakeWithin>[0] & Pick<Replaying, 'now'>,
  row: Row,
  cause: Cause,
): Promise<Exclude<Replayed, 'unknown'>> {
  if (row.body.length === 0) return 'emptied'
  // A newer release may know what an older one did not.
  const { wakes, wakesKey } = row.wakes ? row : wakeOf(row)
  if (!wakes || !wakesKey) return 'kept'
  await deps.db
    .update(deliveries)
    .set({ wakes, wakesKey, ...(isReadAgain(row) && { ...UNREAD, replayedAt: deps.now() }) })
    .where(and(eq(deliveries.source, row.source), eq(deliveries.deliveryId, row.deliveryId)))
  await wakeWithin(deps, wakes, [wakesKey], cause)
  return 'queued'
}

const UNREAD = { processedAt: null, outcome: null }
/**
 * In these Lago may tell of a press of *Retry*, which is a wish, and granted once. All else in them is looked up. What
 * HighLevel told of an installation is over: an old UNINSTALL must not end a new one.
 */
const WISHES = ['invoice.payment_failure', 'invoice.created']
const isReadAgain = ({ source, eventType }: Row) =>
  source === 'dodo' || (source === 'lago' && !WISHES.includes(eventType))

function wakeOf(row: Row): Pick<Row, 'wakes' | 'wakesKey'> {
  try {
    if (row.source === 'highlevel') return { wakes: null, wakesKey: null }
    return readEvent({ ...row, source: row.source }, row.body)
  } catch (error) {
    if (error instanceof MalformedEvent) return { wakes: null, wakesKey: null }
    throw error
  }
}

/** How many deliveries, and how many things they are about. */
export async function countReplayable({ db, now }: Replaying, filter: Filter) {
  const [row] = await db
    .select({
      deliveries: sql<number>`count(*)::int`,
      subjects: sql<number>`count(distinct (${deliveries.wakes}, ${deliveries.wakesKey}))
        filter (where ${deliveries.wakes} is not null)::int`,
    })
    .from(deliveries)
    .where(conditionOf(db, filter, now()))
  return row ?? { deliveries: 0, subjects: 0 }
}

export type Counted = Record<Exclude<Replayed, 'unknown'>, number>

/**
 * The same for all that match, the oldest first, behind what is new. Undefined, and nothing done, when more match than
 * `MAX_REPLAYED`. What comes in meanwhile is not among them.
 */
export async function replayAll(
  deps: Replaying,
  filter: Filter,
  actor: Actor,
): Promise<Counted | undefined> {
  const { db, now } = deps
  const until = now()
  const { deliveries: matching } = await countReplayable(deps, filter)
  if (matching > MAX_REPLAYED) return undefined
  const counted: Counted = { queued: 0, kept: 0, emptied: 0 }
  const condition = and(
    conditionOf(db, filter, until),
    sql`${deliveries.receivedAt} <= ${until.toISOString()}::timestamptz`,
  )
  let after: SQL | undefined
  do {
    after = await replayBatch(deps, and(condition, after), counted)
  } while (after)
  const { queued, kept, emptied } = counted
  const outcome = `${queued} queued, ${kept} about nothing of ours, ${emptied} emptied`
  const subject = describeFilter(filter, until)
  await audit(db, actor, { action: 'replay', subject, outcome }, now())
  return counted
}

async function replayBatch(
  { db, queue, now }: Replaying,
  condition: SQL | undefined,
  counted: Counted,
) {
  return db.transaction(async (tx) => {
    const rows = await tx
      .select({
        source: deliveries.source,
        deliveryId: deliveries.deliveryId,
        receivedAt: deliveries.receivedAt,
        wakes: deliveries.wakes,
        wakesKey: deliveries.wakesKey,
        isEmptied: sql<boolean>`octet_length(${deliveries.body}) = 0`,
      })
      .from(deliveries)
      .where(condition)
      .orderBy(asc(deliveries.receivedAt), asc(deliveries.source), asc(deliveries.deliveryId))
      .limit(BATCH)
    const last = rows.at(-1)
    if (!last) return undefined
    const known = rows.filter((row) => row.wakes && !row.isEmptied)
    await readAgain(tx, known, now())
    for (const kind of DELIVERY_KINDS) {
      const keys = known.flatMap(({ wakes, wakesKey }) => (wakes === kind ? (wakesKey ?? []) : []))
      if (keys.length > 0) await wakeWithin({ db: tx, queue }, kind, keys, 'sweep_by_person')
    }
    counted.queued += known.length
    counted.emptied += rows.filter(({ isEmptied }) => isEmptied).length
    counted.kept += rows.filter(({ wakes, isEmptied }) => !wakes && !isEmptied).length
    return isBehind(last)
  })
}

type Place = Pick<Row, 'receivedAt' | 'source' | 'deliveryId'>
const isBehind = ({ receivedAt, source, deliveryId }: Place) =>
  or(
    gt(deliveries.receivedAt, receivedAt),
    and(
      eq(deliveries.receivedAt, receivedAt),
      sql`(${deliveries.source}, ${deliveries.deliveryId}) > (${source}, ${deliveryId})`,
    ),
  )

async function readAgain(
  tx: Executor,
  rows: readonly Pick<Row, 'source' | 'deliveryId'>[],
  at: Date,
) {
  const ids = JSON.stringify(rows.map(({ source, deliveryId }) => ({ source, id: deliveryId })))
  const wishes = sql.param(WISHES)
  await tx.execute(sql`
    update deliveries d set processed_at = null, outcome = null, replayed_at = ${at.toISOString()}::timestamptz
    from json_to_recordset(${ids}::json) as again (source text, id text)
    where d.source = again.source and d.delivery_id = again.id
      and (d.source = 'dodo' or (d.source = 'lago' and d.event_type <> all(${wishes}::text[])))`)
}
