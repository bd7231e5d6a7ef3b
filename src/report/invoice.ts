import { and, asc, desc, eq, or } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { members, creditNotes, receivables } from '../db/schema.ts'
import { allocateRefunds } from '../collect/decide/allocation.ts'
import type { Mandate } from '../collect/ledger.ts'
import { outcomeOf } from './disputes.ts'
import { loadMoney, payUrlOf, type LoadedPayment } from '../collect/load.ts'
import { readTimeline } from '../collect/timeline.ts'

export type InvoiceReport = NonNullable<Awaited<ReturnType<typeof describeInvoice>>>

/** All that the bridge knows of one invoice, by Lago's id or by number. Amounts are minor units. */
export async function describeInvoice(db: Database, publicUrl: string, idOrNumber: string) {
  const [row] = await db
    .select()
    .from(receivables)
    .where(
      and(
        eq(receivables.kind, 'invoice'),
        or(eq(receivables.receivableId, idOrNumber), eq(receivables.number, idOrNumber)),
      ),
    )
    .orderBy(desc(receivables.createdAt))
    .limit(1)
  if (!row) return undefined
  const { receivableId: lagoInvoiceId } = row

  const [money, ownNotes, lines, requests] = await Promise.all([
    loadMoney(db, lagoInvoiceId, { withMandates: true }),
    db.select().from(creditNotes).where(eq(creditNotes.receivableId, lagoInvoiceId)),
    readTimeline(db, lagoInvoiceId),
    findRequests(db, lagoInvoiceId),
  ])
  const { attempts: ownAttempts, payments: ownPayments } = money
  return {
    lagoInvoiceId,
    number: row.number,
    customer: row.payerKey,
    customerName: row.payerName,
    currency: row.currency,
    amountDue: row.amountDue,
    state: row.state,
    reason: row.reason,
    /** A stable word for what a person must mend; null while there is nothing. */
    reasonCode: row.reasonCode,
    payUrl: payUrlOf(publicUrl, row.payToken),
    isPayable: row.isPayable,
    nextWakeAt: row.nextWakeAt,
    lastError: row.lastError,
    lastErrorAt: row.lastErrorAt,
    nextRunAt: row.nextRunAt,
    mandate: findMandate(money.mandates, row.currency),
    attempts: ownAttempts.map((attempt) => ({
      number: attempt.number,
      kind: attempt.kind,
      cause: attempt.cause,
      status: attempt.status,
      amount: attempt.share,
      dodoSessionId: attempt.dodoSessionId,
      dodoSubscriptionId: attempt.dodoSubscriptionId,
      lagoPaymentRequestId: requestOf(attempt, lagoInvoiceId),
      startedAt: attempt.startedAt,
      expiresAt: attempt.expiresAt,
    })),
    payments: ownPayments.map(
      ({ dodoPaymentId, attemptId, amount, currency, status, errorCode, madeAt }) => {
        const recording = money.recordings.find((one) => one.dodoPaymentId === dodoPaymentId)
        const attempt = ownAttempts.find(({ id }) => id === attemptId)
        return {
          dodoPaymentId,
          /** The attempt that it was made through, which a payment request counts by itself; null when none. */
          attempt: attempt?.number ?? null,
          lagoPaymentRequestId: attempt ? requestOf(attempt, lagoInvoiceId) : null,
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
        const credit = money.credits.find((one) => one.dodoRefundId === dodoRefundId)
        const order = payment.orders.find((one) => one.dodoRefundId === dodoRefundId)
        const isBeingTold = credit?.status === 'credited' && credit.toldAt === null
        const credited = isBeingTold ? null : credit?.creditNoteId
        return {
          dodoRefundId,
          dodoPaymentId,
          amount,
          currency,
          status,
          /** Null until Lago shows the note as refunded, too. */
          lagoCreditNoteId: credited ?? order?.creditNoteId ?? null,
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
        .filter((order) => order.receivableId === lagoInvoiceId)
        .filter(({ dodoRefundId }) => !refunds.some((one) => one.dodoRefundId === dodoRefundId))
        .map(({ dodoPaymentId, creditNoteId, cause, status, amount, reason }) => ({
          dodoPaymentId,
          lagoCreditNoteId: creditNoteId,
          cause,
          status,
          amount,
          currency,
          reason,
        })),
    ),
    /** The merchant's own, which want money given back. */
    creditNotes: ownNotes.map(({ creditNoteId, number, amount, refundStatus, reason }) => ({
      lagoCreditNoteId: creditNoteId,
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
    paymentRequests: requests.map(({ receivableId, payToken, state }) => ({
      lagoPaymentRequestId: receivableId,
      state,
      payUrl: payUrlOf(publicUrl, payToken),
    })),
    timeline: lines,
  }
}

/** The payment request that an attempt belongs to; null for one of the invoice's own. */
const requestOf = ({ receivableId }: { receivableId: string }, lagoInvoiceId: string) =>
  receivableId === lagoInvoiceId ? null : receivableId

function takenBack(
  payment: LoadedPayment,
  { dodoRefundId, lagoInvoiceId }: { dodoRefundId: string; lagoInvoiceId: string },
): number {
  return allocateRefunds(payment)
    .filter(({ refund, purpose }) => refund.dodoRefundId === dodoRefundId && purpose === 'taken')
    .filter((one) => one.receivableId === lagoInvoiceId)
    .reduce((sum, { amount }) => sum + amount, 0)
}

async function findRequests(db: Database, memberId: string) {
  const rows = await db
    .select({ request: receivables })
    .from(members)
    .innerJoin(receivables, eq(receivables.receivableId, members.receivableId))
    .where(eq(members.memberId, memberId))
    .orderBy(asc(receivables.createdAt))
  return rows.map(({ request }) => request)
}

/** The card that would be charged for an invoice in its currency, and why it would not. */
function findMandate(ofPayer: readonly Mandate[], due: string | null) {
  const all = ofPayer
    .filter(({ currency }) => currency === due)
    .map(({ dodoSubscriptionId, status, isEnding, refusal, renewedAt }) => ({
      dodoSubscriptionId,
      status,
      isChargeable: status === 'active' && !isEnding && refusal === null,
      reason: refusal ?? (isEnding ? 'it is being cancelled' : null),
      renewedAt,
    }))
  return all.find(({ isChargeable }) => isChargeable) ?? all[0] ?? null
}
