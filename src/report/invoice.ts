import { asc, desc, eq, inArray, or } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import {
  attempts,
  credits,
  disputes,
  invoices,
  payments,
  recordings,
  refunds,
  timeline,
} from '../db/schema.ts'
import { payUrlOf } from '../settle/load.ts'

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

  const ownPayments = await db
    .select()
    .from(payments)
    .where(eq(payments.lagoInvoiceId, lagoInvoiceId))
    .orderBy(asc(payments.madeAt))
  const ids = ownPayments.map(({ dodoPaymentId }) => dodoPaymentId)
  const [ownAttempts, ownRecordings, ownRefunds, ownCredits, ownDisputes, lines] =
    await Promise.all([
      db
        .select()
        .from(attempts)
        .where(eq(attempts.lagoInvoiceId, lagoInvoiceId))
        .orderBy(asc(attempts.number)),
      db.select().from(recordings).where(eq(recordings.lagoInvoiceId, lagoInvoiceId)),
      ids.length
        ? db
            .select()
            .from(refunds)
            .where(inArray(refunds.dodoPaymentId, ids))
            .orderBy(asc(refunds.madeAt))
        : [],
      db.select().from(credits).where(eq(credits.lagoInvoiceId, lagoInvoiceId)),
      ids.length ? db.select().from(disputes).where(inArray(disputes.dodoPaymentId, ids)) : [],
      db
        .select()
        .from(timeline)
        .where(eq(timeline.lagoInvoiceId, lagoInvoiceId))
        .orderBy(asc(timeline.id)),
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
      ({ number, cause, status, amount, dodoSessionId, startedAt, expiresAt }) => ({
        number,
        cause,
        status,
        amount,
        dodoSessionId,
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
    refunds: ownRefunds.map(({ dodoRefundId, dodoPaymentId, amount, currency, status, madeAt }) => {
      const credit = ownCredits.find((one) => one.dodoRefundId === dodoRefundId)
      return {
        dodoRefundId,
        dodoPaymentId,
        amount,
        currency,
        status,
        lagoCreditNoteId: credit?.lagoCreditNoteId ?? null,
        reason: credit?.reason ?? null,
        madeAt,
      }
    }),
    disputes: ownDisputes.map(
      ({ dodoDisputeId, dodoPaymentId, status, stage, amount, currency }) => ({
        dodoDisputeId,
        dodoPaymentId,
        status,
        stage,
        amount,
        currency,
      }),
    ),
    timeline: lines.map(({ at, what }) => ({ at, what })),
  }
}
