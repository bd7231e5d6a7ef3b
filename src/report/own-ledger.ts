import { and, between, eq, inArray } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { credits, invoices, payments, recordings, refunds } from '../db/schema.ts'
import type { Knowledge } from './compare-ledgers.ts'
import type { Period } from './period.ts'

type Wanted = { ids: string[] } | { period: Period }

export type OwnPayment = {
  lagoInvoiceId: string | null
  invoiceNumber: string | null
  madeAt: Date
  isSetup: boolean
  isByStatus: boolean
  knowledge: Knowledge
}

export type OwnRefund = {
  dodoPaymentId: string
  lagoInvoiceId: string | null
  invoiceNumber: string | null
  madeAt: Date
  knowledge: Knowledge
}

/** The succeeded payments in our ledger that were made in a period, or are among some. */
export async function readOwnPayments(
  { db }: { db: Database },
  wanted: Wanted,
): Promise<Map<string, OwnPayment>> {
  const condition =
    'ids' in wanted
      ? inArray(payments.dodoPaymentId, wanted.ids)
      : between(payments.madeAt, wanted.period.from, wanted.period.until)
  const rows = await db
    .select({ payment: payments, recording: recordings, number: invoices.number })
    .from(payments)
    .leftJoin(recordings, eq(recordings.dodoPaymentId, payments.dodoPaymentId))
    .leftJoin(invoices, eq(invoices.lagoInvoiceId, payments.lagoInvoiceId))
    .where(and(condition, eq(payments.status, 'succeeded')))
  return new Map(
    rows
      .filter(({ payment }) => payment.lagoInvoiceId !== null)
      .map(({ payment, recording, number }) => [
        payment.dodoPaymentId,
        {
          lagoInvoiceId: payment.lagoInvoiceId,
          invoiceNumber: number,
          madeAt: payment.madeAt,
          isSetup: payment.isSetup,
          isByStatus: recording?.through === 'status',
          knowledge: ofRecording(recording),
        },
      ]),
  )
}

/** The succeeded refunds in our ledger that were made in a period, or are among some. */
export async function readOwnRefunds(
  { db }: { db: Database },
  wanted: Wanted,
): Promise<Map<string, OwnRefund>> {
  const condition =
    'ids' in wanted
      ? inArray(refunds.dodoRefundId, wanted.ids)
      : between(refunds.madeAt, wanted.period.from, wanted.period.until)
  const rows = await db
    .select({
      refund: refunds,
      credit: credits,
      recording: recordings,
      lagoInvoiceId: payments.lagoInvoiceId,
      number: invoices.number,
    })
    .from(refunds)
    .leftJoin(payments, eq(payments.dodoPaymentId, refunds.dodoPaymentId))
    .leftJoin(recordings, eq(recordings.dodoPaymentId, refunds.dodoPaymentId))
    .leftJoin(credits, eq(credits.dodoRefundId, refunds.dodoRefundId))
    .leftJoin(invoices, eq(invoices.lagoInvoiceId, payments.lagoInvoiceId))
    .where(and(condition, eq(refunds.status, 'succeeded')))
  return new Map(
    rows.map(({ refund, credit, recording, lagoInvoiceId, number }) => [
      refund.dodoRefundId,
      {
        dodoPaymentId: refund.dodoPaymentId,
        lagoInvoiceId,
        invoiceNumber: number,
        madeAt: refund.madeAt,
        knowledge: ofCredit(credit, recording),
      },
    ]),
  )
}

type Recording = typeof recordings.$inferSelect | null
type Credit = typeof credits.$inferSelect | null

function ofRecording(recording: Recording): Knowledge {
  switch (recording?.status) {
    case undefined:
      return { is: 'seen' }
    case 'intended':
    case 'unknown':
      return { is: 'begun' }
    case 'recorded':
      return { is: 'done' }
    case 'held':
      return { is: 'refused', why: recording?.reason ?? 'a person must look' }
  }
}

function ofCredit(credit: Credit, recording: Recording): Knowledge {
  switch (credit?.status) {
    case undefined:
      return recording?.status === 'held'
        ? { is: 'refused', why: 'its payment is held, so there is nothing to credit' }
        : { is: 'seen' }
    case 'intended':
    case 'unknown':
      return { is: 'begun' }
    case 'credited':
      return { is: 'done' }
    case 'reversed':
      return { is: 'refused', why: 'it failed after it had been credited' }
    case 'impossible':
      return { is: 'refused', why: `no credit note: ${credit?.reason ?? 'Lago refused it'}` }
  }
}
