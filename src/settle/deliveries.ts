import { and, asc, eq, isNull } from 'drizzle-orm'
import { z } from 'zod'

import type { Executor } from '../db/client.ts'
import { deliveries, invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { DodoPayment } from '../dodo/objects.ts'
import { LagoCreditNote } from '../lago/objects.ts'
import { observeCreditNote } from './observe-credit-note.ts'
import { observePayment } from './observe.ts'
import { readPayment } from './read-dodo.ts'

/** More wait for the next job, which is there: every delivery brings its own. */
const MAX_DELIVERIES = 200

export type DeliveryKey = { source: 'lago' | 'dodo'; deliveryId: string }
type Row = typeof deliveries.$inferSelect
type Reader = Pick<Deps, 'db' | 'dodo' | 'queue' | 'now'>

/**
 * Takes down what the unread deliveries of an invoice say. They stay unread until the invoice is settled;
 * reading them twice changes nothing.
 */
export async function readDeliveries(deps: Reader, lagoInvoiceId: string): Promise<DeliveryKey[]> {
  const unread = await deps.db
    .select()
    .from(deliveries)
    .where(
      and(
        eq(deliveries.wakes, 'settle'),
        eq(deliveries.wakesKey, lagoInvoiceId),
        isNull(deliveries.processedAt),
      ),
    )
    .orderBy(asc(deliveries.receivedAt))
    .limit(MAX_DELIVERIES)

  for (const row of unread) {
    if (row.source === 'dodo') await readDodoDelivery(deps, row, lagoInvoiceId)
    else await readLagoDelivery(deps, row, lagoInvoiceId)
  }
  return unread.map(({ source, deliveryId }) => ({ source, deliveryId }))
}

async function readDodoDelivery(deps: Reader, row: Row, settling: string) {
  const parsed = z.object({ data: DodoPayment }).safeParse(readJson(row.body))
  // What it says of refunds and disputes is not believed, but asked for.
  const isMore =
    parsed.data && parsed.data.data.refunds.length + parsed.data.data.disputes.length > 0
  if (parsed.success && !isMore) {
    const observation = { source: 'webhook' as const, at: deps.now(), settling }
    await deps.db.transaction((tx) =>
      observePayment({ db: tx, queue: deps.queue }, parsed.data.data, observation),
    )
  } else if (row.dodoPaymentId) {
    await readPayment(deps, row.dodoPaymentId, { settling })
  }
}

async function readLagoDelivery({ db, now }: Reader, row: Row, lagoInvoiceId: string) {
  if (isRetryRequest(row)) return requestCollection(db, lagoInvoiceId, row.receivedAt)
  if (row.eventType !== 'credit_note.created') return
  const parsed = z.object({ credit_note: LagoCreditNote }).safeParse(readJson(row.body))
  if (parsed.success)
    await observeCreditNote(db, parsed.data.credit_note, { source: 'webhook', at: now() })
}

const RetryRequest = z.object({
  payment_provider_invoice_payment_error: z.object({
    error_details: z.object({ code: z.literal('customer_must_have_payment_provider') }),
  }),
})

/**
 * Lago says this when the merchant presses Retry for a customer whom it cannot charge itself
 * (lago-api `svc/invoices/payments/retry_service.rb`); it is not a failed payment.
 */
const isRetryRequest = ({ eventType, body }: Row) =>
  eventType === 'invoice.payment_failure' && RetryRequest.safeParse(readJson(body)).success

async function requestCollection(db: Executor, lagoInvoiceId: string, requestedAt: Date) {
  await db
    .update(invoices)
    .set({ requestedBy: 'merchant', requestedAt })
    .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
}

const readJson = (body: Buffer): unknown => JSON.parse(body.toString('utf8'))
