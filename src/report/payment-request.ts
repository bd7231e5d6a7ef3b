import { asc, eq } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { members, receivables } from '../db/schema.ts'
import { loadMoney, payUrlOf } from '../collect/load.ts'
import { ASKING_KINDS } from '../collect/receivable.ts'

export type RequestReport = NonNullable<Awaited<ReturnType<typeof describeRequest>>>

/** What the bridge knows of a payment request, by Lago's id. Amounts are Lago's minor units, but for payments. */
export async function describeRequest(
  db: Database,
  publicUrl: string,
  lagoPaymentRequestId: string,
) {
  const [{ row, attempts, payments }, asked] = await Promise.all([
    loadMoney(db, lagoPaymentRequestId),
    db
      .select({ lagoInvoiceId: members.memberId, invoice: receivables })
      .from(members)
      .leftJoin(receivables, eq(receivables.receivableId, members.memberId))
      .where(eq(members.receivableId, lagoPaymentRequestId))
      .orderBy(asc(members.position)),
  ])
  if (!row || !ASKING_KINDS.some((kind) => kind === row.kind)) return undefined
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
    attempts: attempts.map((attempt) => ({
      number: attempt.number,
      status: attempt.status,
      amount: attempt.amount,
      dodoSessionId: attempt.dodoSessionId,
      startedAt: attempt.startedAt,
      expiresAt: attempt.expiresAt,
      shares: attempt.shares.map(({ receivableId, amount }) => ({
        lagoInvoiceId: receivableId,
        amount,
      })),
    })),
    payments: payments.map(({ dodoPaymentId, amount, currency, status, errorCode, madeAt }) => ({
      dodoPaymentId,
      amount,
      currency,
      status,
      errorCode,
      madeAt,
    })),
  }
}
