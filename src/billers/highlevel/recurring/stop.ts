import { and, eq, notInArray } from 'drizzle-orm'

import { note } from '../../../collect/timeline.ts'
import type { Executor } from '../../../db/client.ts'
import { highlevelSubscriptions } from '../../../db/schema.ts'
import type { Deps } from '../../../collect/deps.ts'
import { wakeWithin } from '../../../wakes.ts'
import { listOrdersOf } from './rows.ts'

/** The orders of one that may still be charged are its newest. */
const LOOKED_AT = 3

/** A location has uninstalled the app: nobody is charged for it any more, also if it comes back. */
export async function stopSubscriptionsOf(
  tx: Executor,
  { queue }: Pick<Deps, 'queue'>,
  locationId: string,
  at: Date,
): Promise<void> {
  const stopped = await tx
    .update(highlevelSubscriptions)
    .set({ status: 'canceled', nextWakeAt: null, trouble: null })
    .where(
      and(
        eq(highlevelSubscriptions.locationId, locationId),
        notInArray(highlevelSubscriptions.status, ['canceled', 'expired']),
      ),
    )
    .returning()
  for (const row of stopped) {
    const ids = (await listOrdersOf(tx, row)).slice(0, LOOKED_AT).map(({ orderId }) => orderId)
    const [newest] = ids
    if (newest === undefined) continue
    const why = `subscription ${row.subscriptionId} is stopped: the location has uninstalled the app`
    await note(tx, newest, why, at)
    await wakeWithin({ db: tx, queue }, 'settle', ids, 'clock')
  }
}
