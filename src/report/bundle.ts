import { asc, eq, inArray } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { attempts, bundleInvoices, bundles, invoices, payments, shares } from '../db/schema.ts'
import { payUrlOf } from '../settle/load.ts'

export type BundleReport = NonNullable<Awaited<ReturnType<typeof describeBundle>>>

/** What the bridge knows of a payment request, by Lago's id. Amounts are Lago's minor units, but for payments. */
export async function describeBundle(
  db: Database,
  publicUrl: string,
  lagoPaymentRequestId: string,
) {
  const [row] = await db
    .select()
    .from(bundles)
    .where(eq(bundles.lagoPaymentRequestId, lagoPaymentRequestId))
  if (!row) return undefined
  const [members, own] = await Promise.all([
    db
      .select({ lagoInvoiceId: bundleInvoices.lagoInvoiceId, invoice: invoices })
      .from(bundleInvoices)
      .leftJoin(invoices, eq(invoices.lagoInvoiceId, bundleInvoices.lagoInvoiceId))
      .where(eq(bundleInvoices.lagoPaymentRequestId, lagoPaymentRequestId))
      .orderBy(asc(bundleInvoices.position)),
    db
      .select()
      .from(attempts)
      .where(eq(attempts.lagoPaymentRequestId, lagoPaymentRequestId))
      .orderBy(asc(attempts.number)),
  ])
  const ids = own.map(({ id }) => id)
  const [parts, paid] = await Promise.all([
    db.select().from(shares).where(inArray(shares.attemptId, ids)).orderBy(asc(shares.position)),
    db
      .select()
      .from(payments)
      .where(inArray(payments.attemptId, ids))
      .orderBy(asc(payments.madeAt)),
  ])
  return {
    lagoPaymentRequestId,
    customer: row.lagoCustomerId,
    currency: row.currency,
    amountDue: row.amountDue,
    state: row.state,
    reason: row.reason,
    payUrl: payUrlOf(publicUrl, row.payToken),
    isPayable: row.isPayable,
    invoices: members.map(({ lagoInvoiceId, invoice }) => ({
      lagoInvoiceId,
      number: invoice?.number ?? null,
      state: invoice?.state ?? ('open' as const),
      amountDue: invoice?.amountDue ?? 0,
    })),
    attempts: own.map(({ id, number, status, amount, dodoSessionId, startedAt, expiresAt }) => ({
      number,
      status,
      amount,
      dodoSessionId,
      startedAt,
      expiresAt,
      shares: parts
        .filter(({ attemptId }) => attemptId === id)
        .map((part) => ({ lagoInvoiceId: part.lagoInvoiceId, amount: part.amount })),
    })),
    payments: paid.map(({ dodoPaymentId, amount, currency, status, errorCode, madeAt }) => ({
      dodoPaymentId,
      amount,
      currency,
      status,
      errorCode,
      madeAt,
    })),
  }
}
