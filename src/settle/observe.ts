import { and, eq, inArray, isNull, ne, not, or, sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { attempts, disputes, payments, refunds } from '../db/schema.ts'
import {
  invoiceNamedBy,
  type DodoDispute,
  type DodoPayment,
  type DodoRefund,
} from '../dodo/objects.ts'
import { formatDodo } from '../domain/money.ts'
import { note } from './timeline.ts'

/** An answer of the API is the truth of its moment; a webhook may have been overtaken on the way. */
export type Source = 'api' | 'webhook'

const ENDED = ['succeeded', 'failed', 'cancelled']

/**
 * Writes down a payment of Dodo, its refunds and its disputes, as observed. Monotonic: a late observation
 * never undoes a success. Returns the invoice it is about, if any. `attemptId` is passed by whoever knows it from the session.
 */
export async function observePayment(
  db: Executor,
  payment: DodoPayment,
  { source, at, attemptId }: { source: Source; at: Date; attemptId?: string },
): Promise<string | null> {
  const attempt = await findAttempt(db, payment, attemptId)
  const lagoInvoiceId = attempt?.lagoInvoiceId ?? invoiceNamedBy(payment.metadata)
  const [before] = await db
    .select({ status: payments.status })
    .from(payments)
    .where(eq(payments.dodoPaymentId, payment.payment_id))

  const observed = {
    lagoInvoiceId,
    attemptId: attempt?.id ?? null,
    dodoSessionId: payment.checkout_session_id,
    dodoSubscriptionId: payment.subscription_id,
    status: payment.status,
    currency: payment.currency,
    amount: payment.total_amount,
    tax: payment.tax,
    errorCode: payment.error_code,
    isSetup: payment.is_update_payment_method,
    madeAt: payment.created_at,
    changedAt: payment.updated_at ?? payment.created_at,
    observedAt: at,
  }
  const isMonotonic = or(ne(payments.status, 'succeeded'), sql`excluded.status = 'succeeded'`)
  const isOvertakenWebhook = source === 'webhook' && !ENDED.includes(payment.status)
  const isAllowed = isOvertakenWebhook
    ? and(isMonotonic, not(inArray(payments.status, ENDED)))
    : isMonotonic
  const [written] = await db
    .insert(payments)
    .values({ dodoPaymentId: payment.payment_id, ...observed })
    .onConflictDoUpdate({
      target: payments.dodoPaymentId,
      set: observed,
      ...(isAllowed && { setWhere: isAllowed }),
    })
    .returning({ status: payments.status })

  for (const refund of payment.refunds)
    await observeRefund(db, refund, lagoInvoiceId, { source, at })
  for (const dispute of payment.disputes) await observeDispute(db, dispute, lagoInvoiceId, at)
  if (lagoInvoiceId && written && before?.status !== payment.status) {
    await note(db, lagoInvoiceId, describePayment(payment), at)
  }
  return lagoInvoiceId
}

/** The attempt of ours that a payment was made through: by its session, never by its metadata, which a buyer can forge. */
async function findAttempt(db: Executor, payment: DodoPayment, attemptId: string | undefined) {
  const bySession = payment.checkout_session_id
    ? eq(attempts.dodoSessionId, payment.checkout_session_id)
    : undefined
  const condition = attemptId ? eq(attempts.id, attemptId) : bySession
  if (!condition) return undefined
  const [attempt] = await db.select().from(attempts).where(condition)
  return attempt
}

function describePayment({ payment_id, status, total_amount, currency, error_code }: DodoPayment) {
  const code = error_code ? ` (${error_code})` : ''
  return `Dodo payment ${payment_id} of ${formatDodo(total_amount, currency)}: ${status}${code}`
}

async function observeRefund(
  db: Executor,
  refund: DodoRefund,
  lagoInvoiceId: string | null,
  { source, at }: { source: Source; at: Date },
) {
  const observed = {
    dodoPaymentId: refund.payment_id,
    status: refund.status,
    currency: refund.currency,
    amount: refund.amount,
    refundReason: refund.reason,
    madeAt: refund.created_at,
    observedAt: at,
  }
  const [before] = await db
    .select({ status: refunds.status })
    .from(refunds)
    .where(eq(refunds.dodoRefundId, refund.refund_id))
  const isAllowed =
    source === 'api' ? undefined : or(ne(refunds.status, 'succeeded'), isNull(refunds.amount))
  await db
    .insert(refunds)
    .values({ dodoRefundId: refund.refund_id, ...observed })
    .onConflictDoUpdate({
      target: refunds.dodoRefundId,
      set: observed,
      ...(isAllowed && { setWhere: isAllowed }),
    })
  if (lagoInvoiceId && before?.status !== refund.status) {
    const amount =
      refund.amount === null ? '' : ` of ${formatDodo(refund.amount, refund.currency ?? '')}`
    await note(db, lagoInvoiceId, `Dodo refund ${refund.refund_id}${amount}: ${refund.status}`, at)
  }
}

async function observeDispute(
  db: Executor,
  dispute: DodoDispute,
  lagoInvoiceId: string | null,
  at: Date,
) {
  const observed = {
    dodoPaymentId: dispute.payment_id,
    status: dispute.dispute_status,
    stage: dispute.dispute_stage,
    amount: dispute.amount,
    currency: dispute.currency,
    observedAt: at,
  }
  const [before] = await db
    .select({ status: disputes.status })
    .from(disputes)
    .where(eq(disputes.dodoDisputeId, dispute.dispute_id))
  await db
    .insert(disputes)
    .values({ dodoDisputeId: dispute.dispute_id, ...observed })
    .onConflictDoUpdate({ target: disputes.dodoDisputeId, set: observed })
  if (lagoInvoiceId && before?.status !== dispute.dispute_status) {
    const what = `Dodo dispute ${dispute.dispute_id} on ${dispute.payment_id}: ${dispute.dispute_status}`
    await note(db, lagoInvoiceId, what, at)
  }
}
