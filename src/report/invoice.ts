import { and, asc, desc, eq, or } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import {
  bundleInvoices,
  bundles,
  creditNotes,
  credits,
  invoices,
  mandates,
  recordings,
  timeline,
} from '../db/schema.ts'
import { allocateRefunds } from '../domain/allocation.ts'
import { outcomeOf } from './disputes.ts'
import { reasonCodeOf } from './reason-codes.ts'
import { loadAttempts, loadPayments, payUrlOf, type LoadedPayment } from '../settle/load.ts'

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
  const [ownRecordings, ownCredits, ownNotes, lines, requests, mandate] = await Promise.all([
    db.select().from(recordings).where(eq(recordings.lagoInvoiceId, lagoInvoiceId)),
    db.select().from(credits).where(eq(credits.lagoInvoiceId, lagoInvoiceId)),
    db.select().from(creditNotes).where(eq(creditNotes.lagoInvoiceId, lagoInvoiceId)),
    db
      .select()
      .from(timeline)
      .where(eq(timeline.lagoInvoiceId, lagoInvoiceId))
      .orderBy(asc(timeline.id)),
    findBundles(db, lagoInvoiceId),
    findMandate(db, row),
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
    /** What kind of reason, where a person must look. */
    reasonCode: row.state === 'attention' ? reasonCodeOf(row.reason) : null,
    payUrl: payUrlOf(publicUrl, row.payToken),
    isPayable: row.isPayable,
    nextWakeAt: row.nextWakeAt,
    lastError: row.lastError,
    lastErrorAt: row.lastErrorAt,
    nextRunAt: row.nextRunAt,
    mandate,
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
    payments: ownPayments.map(
      ({ dodoPaymentId, attemptId, amount, currency, status, errorCode, madeAt }) => {
        const recording = ownRecordings.find((one) => one.dodoPaymentId === dodoPaymentId)
        const attempt = ownAttempts.find(({ id }) => id === attemptId)
        return {
          dodoPaymentId,
          /** The attempt that it was made through, which a payment request counts by itself; null when none. */
          attempt: attempt?.number ?? null,
          lagoPaymentRequestId: attempt?.lagoPaymentRequestId ?? null,
          amount,
          currency,
          status,
          disposition: recording?.disposition ?? ('none' as const),
          /** What Lago holds of it for this invoice, in Lago's minor units. */
          recorded: recording?.status === 'recorded' ? recording.amount : 0,
          errorCode,
          reason: recording?.reason ?? null,
          madeAt,
        }
      },
    ),
    refunds: ownPayments.flatMap((payment) =>
      payment.refunds.map(({ dodoRefundId, dodoPaymentId, amount, currency, status, madeAt }) => {
        const credit = ownCredits.find((one) => one.dodoRefundId === dodoRefundId)
        const order = payment.orders.find((one) => one.dodoRefundId === dodoRefundId)
        const isBeingTold = credit?.status === 'credited' && credit.toldAt === null
        const credited = isBeingTold ? null : credit?.lagoCreditNoteId
        return {
          dodoRefundId,
          dodoPaymentId,
          amount,
          currency,
          status,
          /** Null until Lago shows the note as refunded, too. */
          lagoCreditNoteId: credited ?? order?.lagoCreditNoteId ?? null,
          /** Why the bridge asked for it; null when the merchant refunded in Dodo. */
          cause: order?.cause ?? null,
          /** What of it takes back what this invoice took; the rest needs no credit note. */
          taken: takenBack(payment, { dodoRefundId, lagoInvoiceId }),
          credit: credit?.status ?? null,
          reason: credit?.reason ?? null,
          madeAt,
        }
      }),
    ),
    /** Refunds that the bridge asks for, or could not have, on this invoice's behalf. */
    refundOrders: ownPayments.flatMap(({ orders, refunds, currency }) =>
      orders
        .filter((order) => order.lagoInvoiceId === lagoInvoiceId)
        .filter(({ dodoRefundId }) => !refunds.some((one) => one.dodoRefundId === dodoRefundId))
        .map(({ dodoPaymentId, lagoCreditNoteId, cause, status, amount, reason }) => ({
          dodoPaymentId,
          lagoCreditNoteId,
          cause,
          status,
          amount,
          currency,
          reason,
        })),
    ),
    /** The merchant's own, which want money given back. */
    creditNotes: ownNotes.map(({ lagoCreditNoteId, number, amount, refundStatus, reason }) => ({
      lagoCreditNoteId,
      number,
      amount,
      refundStatus,
      reason,
    })),
    disputes: ownPayments.flatMap(({ disputes }) =>
      disputes.map(
        ({ dodoDisputeId, dodoPaymentId, status, stage, isByRdr, amount, currency }) => ({
          dodoDisputeId,
          dodoPaymentId,
          status,
          stage,
          outcome: outcomeOf({ status }),
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

function takenBack(
  payment: LoadedPayment,
  { dodoRefundId, lagoInvoiceId }: { dodoRefundId: string; lagoInvoiceId: string },
): number {
  return allocateRefunds(payment)
    .filter(({ refund, purpose }) => refund.dodoRefundId === dodoRefundId && purpose === 'taken')
    .filter((one) => one.lagoInvoiceId === lagoInvoiceId)
    .reduce((sum, { amount }) => sum + amount, 0)
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

/** The card that would be charged for an invoice in its currency, and why it would not. */
async function findMandate(
  db: Database,
  { lagoCustomerId, currency }: typeof invoices.$inferSelect,
) {
  if (lagoCustomerId === null || currency === null) return null
  const ofCustomer = await db
    .select()
    .from(mandates)
    .where(and(eq(mandates.lagoCustomerId, lagoCustomerId), eq(mandates.currency, currency)))
    .orderBy(desc(mandates.renewedAt))
  const all = ofCustomer.map(({ dodoSubscriptionId, status, isEnding, refusal, renewedAt }) => ({
    dodoSubscriptionId,
    status,
    isChargeable: status === 'active' && !isEnding && refusal === null,
    reason: refusal ?? (isEnding ? 'it is being cancelled' : null),
    renewedAt,
  }))
  return all.find(({ isChargeable }) => isChargeable) ?? all[0] ?? null
}
