import { eq, sql } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { deliveries, receivables } from '../../db/schema.ts'

/** One run of a job: the first of each is run 0. */
export type JobRun = {
  run: number
  state: string
  createdAt: Date
  startsAt: Date
  startedAt: Date | null
  endedAt: Date | null
}
type Delivery = Pick<typeof deliveries.$inferSelect, 'wakes' | 'wakesKey' | 'receivedAt'>

const MOST = 20

/**
 * The jobs that a delivery had part in: those of what it wakes since it came, the oldest first, as long as the queue keeps them;
 * and what the last run of it failed of, if it did.
 */
export async function readJobsOf(
  db: Database,
  queueSchema: string,
  { wakes, wakesKey, receivedAt }: Delivery,
): Promise<{ runs: JobRun[]; failure: { why: string; nextRunAt: Date | null } | undefined }> {
  if (!wakes || wakesKey === null) return { runs: [], failure: undefined }
  const [rows, [about]] = await Promise.all([
    db.execute<{ run: number; state: string } & Record<string, string | null>>(sql`
      select coalesce((data ->> 'run')::int, 0) as run, state::text, created_on, start_after, started_on, completed_on
      from ${sql.identifier(queueSchema)}.job
      where name = ${wakes} and singleton_key = ${wakesKey}
        and coalesce(completed_on, now()) >= ${receivedAt.toISOString()}::timestamptz
      order by created_on limit ${MOST}`),
    db
      .select({ why: receivables.lastError, nextRunAt: receivables.nextRunAt })
      .from(receivables)
      .where(eq(receivables.receivableId, wakesKey)),
  ])
  const runs = rows.map((row) => ({
    run: row.run,
    state: row.state,
    createdAt: asDate(row['created_on']) ?? receivedAt,
    startsAt: asDate(row['start_after']) ?? receivedAt,
    startedAt: asDate(row['started_on']),
    endedAt: asDate(row['completed_on']),
  }))
  const why = about?.why ?? undefined
  return { runs, failure: about && why !== undefined ? { ...about, why } : undefined }
}

const asDate = (text: string | null | undefined) => (text ? new Date(text) : null)
