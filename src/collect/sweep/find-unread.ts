import { and, asc, isNull, lt, sql } from 'drizzle-orm'

import { deliveries } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Found } from './report-found.ts'

/** A delivery has its job; one that is unread after this long may have lost it. */
const UNREAD_MS = 60_000
const MAX_FOUND = 500

/**
 * What deliveries made us look at, and nobody will: unread, and without a job that waits or runs. The oldest
 * first; what is found gets a job, and makes way for the others.
 */
export async function findUnread({
  db,
  queue,
  now,
}: Pick<Deps, 'db' | 'queue' | 'now'>): Promise<Pick<Found, 'kind' | 'key'>[]> {
  const jobs = sql`${sql.identifier(queue.schema)}.job`
  const rows = await db
    .select({ wakes: deliveries.wakes, key: deliveries.wakesKey })
    .from(deliveries)
    .where(
      and(
        isNull(deliveries.processedAt),
        sql`${deliveries.wakes} is not null`,
        lt(deliveries.receivedAt, new Date(now().getTime() - UNREAD_MS)),
        sql`not exists (
          select from ${jobs} where name = ${deliveries.wakes} and singleton_key = ${deliveries.wakesKey}
            and state < 'completed')`,
      ),
    )
    .groupBy(deliveries.wakes, deliveries.wakesKey)
    .orderBy(asc(sql`min(${deliveries.receivedAt})`))
    .limit(MAX_FOUND)
  return rows.flatMap(({ wakes, key }) => (wakes && key ? [{ kind: wakes, key }] : []))
}
