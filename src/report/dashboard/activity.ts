import { and, between, desc, eq, isNotNull, sql, type SQL } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { attempts, deliveries, receivables, recordings, shares, timeline } from '../../db/schema.ts'
import { lastSweptAt } from '../../sweep.ts'
import { isSent } from '../../inbox/refused.ts'
import type { Period } from '../period.ts'

/** What became of the receivables that the ledger met in a period. */
export type Funnel = {
  finalised: number
  asked: number
  paidAtOnce: number
  paidAfterRetry: number
  unpaid: number
}

export async function readFunnel(db: Database, { from, until }: Period): Promise<Funnel> {
  const met = db
    .select({
      state: receivables.state,
      // Columns of a selection are written without their table, and both tables name this one alike.
      asked:
        sql<number>`(select count(*) from ${shares} s where s.receivable_id = ${receivables}.receivable_id)`.as(
          'asked',
        ),
    })
    .from(receivables)
    .where(
      and(
        eq(receivables.kind, 'invoice'),
        isNotNull(receivables.number),
        between(receivables.createdAt, from, until),
      ),
    )
    .as('met')
  const [row] = await db
    .select({
      finalised: many(sql`true`),
      asked: many(sql`${met.asked} > 0`),
      paidAtOnce: many(sql`${met.state} = 'paid' and ${met.asked} = 1`),
      paidAfterRetry: many(sql`${met.state} = 'paid' and ${met.asked} > 1`),
      unpaid: many(sql`${met.state} in ('open', 'processing', 'failed', 'attention')`),
    })
    .from(met)
  return row ?? { finalised: 0, asked: 0, paidAtOnce: 0, paidAfterRetry: 0, unpaid: 0 }
}

const many = (condition: SQL) => sql<number>`count(*) filter (where ${condition})`.mapWith(Number)

/** The newest lines of all invoices' histories. */
export const readLatest = (db: Database, limit: number) =>
  db
    .select({
      at: timeline.at,
      what: timeline.what,
      receivableId: timeline.receivableId,
      kind: receivables.kind,
      number: receivables.number,
    })
    .from(timeline)
    .leftJoin(receivables, eq(receivables.receivableId, timeline.receivableId))
    .orderBy(desc(timeline.id))
    .limit(limit)

/** How many invoices and payment requests a person must look at. */
export const countAttention = (db: Database) =>
  db.$count(receivables, eq(receivables.state, 'attention'))

/** How the work stands: when the last sweep began, what waits in the queue, and since when the first of it is due. */
export async function readWork(db: Database, queueSchema: string) {
  const job = sql`${sql.identifier(queueSchema)}.job`
  const [sweptAt, [queue]] = await Promise.all([
    lastSweptAt(db),
    db.execute<{ waiting: number; running: number; oldest: string | null }>(sql`
      select count(*) filter (where state in ('created', 'retry'))::int as waiting,
        count(*) filter (where state = 'active')::int as running,
        min(start_after) filter (where state in ('created', 'retry')) as oldest
      from ${job} where state < 'completed' and start_after <= now() and name not like '%-dead'`),
  ])
  return {
    sweptAt,
    waiting: queue?.waiting ?? 0,
    running: queue?.running ?? 0,
    oldestDueAt: queue?.oldest ? new Date(queue.oldest) : undefined,
  }
}

/** What has to have happened once before the first payment is in both books. */
export async function readFirstSteps(db: Database) {
  const [row] = await db.execute<Record<'lago' | 'dodo' | 'checkout' | 'payment', boolean>>(sql`
    select exists (select from ${deliveries} where ${deliveries.source} = 'lago') as lago,
      exists (select from ${deliveries} where ${deliveries.source} = 'dodo' and ${isSent}) as dodo,
      exists (select from ${attempts}) as checkout,
      exists (select from ${recordings} where ${recordings.status} = 'recorded') as payment`)
  return row ?? { lago: false, dodo: false, checkout: false, payment: false }
}
