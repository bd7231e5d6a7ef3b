import { sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { JOB_KINDS } from '../jobs.ts'

/** The jobs that are not done, by kind and state. Only what pg-boss calls before `completed` is counted. */
export async function countJobs(db: Executor, schema: string) {
  const jobs = sql.identifier(schema)
  const rows = await db.execute<{ kind: string; state: string; count: string; waited: string }>(sql`
    select name as kind, case when state = 'active' then 'active'
        when start_after > now() then 'deferred' else 'ready' end as state, count(*),
      extract(epoch from max(now() - greatest(created_on, start_after))) as waited
    from ${jobs}.job where state < 'completed' group by 1, 2`)
  return rows
    .filter(({ kind }) => JOB_KINDS.some((known) => known === kind))
    .map(({ kind, state, count, waited }) => ({
      kind,
      state,
      count: Number(count),
      waited: Number(waited),
    }))
}
