import { and, inArray, isNotNull, sql, type SQL } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { deliveries } from '../db/schema.ts'
import { SOURCES } from '../webhook-sources.ts'

/** Only what has been processed is ever emptied: the rest is still owed work. */
export const isEmptiable = and(
  isNotNull(deliveries.processedAt),
  sql`octet_length(${deliveries.body}) > 0`,
)

type Key = Pick<typeof deliveries.$inferSelect, 'source' | 'deliveryId'>

/**
 * Takes what was said out of deliveries, and leaves that it was: its key, which is the dedupe, its type, what it
 * was about and what became of it. Returns how many there were.
 */
export async function emptyDeliveries(
  db: Executor,
  keys: readonly Key[],
  condition?: SQL,
): Promise<number> {
  let total = 0
  for (const source of SOURCES) {
    const ids = keys.filter((key) => key.source === source).map(({ deliveryId }) => deliveryId)
    if (ids.length === 0) continue
    const done = await db
      .update(deliveries)
      .set({ body: Buffer.alloc(0), headers: {} })
      .where(
        and(
          sql`${deliveries.source} = ${source}`,
          inArray(deliveries.deliveryId, ids),
          isEmptiable,
          condition,
        ),
      )
      .returning({ deliveryId: deliveries.deliveryId })
    total += done.length
  }
  return total
}
