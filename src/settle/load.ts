import { randomBytes } from 'node:crypto'

import { and, asc, desc, eq, inArray, or } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import {
  attempts,
  creditNotes,
  credits,
  dismissals,
  disputes,
  invoices,
  mandates,
  payments,
  recordings,
  refundOrders,
  refunds,
  shares,
} from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Attempt, Credited, Invoice, Ledger, Part, Payment } from '../domain/ledger.ts'
import { isSupportedCurrency, toDodoMinor } from '../domain/money.ts'
import type { LagoInvoice } from '../lago/objects.ts'

const TOKEN_BYTES = 16

export type InvoiceRow = typeof invoices.$inferSelect
type PaymentRow = typeof payments.$inferSelect
type ShareRow = typeof shares.$inferSelect
type RecordingRow = typeof recordings.$inferSelect

/** Names whoever has it, and nothing else: 128 random bits. */
export const newPayToken = () => randomBytes(TOKEN_BYTES).toString('base64url')

/** Where a customer pays this invoice, for as long as the invoice lives. */
export const payUrlOf = (publicUrl: string, payToken: string) => `${publicUrl}/pay/${payToken}`

/** Our row for an invoice, made when we first hear of it. */
export async function ensureInvoice(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  lagoInvoiceId: string,
): Promise<InvoiceRow> {
  await db
    .insert(invoices)
    .values({ lagoInvoiceId, payToken: newPayToken(), createdAt: now() })
    .onConflictDoNothing()
  const [row] = await db.select().from(invoices).where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
  if (!row) throw new Error(`invoice ${lagoInvoiceId} vanished from the ledger`)
  return row
}

/** The attempts that may pay an invoice: its own, and those of payment requests that it is part of. */
export async function loadAttempts(db: Executor, lagoInvoiceId: string): Promise<Attempt[]> {
  const rows = await db
    .select()
    .from(shares)
    .innerJoin(attempts, eq(attempts.id, shares.attemptId))
    .where(eq(shares.lagoInvoiceId, lagoInvoiceId))
    .orderBy(asc(attempts.startedAt), asc(attempts.number))
  return rows.map((row) => ({ ...row.attempts, share: row.shares.amount }))
}

/** All that we hold about one invoice's money, as `decide` takes it. */
export async function loadLedger(
  { db, config }: Pick<Deps, 'db' | 'config'>,
  row: InvoiceRow,
): Promise<Ledger> {
  const { lagoInvoiceId } = row
  const ownAttempts = await loadAttempts(db, lagoInvoiceId)
  const [ownPayments, ownRecordings, ownCredits, ownNotes, asides, ownMandates] = await Promise.all(
    [
      loadPayments(db, lagoInvoiceId, ownAttempts),
      db.select().from(recordings).where(eq(recordings.lagoInvoiceId, lagoInvoiceId)),
      db.select().from(credits).where(eq(credits.lagoInvoiceId, lagoInvoiceId)),
      db.select().from(creditNotes).where(eq(creditNotes.lagoInvoiceId, lagoInvoiceId)),
      db.select().from(dismissals).where(eq(dismissals.lagoInvoiceId, lagoInvoiceId)),
      row.lagoCustomerId && config.collection === 'automatic'
        ? db
            .select()
            .from(mandates)
            .where(eq(mandates.lagoCustomerId, row.lagoCustomerId))
            .orderBy(desc(mandates.renewedAt))
        : [],
    ],
  )
  // A note that says of itself nothing (Lago before 1.37) may be the one that we are about to find again.
  const isCrediting = ownCredits.some(({ status }) => status === 'intended' || status === 'unknown')
  const ours = new Set(ownCredits.map(({ lagoCreditNoteId }) => lagoCreditNoteId))
  return {
    lagoInvoiceId,
    payUrl: payUrlOf(config.publicUrl, row.payToken),
    isPayUrlGuessed: config.isPublicUrlGuessed ?? false,
    requestedBy: row.requestedBy,
    metadataRefusal: row.metadataRefusal,
    paidElsewhere: row.paidElsewhereAt && { amount: row.paidElsewhere, at: row.paidElsewhereAt },
    notesLookedAt: row.notesLookedAt,
    dismissed: asides.map(({ reason }) => reason),
    attempts: ownAttempts,
    payments: ownPayments,
    recordings: ownRecordings,
    credits: ownCredits.map((one) => ({
      ...one,
      amount: one.refunded ?? one.amount,
      isExact: one.refunded !== null,
    })),
    creditNotes: ownNotes.filter(
      ({ lagoCreditNoteId, refundStatus }) =>
        refundStatus !== 'pending' || (!isCrediting && !ours.has(lagoCreditNoteId)),
    ),
    mandates: ownMandates,
  }
}

/** A payment with its rows as they are stored, which hold more than a decision needs. */
export type LoadedPayment = Omit<Payment, 'refunds' | 'disputes'> & {
  refunds: (typeof refunds.$inferSelect)[]
  disputes: (typeof disputes.$inferSelect)[]
}

/** Every payment that was made for an invoice, or says that it was, with all that became of it. */
export async function loadPayments(
  db: Executor,
  lagoInvoiceId: string,
  ownAttempts: readonly Attempt[],
): Promise<LoadedPayment[]> {
  const attemptIds = ownAttempts.map(({ id }) => id)
  const rows = await db
    .select()
    .from(payments)
    .where(
      or(
        eq(payments.lagoInvoiceId, lagoInvoiceId),
        attemptIds.length > 0 ? inArray(payments.attemptId, attemptIds) : undefined,
      ),
    )
    .orderBy(asc(payments.madeAt))
  const ids = rows.map(({ dodoPaymentId }) => dodoPaymentId)
  if (ids.length === 0) return []
  const [allRefunds, allDisputes, allOrders, allRecordings, allCredits, allShares] =
    await Promise.all([
      db
        .select()
        .from(refunds)
        .where(inArray(refunds.dodoPaymentId, ids))
        .orderBy(asc(refunds.madeAt)),
      db.select().from(disputes).where(inArray(disputes.dodoPaymentId, ids)),
      db
        .select()
        .from(refundOrders)
        .where(inArray(refundOrders.dodoPaymentId, ids))
        .orderBy(asc(refundOrders.orderedAt)),
      db.select().from(recordings).where(inArray(recordings.dodoPaymentId, ids)),
      db
        .select({ dodoPaymentId: refunds.dodoPaymentId, credit: credits })
        .from(credits)
        .innerJoin(refunds, eq(refunds.dodoRefundId, credits.dodoRefundId))
        .where(
          and(
            inArray(refunds.dodoPaymentId, ids),
            inArray(credits.status, ['intended', 'unknown', 'credited']),
          ),
        ),
      attemptIds.length > 0
        ? db
            .select()
            .from(shares)
            .where(inArray(shares.attemptId, attemptIds))
            .orderBy(asc(shares.position))
        : [],
    ])
  return rows.map((row) => ({
    ...row,
    refunds: allRefunds.filter(isOf(row)),
    disputes: allDisputes.filter(isOf(row)),
    orders: allOrders.filter(isOf(row)),
    credited: allCredits.filter(isOf(row)).map(({ credit }) => creditedOf(row, credit)),
    parts: partsOf(
      row,
      allShares.filter(({ attemptId }) => attemptId === row.attemptId),
      allRecordings.filter(isOf(row)),
    ),
  }))
}

const isOf =
  ({ dodoPaymentId }: PaymentRow) =>
  (one: { dodoPaymentId: string }) =>
    one.dodoPaymentId === dodoPaymentId

function creditedOf({ currency }: PaymentRow, credit: typeof credits.$inferSelect): Credited {
  const { dodoRefundId, lagoInvoiceId, amount, refunded } = credit
  return { dodoRefundId, lagoInvoiceId, amount: asDodo(refunded ?? amount, currency) }
}

const asDodo = (minor: number, currency: string) =>
  isSupportedCurrency(currency) ? toDodoMinor(minor, currency) : minor

/**
 * What of a payment is for whom. One that came through no attempt that this ledger knows is for nobody, but for what
 * Lago holds of it under its reference.
 */
function partsOf(payment: PaymentRow, ofAttempt: ShareRow[], recorded: RecordingRow[]): Part[] {
  const { lagoInvoiceId, amount, currency } = payment
  const toDodo = (minor: number) => asDodo(minor, currency)
  if (ofAttempt.length === 0) {
    const held = recorded.filter(({ status }) => status === 'recorded')
    if (held.length === 0)
      return lagoInvoiceId ? [{ lagoInvoiceId, share: amount, taken: 0, isSettled: true }] : []
    return held.map((one) => {
      const taken = toDodo(one.amount)
      return { lagoInvoiceId: one.lagoInvoiceId, share: taken, taken, isSettled: true }
    })
  }
  return ofAttempt.map((one) => {
    const recording = recorded.find((other) => other.lagoInvoiceId === one.lagoInvoiceId)
    const share = toDodo(one.amount)
    const isHeld = recording?.status === 'held'
    const taken = isHeld ? 0 : recording ? toDodo(recording.amount) : share
    const isSettled = isHeld || recording?.status === 'recorded'
    return { lagoInvoiceId: one.lagoInvoiceId, share, taken, isSettled }
  })
}

/** Lago's invoice in the words of the domain. */
export function asInvoice(invoice: LagoInvoice): Invoice {
  const { customer } = invoice
  return {
    type: invoice.invoice_type,
    status: invoice.status,
    paymentStatus: invoice.payment_status,
    isSelfBilled: invoice.self_billed,
    issuedOn: invoice.issuing_date,
    nativeProvider: customer.billing_configuration?.payment_provider ?? null,
    currency: invoice.currency,
    total: invoice.total_amount_cents,
    paid: invoice.total_paid_amount_cents,
    due: invoice.total_due_amount_cents,
    customer: { email: firstEmail(customer.email), country: customer.country },
    metadata: invoice.metadata.map(({ lago_id, key, value }) => ({ id: lago_id, key, value })),
    isDisputeLost: invoice.payment_dispute_lost_at !== null,
  }
}

/** Lago keeps several addresses in one field, separated by commas; Dodo takes one. */
export function firstEmail(emails: string | null): string | null {
  const first = emails
    ?.split(',')
    .map((email) => email.trim())
    .find((email) => email.includes('@'))
  return first ?? null
}
