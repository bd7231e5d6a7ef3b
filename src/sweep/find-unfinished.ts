import {
  and,
  asc,
  eq,
  exists,
  gt,
  inArray,
  isNotNull,
  isNull,
  lt,
  ne,
  notExists,
  notInArray,
  or,
  sql,
} from 'drizzle-orm'

import {
  attempts,
  bundleInvoices,
  bundles,
  creditNotes,
  credits,
  deliveries,
  disputes,
  invoices,
  payments,
  recordings,
  refundOrders,
  refunds,
  shares,
} from '../db/schema.ts'
import type { Deps } from '../deps.ts'

type Searching = Pick<Deps, 'db' | 'now'>
type Found = { lagoInvoiceId: string; what: string }

/** A delivery has its job; one that is unread after this long has lost it. */
const UNREAD_MS = 60_000
const MAX_FOUND = 500
const FINAL = ['succeeded', 'failed', 'cancelled']
const DECIDED = [
  'dispute_won',
  'dispute_cancelled',
  'dispute_lost',
  'dispute_accepted',
  'dispute_expired',
]

/** What we ourselves have begun and not finished, or could not settle the last time. */
export async function findUnfinished(deps: Searching): Promise<Found[]> {
  const found = [
    ...(await findTroubled(deps)),
    ...(await findUnfinishedAttempts(deps)),
    ...(await findUnrecorded(deps)),
    ...(await findUncredited(deps)),
    ...(await findUnrefunded(deps)),
  ]
  return found.flatMap(({ lagoInvoiceId, what }) =>
    lagoInvoiceId ? [{ lagoInvoiceId, what }] : [],
  )
}

const findTroubled = ({ db }: Searching) =>
  db
    .select({
      lagoInvoiceId: invoices.lagoInvoiceId,
      what: sql<string>`'needs attention: ' || ${invoices.reason}`,
    })
    .from(invoices)
    .where(eq(invoices.state, 'attention'))
    .orderBy(asc(invoices.settledAt))
    .limit(MAX_FOUND)

const findUnfinishedAttempts = ({ db, now }: Searching) =>
  db
    .select({
      lagoInvoiceId: shares.lagoInvoiceId,
      what: sql<string>`'an attempt is not finished'`,
    })
    .from(attempts)
    .innerJoin(shares, eq(shares.attemptId, attempts.id))
    .where(
      or(
        inArray(attempts.status, ['intended', 'unknown']),
        and(eq(attempts.status, 'live'), lt(attempts.expiresAt, now())),
      ),
    )
    .orderBy(asc(attempts.lookedAt))
    .limit(MAX_FOUND)

/** Each share of a succeeded payment is an invoice's to record; what came without an attempt is the named one's. */
const findUnrecorded = ({ db }: Searching) => {
  const lagoInvoiceId = sql<string>`coalesce(${shares.lagoInvoiceId}, ${payments.lagoInvoiceId})`
  return db
    .select({
      lagoInvoiceId,
      what: sql<string>`'payment ' || ${payments.dodoPaymentId} || ' is not recorded in Lago'`,
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
      ),
    )
    .limit(MAX_FOUND)
}

const findUncredited = ({ db }: Searching) =>
  db
    .select({
      lagoInvoiceId: recordings.lagoInvoiceId,
      what: sql<string>`'refund ' || ${refunds.dodoRefundId} || ' has no credit note'`,
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
      ),
    )
    .limit(MAX_FOUND)

/** Refunds that we began to ask for, and credit notes that nobody has carried out. */
async function findUnrefunded({ db }: Searching) {
  const begun = await db
    .select({
      lagoInvoiceId: refundOrders.lagoInvoiceId,
      what: sql<string>`'a refund of payment ' || ${refundOrders.dodoPaymentId} || ' was begun'`,
    })
    .from(refundOrders)
    .where(inArray(refundOrders.status, ['intended', 'unknown']))
    .limit(MAX_FOUND)
  const wanted = await db
    .select({
      lagoInvoiceId: creditNotes.lagoInvoiceId,
      what: sql<string>`'credit note ' || ${creditNotes.lagoCreditNoteId} || ' is not refunded'`,
    })
    .from(creditNotes)
    .where(eq(creditNotes.refundStatus, 'pending'))
    .limit(MAX_FOUND)
  return [...begun, ...wanted]
}

/** Payment requests that are not at rest, or are called settled while Lago shows that an invoice of them is owed. */
export async function findUnfinishedBundles({ db }: Searching) {
  const begun = await db
    .selectDistinct({ key: attempts.lagoPaymentRequestId })
    .from(attempts)
    .where(
      and(
        isNotNull(attempts.lagoPaymentRequestId),
        inArray(attempts.status, ['intended', 'unknown']),
      ),
    )
    .limit(MAX_FOUND)
  const owed = db
    .select({ is: sql`1` })
    .from(bundleInvoices)
    .innerJoin(invoices, eq(invoices.lagoInvoiceId, bundleInvoices.lagoInvoiceId))
    .where(
      and(
        eq(bundleInvoices.lagoPaymentRequestId, bundles.lagoPaymentRequestId),
        eq(invoices.lagoStatus, 'finalized'),
        ne(invoices.lagoPaymentStatus, 'succeeded'),
        gt(invoices.amountDue, 0),
      ),
    )
  const restless = await db
    .select({ key: bundles.lagoPaymentRequestId })
    .from(bundles)
    .where(
      or(
        inArray(bundles.state, ['attention', 'processing']),
        and(eq(bundles.state, 'open'), eq(bundles.isPayable, false)),
        and(inArray(bundles.state, ['paid', 'void']), exists(owed)),
        // A wish that nobody has looked at.
        isNotNull(bundles.requestedAt),
      ),
    )
    .orderBy(sql`${bundles.settledAt} asc nulls first`)
    .limit(MAX_FOUND)
  return [...begun, ...restless].flatMap(({ key }) =>
    key ? [{ key, what: 'a payment request is not at rest' }] : [],
  )
}

/** What deliveries made us look at, and nobody has: each has its job; one unread after so long has lost it. */
export const findUnread = ({ db, now }: Searching) =>
  db
    .selectDistinct({ wakes: deliveries.wakes, key: deliveries.wakesKey })
    .from(deliveries)
    .where(
      and(
        isNull(deliveries.processedAt),
        isNotNull(deliveries.wakes),
        lt(deliveries.receivedAt, new Date(now().getTime() - UNREAD_MS)),
      ),
    )
    .limit(MAX_FOUND)

/** Payments that Dodo is not done with, nor with a refund or a dispute of theirs. */
export async function findUnfinishedPayments({
  db,
}: Searching): Promise<{ dodoPaymentId: string }[]> {
  const pending = await db
    .select({ dodoPaymentId: payments.dodoPaymentId })
    .from(payments)
    .where(and(notInArray(payments.status, FINAL), isNotNull(payments.attemptId)))
    .orderBy(asc(payments.observedAt))
    .limit(MAX_FOUND)
  const refunding = await db
    .selectDistinct({ dodoPaymentId: refunds.dodoPaymentId })
    .from(refunds)
    .where(notInArray(refunds.status, ['succeeded', 'failed']))
    .limit(MAX_FOUND)
  const disputed = await db
    .selectDistinct({ dodoPaymentId: disputes.dodoPaymentId })
    .from(disputes)
    .where(notInArray(disputes.status, DECIDED))
    .limit(MAX_FOUND)
  const charged = await db
    .select({ dodoPaymentId: attempts.dodoPaymentId })
    .from(attempts)
    .where(
      and(
        eq(attempts.status, 'live'),
        isNotNull(attempts.dodoPaymentId),
        notExists(
          db
            .select()
            .from(payments)
            .where(eq(payments.dodoPaymentId, sql`${attempts.dodoPaymentId}`)),
        ),
      ),
    )
    .limit(MAX_FOUND)
  return [...pending, ...refunding, ...disputed, ...charged].flatMap(({ dodoPaymentId }) =>
    dodoPaymentId ? [{ dodoPaymentId }] : [],
  )
}
