import { asc, desc, eq, or } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { bundleInvoices, bundles, credits, invoices, recordings, timeline } from '../db/schema.ts'
import { loadAttempts, loadPayments, payUrlOf } from '../settle/load.ts'

export type InvoiceReport = NonNullable<Awaited<ReturnType<typeof describeInvoice>>>

/** All that the bridge knows of one invoice, by Lago's id or by number. Amounts are minor units. */
export async function describeInvoice(db: Database, publicUrl: string, idOrNumber: string) {
  const [row] = await db
    .select()
    .from(invoices)
    .where(or(eq(invoices.lagoInvoiceId, idOrNumber), eq(invoices.number, idOrNumber)))
    .orderBy(desc(invoices.createdAt))
    .limit(1)
  if (!row) return undefined
  const { lagoInvoiceId } = row

  const ownAttempts = await loadAttempts(db, lagoInvoiceId)
  const ownPayments = await loadPayments(db, lagoInvoiceId, ownAttempts)
  const [ownRecordings, ownCredits, lines, requests] = await Promise.all([
    db.select().from(recordings).where(eq(recordings.lagoInvoiceId, lagoInvoiceId)),
    db.select().from(credits).where(eq(credits.lagoInvoiceId, lagoInvoiceId)),
    db
      .select()
      .from(timeline)
      .where(eq(timeline.lagoInvoiceId, lagoInvoiceId))
      .orderBy(asc(timeline.id)),
    findBundles(db, lagoInvoiceId),
  ])
  return {
    lagoInvoiceId,
    number: row.number,
    customer: row.lagoCustomerId,
    customerName: row.customerName,
    currency: row.currency,
    amountDue: row.amountDue,
    state: row.state,
    reason: row.reason,
    payUrl: payUrlOf(publicUrl, row.payToken),
    nextWakeAt: row.nextWakeAt,
    attempts: ownAttempts.map(
      ({
        number,
        kind,
        cause,
        status,
        share,
        dodoSessionId,
        startedAt,
        expiresAt,
        ...attempt
      }) => ({
        number,
        kind,
        cause,
        status,
        amount: share,
        dodoSessionId,
        dodoSubscriptionId: attempt.dodoSubscriptionId,
        lagoPaymentRequestId: attempt.lagoPaymentRequestId,
        startedAt,
        expiresAt,
      }),
    ),
    payments: ownPayments.map(({ dodoPaymentId, amount, currency, status, errorCode, madeAt }) => {
      const recording = ownRecordings.find((one) => one.dodoPaymentId === dodoPaymentId)
      return {
        dodoPaymentId,
        amount,
        currency,
        status,
        disposition: recording?.disposition ?? ('none' as const),
        errorCode,
        reason: recording?.reason ?? null,
        madeAt,
      }
    }),
    refunds: ownPayments.flatMap(({ refunds, orders }) =>
      refunds.map(({ dodoRefundId, dodoPaymentId, amount, currency, status, madeAt }) => {
        const credit = ownCredits.find((one) => one.dodoRefundId === dodoRefundId)
        const order = orders.find((one) => one.dodoRefundId === dodoRefundId)
        return {
          dodoRefundId,
          dodoPaymentId,
          amount,
          currency,
          status,
          lagoCreditNoteId: credit?.lagoCreditNoteId ?? order?.lagoCreditNoteId ?? null,
          /** Why the bridge asked for it; null when the merchant refunded in Dodo. */
          cause: order?.cause ?? null,
          reason: credit?.reason ?? null,
          madeAt,
        }
      }),
    ),
    disputes: ownPayments.flatMap(({ disputes }) =>
      disputes.map(
        ({ dodoDisputeId, dodoPaymentId, status, stage, isByRdr, amount, currency }) => ({
          dodoDisputeId,
          dodoPaymentId,
          status,
          stage,
          isByRdr,
          amount,
          currency,
        }),
      ),
    ),
    paymentRequests: requests.map(({ lagoPaymentRequestId, payToken, state }) => ({
      lagoPaymentRequestId,
      state,
      payUrl: payUrlOf(publicUrl, payToken),
    })),
    timeline: lines.map(({ at, what }) => ({ at, what })),
  }
}

async function findBundles(db: Database, lagoInvoiceId: string) {
  const rows = await db
    .select({ bundle: bundles })
    .from(bundleInvoices)
    .innerJoin(bundles, eq(bundles.lagoPaymentRequestId, bundleInvoices.lagoPaymentRequestId))
    .where(eq(bundleInvoices.lagoInvoiceId, lagoInvoiceId))
    .orderBy(asc(bundles.createdAt))
  return rows.map(({ bundle }) => bundle)
}
