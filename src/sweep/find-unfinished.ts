import { and, asc, eq, gt, inArray, isNotNull, isNull, lt, or, sql, type SQL } from 'drizzle-orm'

import {
  attempts,
  creditNotes,
  credits,
  invoices,
  payments,
  recordings,
  refundOrders,
  refunds,
  shares,
} from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { takeTurns, type Finder } from './rotate.ts'

type Searching = Pick<Deps, 'db' | 'now'> & { isDryRun: boolean; isThorough: boolean }
type Found = { lagoInvoiceId: string; what: string }
type Row = { lagoInvoiceId: string | null; what: string }

/** Of each kind, at one sweep. */
const MAX_FOUND = 500

/** What we ourselves have begun and not finished, or could not settle the last time. */
export async function findUnfinished(deps: Searching): Promise<Found[]> {
  const found: Found[] = []
  for (const [name, find] of Object.entries(FINDERS)) {
    const rows = await takeTurns(deps, name, { find, limit: MAX_FOUND })
    found.push(
      ...rows.flatMap(({ lagoInvoiceId, what }) =>
        lagoInvoiceId ? [{ lagoInvoiceId, what }] : [],
      ),
    )
  }
  return found
}

const troubled: Finder<Row> = ({ db }, after, limit) =>
  db
    .select({
      lagoInvoiceId: invoices.lagoInvoiceId,
      what: sql<string>`'needs attention: ' || ${invoices.reason}`,
      cursor: invoices.lagoInvoiceId,
    })
    .from(invoices)
    .where(and(eq(invoices.state, 'attention'), gt(invoices.lagoInvoiceId, after)))
    .orderBy(asc(invoices.lagoInvoiceId))
    .limit(limit)

const unfinishedAttempts: Finder<Row> = ({ db, now }, after, limit) => {
  const cursor = sql<string>`${shares.attemptId} || ' ' || ${shares.lagoInvoiceId}`
  return db
    .select({
      lagoInvoiceId: shares.lagoInvoiceId,
      what: sql<string>`'an attempt is not finished'`,
      cursor,
    })
    .from(attempts)
    .innerJoin(shares, eq(shares.attemptId, attempts.id))
    .where(
      and(
        or(
          inArray(attempts.status, ['intended', 'unknown']),
          and(eq(attempts.status, 'live'), lt(attempts.expiresAt, now())),
        ),
        gt(cursor, after),
      ),
    )
    .orderBy(asc(cursor))
    .limit(limit)
}

/** Each share of a succeeded payment is an invoice's to record; what came without an attempt is the named one's. */
const unrecorded: Finder<Row> = ({ db }, after, limit) => {
  const lagoInvoiceId = sql<string>`coalesce(${shares.lagoInvoiceId}, ${payments.lagoInvoiceId})`
  const cursor = sql<string>`${payments.dodoPaymentId} || ' ' || ${lagoInvoiceId}`
  return db
    .select({
      lagoInvoiceId,
      what: sql<string>`'payment ' || ${payments.dodoPaymentId} || ' is not recorded in Lago'`,
      cursor,
    })
    .from(payments)
    .leftJoin(shares, eq(shares.attemptId, payments.attemptId))
    .leftJoin(
      recordings,
      and(
        eq(recordings.dodoPaymentId, payments.dodoPaymentId),
        eq(recordings.lagoInvoiceId, lagoInvoiceId),
      ),
    )
    .where(
      and(
        eq(payments.status, 'succeeded'),
        eq(payments.isSetup, false),
        isNotNull(payments.lagoInvoiceId),
        or(isNull(recordings.status), inArray(recordings.status, ['intended', 'unknown'])),
        gt(cursor, after),
      ),
    )
    .orderBy(asc(cursor))
    .limit(limit)
}

const uncredited: Finder<Row> = ({ db }, after, limit) => {
  const cursor = sql<string>`${refunds.dodoRefundId} || ' ' || ${recordings.lagoInvoiceId}`
  return db
    .select({
      lagoInvoiceId: recordings.lagoInvoiceId,
      what: sql<string>`'refund ' || ${refunds.dodoRefundId} || ' has no credit note'`,
      cursor,
    })
    .from(refunds)
    .innerJoin(recordings, eq(recordings.dodoPaymentId, refunds.dodoPaymentId))
    .leftJoin(
      credits,
      and(
        eq(credits.dodoRefundId, refunds.dodoRefundId),
        eq(credits.lagoInvoiceId, recordings.lagoInvoiceId),
      ),
    )
    .leftJoin(refundOrders, eq(refundOrders.dodoRefundId, refunds.dodoRefundId))
    .where(
      and(
        // What gave back too much, or carried out a credit note, makes no other one.
        isNull(refundOrders.id),
        eq(refunds.status, 'succeeded'),
        eq(recordings.disposition, 'applied'),
        eq(recordings.status, 'recorded'),
        or(isNull(credits.status), inArray(credits.status, ['intended', 'unknown'])),
        gt(cursor, after),
      ),
    )
    .orderBy(asc(cursor))
    .limit(limit)
}

/** Refunds that we began to ask for. */
const begunRefunds: Finder<Row> = ({ db }, after, limit) => {
  const cursor = asText(refundOrders.id)
  return db
    .select({
      lagoInvoiceId: refundOrders.lagoInvoiceId,
      what: sql<string>`'a refund of payment ' || ${refundOrders.dodoPaymentId} || ' was begun'`,
      cursor,
    })
    .from(refundOrders)
    .where(and(inArray(refundOrders.status, ['intended', 'unknown']), gt(cursor, after)))
    .orderBy(asc(cursor))
    .limit(limit)
}

/** Credit notes that nobody has carried out. */
const wantedRefunds: Finder<Row> = ({ db }, after, limit) =>
  db
    .select({
      lagoInvoiceId: creditNotes.lagoInvoiceId,
      what: sql<string>`'credit note ' || ${creditNotes.lagoCreditNoteId} || ' is not refunded'`,
      cursor: creditNotes.lagoCreditNoteId,
    })
    .from(creditNotes)
    .where(and(eq(creditNotes.refundStatus, 'pending'), gt(creditNotes.lagoCreditNoteId, after)))
    .orderBy(asc(creditNotes.lagoCreditNoteId))
    .limit(limit)

const asText = (id: typeof refundOrders.id): SQL<string> => sql<string>`${id}::text`

const FINDERS: Record<string, Finder<Row>> = {
  troubled,
  unfinishedAttempts,
  unrecorded,
  uncredited,
  begunRefunds,
  wantedRefunds,
}
