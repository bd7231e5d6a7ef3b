import { and, eq, isNull } from 'drizzle-orm'

import { isAnyOf } from '../db/any-of.ts'
import type { Executor } from '../db/client.ts'
import { deliveries } from '../db/schema.ts'

type Wakes = NonNullable<(typeof deliveries.$inferSelect)['wakes']>

type Finished = {
  at: Date
  outcome: string
  /** Those whose bodies were read, where bodies are: one that came meanwhile has said what nobody has read. */
  read?: readonly string[]
}

/** What was said about this one has been looked at; the next delivery brings its own job. */
export async function finishDeliveries(
  db: Executor,
  [wakes, wakesKey]: readonly [Wakes, string],
  { at, outcome, read }: Finished,
) {
  await db
    .update(deliveries)
    .set({ processedAt: at, outcome })
    .where(
      and(
        eq(deliveries.wakes, wakes),
        eq(deliveries.wakesKey, wakesKey),
        isNull(deliveries.processedAt),
        read && isAnyOf(deliveries.deliveryId, read),
      ),
    )
}
