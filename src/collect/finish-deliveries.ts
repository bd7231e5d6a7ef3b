import { AsyncLocalStorage } from 'node:async_hooks'

import { and, eq, isNull } from 'drizzle-orm'

import { isAnyOf } from '../db/any-of.ts'
import type { Executor } from '../db/client.ts'
import { deliveries } from '../db/schema.ts'

type Wakes = NonNullable<(typeof deliveries.$inferSelect)['wakes']>

type Saying = {
  at: Date
  outcome: string
  /** Those whose bodies were read, where bodies are: one that came meanwhile has said what nobody has read. */
  read?: readonly string[]
}

/** A delivery that was looked at: who sent it, and when it came. */
export type Finished = Pick<typeof deliveries.$inferSelect, 'source' | 'receivedAt'>

const finishedDuring = new AsyncLocalStorage<Finished[]>()

/** Runs `work` and tells which deliveries it finished, so that nobody who measures it has to ask the database. */
export async function listFinished(work: () => Promise<void>): Promise<Finished[]> {
  const finished: Finished[] = []
  await finishedDuring.run(finished, work)
  return finished
}

/** The columns that are said of a delivery as it is finished, and who wants to hear them. */
export const finishedColumns = { source: deliveries.source, receivedAt: deliveries.receivedAt }
export const tellFinished = (rows: readonly Finished[]) =>
  void finishedDuring.getStore()?.push(...rows)

/** What was said about this one has been looked at; the next delivery brings its own job. */
export async function finishDeliveries(
  db: Executor,
  [wakes, wakesKey]: readonly [Wakes, string],
  { at, outcome, read }: Saying,
) {
  const rows = await db
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
    .returning(finishedColumns)
  tellFinished(rows)
}
