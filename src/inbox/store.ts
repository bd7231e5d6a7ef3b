import { and, eq } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { deliveries } from '../db/schema.ts'
import type { Delivery } from './receive.ts'

/** A delivery about nothing we settle is complete as soon as it is stored. */
export function asRow(delivery: Delivery, receivedAt: Date) {
  const isIdle = delivery.wakes === null
  return {
    ...delivery,
    receivedAt,
    processedAt: isIdle ? receivedAt : null,
    outcome: isIdle ? 'stored; nothing to settle' : null,
  }
}

/** Whether a delivery of that id is stored already. */
export async function isStored(
  db: Executor,
  { source, deliveryId }: Pick<Delivery, 'source' | 'deliveryId'>,
) {
  const found = await db
    .select({ deliveryId: deliveries.deliveryId })
    .from(deliveries)
    .where(and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId)))
  return found.length > 0
}
