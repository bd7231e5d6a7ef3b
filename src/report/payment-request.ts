import { and, asc, eq, inArray } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { attempts, members, payments, receivables, shares } from '../db/schema.ts'
import { payUrlOf } from '../collect/load.ts'
import { ASKING_KINDS } from '../collect/receivable.ts'

export type RequestReport = NonNullable<Awaited<ReturnType<typeof describeRequest>>>

/** What the bridge knows of a payment request, by Lago's id. Amounts are Lago's minor units, but for payments. */
export async function describeRequest(
  db: Database,
  publicUrl: string,
  lagoPaymentRequestId: string,
) {
  const [row] = await db
    .select()
    .from(receivables)
    .where(
      and(
        eq(receivables.receivableId, lagoPaymentRequestId),
        inArray(receivables.kind, ASKING_KINDS),
      ),
    )
  if (!row) return undefined
  const [asked, own] = await Promise.all([
    db
      .select({ lagoInvoiceId: members.memberId, invoice: receivables })
      .from(members)
      .leftJoin(receivables, eq(receivables.receivableId, members.memberId))
      .where(eq(members.receivableId, lagoPaymentRequestId))
      .orderBy(asc(members.position)),
    db
      .select()
      .from(attempts)
      .where(eq(attempts.receivableId, lagoPaymentRequestId))
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
    customer: row.payerKey ?? '',
    currency: row.currency ?? '',
    amountDue: row.amountDue,
    state: row.state,
    reason: row.reason,
    reasonCode: row.reasonCode,
    payUrl: payUrlOf(publicUrl, row.payToken),
    isPayable: row.isPayable,
    invoices: asked.map(({ lagoInvoiceId, invoice }) => ({
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
        .map((part) => ({ lagoInvoiceId: part.receivableId, amount: part.amount })),
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
