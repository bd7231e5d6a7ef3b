import { randomBytes } from 'node:crypto'

import { asc, eq, inArray } from 'drizzle-orm'

import { attempts, credits, invoices, payments, recordings, refunds } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Invoice, Ledger } from '../domain/ledger.ts'
import type { LagoInvoice } from '../lago/objects.ts'

const TOKEN_BYTES = 16

export type InvoiceRow = typeof invoices.$inferSelect

/** Where a customer pays this invoice, for as long as the invoice lives. */
export const payUrlOf = (publicUrl: string, payToken: string) => `${publicUrl}/pay/${payToken}`

/** Our row for an invoice, made when we first hear of it. */
export async function ensureInvoice(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  lagoInvoiceId: string,
): Promise<InvoiceRow> {
  const payToken = randomBytes(TOKEN_BYTES).toString('base64url')
  await db
    .insert(invoices)
    .values({ lagoInvoiceId, payToken, createdAt: now() })
    .onConflictDoNothing()
  const [row] = await db.select().from(invoices).where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
  if (!row) throw new Error(`invoice ${lagoInvoiceId} vanished from the ledger`)
  return row
}

/** All that we hold about one invoice's money, as `decide` takes it. */
export async function loadLedger(
  { db, config }: Pick<Deps, 'db' | 'config'>,
  row: InvoiceRow,
): Promise<Ledger> {
  const { lagoInvoiceId } = row
  const [ownAttempts, ownPayments, ownRecordings, ownCredits] = await Promise.all([
    db
      .select()
      .from(attempts)
      .where(eq(attempts.lagoInvoiceId, lagoInvoiceId))
      .orderBy(asc(attempts.number)),
    db
      .select()
      .from(payments)
      .where(eq(payments.lagoInvoiceId, lagoInvoiceId))
      .orderBy(asc(payments.madeAt)),
    db.select().from(recordings).where(eq(recordings.lagoInvoiceId, lagoInvoiceId)),
    db.select().from(credits).where(eq(credits.lagoInvoiceId, lagoInvoiceId)),
  ])
  const paymentIds = ownPayments.map(({ dodoPaymentId }) => dodoPaymentId)
  const ownRefunds = paymentIds.length
    ? await db
        .select()
        .from(refunds)
        .where(inArray(refunds.dodoPaymentId, paymentIds))
        .orderBy(asc(refunds.madeAt))
    : []
  return {
    payUrl: payUrlOf(config.publicUrl, row.payToken),
    requestedBy: row.requestedBy,
    metadataRefusal: row.metadataRefusal,
    attempts: ownAttempts,
    payments: ownPayments.map((payment) => ({
      ...payment,
      refunds: ownRefunds.filter(({ dodoPaymentId }) => dodoPaymentId === payment.dodoPaymentId),
    })),
    recordings: ownRecordings,
    credits: ownCredits,
  }
}

/** Lago's invoice in the words of the domain. */
export function asInvoice(invoice: LagoInvoice): Invoice {
  const { customer } = invoice
  return {
    type: invoice.invoice_type,
    status: invoice.status,
    paymentStatus: invoice.payment_status,
    isSelfBilled: invoice.self_billed,
    nativeProvider: customer.billing_configuration?.payment_provider ?? null,
    currency: invoice.currency,
    total: invoice.total_amount_cents,
    paid: invoice.total_paid_amount_cents,
    due: invoice.total_due_amount_cents,
    customer: { email: firstEmail(customer.email), country: customer.country },
    metadata: invoice.metadata.map(({ lago_id, key, value }) => ({ id: lago_id, key, value })),
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
