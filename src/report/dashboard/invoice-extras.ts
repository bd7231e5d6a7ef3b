import { desc, eq } from 'drizzle-orm'

import { isAnyOf } from '../../db/any-of.ts'
import type { Database } from '../../db/client.ts'
import { deliveries, dismissals, receivables } from '../../db/schema.ts'

const MAX_DELIVERIES = 100

/** How Lago last showed an invoice, and when it was looked at. */
export async function readLagoView(db: Database, lagoInvoiceId: string) {
  const [row] = await db
    .select({
      status: receivables.lagoStatus,
      paymentStatus: receivables.lagoPaymentStatus,
      settledAt: receivables.settledAt,
      createdAt: receivables.createdAt,
    })
    .from(receivables)
    .where(eq(receivables.receivableId, lagoInvoiceId))
  return row
}

/** The deliveries that made something of this invoice be looked at, the newest first. */
export const readDeliveriesOf = (db: Database, keys: readonly string[]) =>
  db
    .select({
      source: deliveries.source,
      deliveryId: deliveries.deliveryId,
      eventType: deliveries.eventType,
      receivedAt: deliveries.receivedAt,
      processedAt: deliveries.processedAt,
      outcome: deliveries.outcome,
    })
    .from(deliveries)
    .where(isAnyOf(deliveries.wakesKey, keys))
    .orderBy(desc(deliveries.receivedAt))
    .limit(MAX_DELIVERIES)

/** The reasons for attention that a person has put aside. */
export const readPutAside = (db: Database, lagoInvoiceId: string) =>
  db.select().from(dismissals).where(eq(dismissals.receivableId, lagoInvoiceId))
