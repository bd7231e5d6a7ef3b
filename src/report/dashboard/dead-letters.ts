import { sql } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'

/** A job that is no longer tried by itself. */
export type DeadLetter = {
  kind: string
  key: string
  error: string
  diedAt: Date
}

const MAX_ROWS = 200

/** The jobs that have given up, the newest first, for as long as the queue keeps them. */
export async function listDeadLetters(db: Database, queueSchema: string): Promise<DeadLetter[]> {
  const rows = await db.execute<{ name: string; key: string; error: string; at: string }>(sql`
    select name, coalesce(data ->> 'key', '') as key,
      coalesce(data ->> 'error', 'the process died while working on it') as error, created_on as at
    from ${sql.identifier(queueSchema)}.job where name like '%-dead'
    order by created_on desc limit ${MAX_ROWS}`)
  return rows.map(({ name, key, error, at }) => ({
    kind: name.replace(/-dead$/, ''),
    key,
    error,
    diedAt: new Date(at),
  }))
}
