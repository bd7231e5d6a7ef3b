import { and, eq, isNull } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { deliveries } from '../db/schema.ts'

type Wakes = NonNullable<(typeof deliveries.$inferSelect)['wakes']>

/** What was said about this one has been looked at; the next delivery brings its own job. */
export async function finishDeliveries(
  db: Executor,
  [wakes, wakesKey]: readonly [Wakes, string],
  { at, outcome }: { at: Date; outcome: string },
) {
  await db
    .update(deliveries)
    .set({ processedAt: at, outcome })
    .where(
      and(
        eq(deliveries.wakes, wakes),
        eq(deliveries.wakesKey, wakesKey),
        isNull(deliveries.processedAt),
      ),
    )
}
