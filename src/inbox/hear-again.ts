import { and, eq, isNotNull } from 'drizzle-orm'

import { deliveries } from '../db/schema.ts'
import type { Deps } from '../collect/deps.ts'
import { wakeWithin } from '../wakes.ts'

/** What stands as its outcome while it waits to be looked at once more. */
export const SAID_AGAIN = 'said again, without an id that would tell whether it is the same'

/**
 * The same bytes once more, of a sender that gave them no id: one that is sent again, or the same that has happened again. Only
 * who sent it knows, so it is looked at once more, and asked. One that waits to be looked at is not over yet.
 */
export async function hearAgain(
  { db, queue, now }: Pick<Deps, 'db' | 'queue' | 'now'>,
  { source, deliveryId }: { source: 'highlevel'; deliveryId: string },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [row] = await tx
      .update(deliveries)
      .set({ processedAt: null, outcome: SAID_AGAIN, replayedAt: now() })
      .where(
        and(
          eq(deliveries.source, source),
          eq(deliveries.deliveryId, deliveryId),
          isNotNull(deliveries.wakes),
          isNotNull(deliveries.processedAt),
        ),
      )
      .returning({ wakes: deliveries.wakes, wakesKey: deliveries.wakesKey })
    if (row?.wakes && row.wakesKey)
      await wakeWithin({ db: tx, queue }, row.wakes, [row.wakesKey], 'highlevel_delivery')
  })
}
