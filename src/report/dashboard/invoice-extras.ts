import { desc, eq } from 'drizzle-orm'

import { isAnyOf } from '../../db/any-of.ts'
import type { Database } from '../../db/client.ts'
import { deliveries, dismissals, receivables } from '../../db/schema.ts'
import type { InvoiceReport } from '../invoice.ts'

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
export const readDeliveriesOf = (
  db: Database,
  {
    lagoInvoiceId,
    payments,
    paymentRequests,
  }: Pick<InvoiceReport, 'lagoInvoiceId' | 'payments' | 'paymentRequests'>,
) => {
  const keys = [
    lagoInvoiceId,
    ...payments.map(({ dodoPaymentId }) => dodoPaymentId),
    ...paymentRequests.map(({ lagoPaymentRequestId }) => lagoPaymentRequestId),
  ]
  return db
    .select({
      source: deliveries.source,
      deliveryId: deliveries.deliveryId,
      eventType: deliveries.eventType,
      receivedAt: deliveries.receivedAt,
      replayedAt: deliveries.replayedAt,
      processedAt: deliveries.processedAt,
      verifiedWith: deliveries.verifiedWith,
      outcome: deliveries.outcome,
    })
    .from(deliveries)
    .where(isAnyOf(deliveries.wakesKey, keys))
    .orderBy(desc(deliveries.receivedAt))
    .limit(MAX_DELIVERIES)
}
export type DeliveryOfInvoice = Awaited<ReturnType<typeof readDeliveriesOf>>[number]

/** The reasons for attention that a person has put aside. */
export const readPutAside = (db: Database, lagoInvoiceId: string) =>
  db.select().from(dismissals).where(eq(dismissals.receivableId, lagoInvoiceId))
