import { asc, sql } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { pageOf, readCursorOf, writeCursor, type Listing } from '../../db/cursor.ts'
import { deadLetters } from '../../db/schema.ts'

/** A page of all dead letters, the oldest first. `after` is where the one before has ended. */
export async function pageDeadLetters(
  db: Executor,
  after: string | undefined,
  limit: number,
): Promise<Listing<typeof deadLetters.$inferSelect>> {
  const cursor = readCursorOf(after, 'moment')
  const { buriedAt, kind, key } = deadLetters
  const name = sql`${kind} || ' ' || ${key}`
  const rows = await db
    .select()
    .from(deadLetters)
    .where(cursor && sql`(${buriedAt}, ${name}) > (${cursor[0]}::timestamptz, ${cursor[1]}::text)`)
    .orderBy(asc(buriedAt), asc(name))
    .limit(limit + 1)
  return pageOf(rows, limit, (last) =>
    writeCursor(last.buriedAt.toISOString(), `${last.kind} ${last.key}`),
  )
}
