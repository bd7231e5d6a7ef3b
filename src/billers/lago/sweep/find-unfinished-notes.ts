import { and, asc, eq, gt, inArray, isNull, ne, or, sql } from 'drizzle-orm'

import { findEach, type Finders } from '../../../collect/sweep/find-unfinished.ts'
import {
  creditNotes,
  credits,
  receivables,
  recordings,
  refundOrders,
  refunds,
} from '../../../db/schema.ts'

const uncredited: Finders[string] = ({ db }, after, limit) => {
  const cursor = sql<string>`${refunds.dodoRefundId} || ' ' || ${recordings.receivableId}`
  return db
    .select({
      receivableId: recordings.receivableId,
      what: sql<string>`'refund ' || ${refunds.dodoRefundId} || ' has no credit note'`,
      cursor,
    })
    .from(refunds)
    .innerJoin(recordings, eq(recordings.dodoPaymentId, refunds.dodoPaymentId))
    .innerJoin(receivables, eq(receivables.receivableId, recordings.receivableId))
    .leftJoin(
      credits,
      and(
        eq(credits.dodoRefundId, refunds.dodoRefundId),
        eq(credits.receivableId, recordings.receivableId),
      ),
    )
    .leftJoin(refundOrders, eq(refundOrders.dodoRefundId, refunds.dodoRefundId))
    .where(
      and(
        // Of an order Lago knows nothing.
        ne(receivables.kind, 'order'),
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

/** Credit notes that nobody has carried out. */
const wantedRefunds: Finders[string] = ({ db }, after, limit) =>
  db
    .select({
      receivableId: creditNotes.receivableId,
      what: sql<string>`'credit note ' || ${creditNotes.creditNoteId} || ' is not refunded'`,
      cursor: creditNotes.creditNoteId,
    })
    .from(creditNotes)
    .where(and(eq(creditNotes.refundStatus, 'pending'), gt(creditNotes.creditNoteId, after)))
    .orderBy(asc(creditNotes.creditNoteId))
    .limit(limit)

/** Refunds that Lago does not know, and those that it wants and nobody has made. */
export const findUnfinishedNotes = (deps: Parameters<typeof findEach>[0]) =>
  findEach(deps, { uncredited, wantedRefunds })
