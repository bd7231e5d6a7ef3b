import { and, asc, eq, inArray, isNotNull, isNull, lt, notInArray, or, sql } from 'drizzle-orm'

import {
  attempts,
  credits,
  deliveries,
  invoices,
  payments,
  recordings,
  refunds,
} from '../db/schema.ts'
import type { Deps } from '../deps.ts'

type Searching = Pick<Deps, 'db' | 'now'>
type Found = { lagoInvoiceId: string; what: string }

/** A delivery has its job; one that is unread after this long has lost it. */
const UNREAD_MS = 60_000
const MAX_FOUND = 500
const FINAL = ['succeeded', 'failed', 'cancelled']

/** What we ourselves have begun and not finished, or could not settle the last time. */
export async function findUnfinished(deps: Searching): Promise<Found[]> {
  const found = [
    ...(await findTroubled(deps)),
    ...(await findUnreadDeliveries(deps)),
    ...(await findUnfinishedAttempts(deps)),
    ...(await findUnrecorded(deps)),
    ...(await findUncredited(deps)),
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

const findUnreadDeliveries = ({ db, now }: Searching) =>
  db
    .selectDistinct({
      lagoInvoiceId: deliveries.lagoInvoiceId,
      what: sql<string>`'a delivery has not been read'`,
    })
    .from(deliveries)
    .where(
      and(
        isNull(deliveries.processedAt),
        isNotNull(deliveries.lagoInvoiceId),
        lt(deliveries.receivedAt, new Date(now().getTime() - UNREAD_MS)),
      ),
    )
    .limit(MAX_FOUND)

const findUnfinishedAttempts = ({ db, now }: Searching) =>
  db
    .select({
      lagoInvoiceId: attempts.lagoInvoiceId,
      what: sql<string>`'an attempt is not finished'`,
    })
    .from(attempts)
    .where(
      or(
        inArray(attempts.status, ['intended', 'unknown']),
        and(eq(attempts.status, 'live'), lt(attempts.expiresAt, now())),
      ),
    )
    .orderBy(asc(attempts.lookedAt))
    .limit(MAX_FOUND)

const findUnrecorded = ({ db }: Searching) =>
  db
    .select({
      lagoInvoiceId: payments.lagoInvoiceId,
      what: sql<string>`'payment ' || ${payments.dodoPaymentId} || ' is not recorded in Lago'`,
    })
    .from(payments)
    .leftJoin(recordings, eq(recordings.dodoPaymentId, payments.dodoPaymentId))
    .where(
      and(
        eq(payments.status, 'succeeded'),
        eq(payments.isSetup, false),
        isNotNull(payments.lagoInvoiceId),
        or(isNull(recordings.status), inArray(recordings.status, ['intended', 'unknown'])),
      ),
    )
    .limit(MAX_FOUND)

const findUncredited = ({ db }: Searching) =>
  db
    .select({
      lagoInvoiceId: recordings.lagoInvoiceId,
      what: sql<string>`'refund ' || ${refunds.dodoRefundId} || ' has no credit note'`,
    })
    .from(refunds)
    .innerJoin(recordings, eq(recordings.dodoPaymentId, refunds.dodoPaymentId))
    .leftJoin(credits, eq(credits.dodoRefundId, refunds.dodoRefundId))
    .where(
      and(
        eq(refunds.status, 'succeeded'),
        eq(recordings.disposition, 'applied'),
        eq(recordings.status, 'recorded'),
        or(isNull(credits.status), inArray(credits.status, ['intended', 'unknown'])),
      ),
    )
    .limit(MAX_FOUND)

/** Payments that Dodo is not done with, nor with a refund of theirs, and those that a delivery named and nobody has read yet. */
export async function findUnreadPayments({
  db,
  now,
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
  const unread = await db
    .selectDistinct({ dodoPaymentId: deliveries.dodoPaymentId })
    .from(deliveries)
    .where(
      and(
        isNull(deliveries.processedAt),
        isNull(deliveries.lagoInvoiceId),
        isNotNull(deliveries.dodoPaymentId),
        lt(deliveries.receivedAt, new Date(now().getTime() - UNREAD_MS)),
      ),
    )
    .limit(MAX_FOUND)
  return [...pending, ...refunding, ...unread].flatMap(({ dodoPaymentId }) =>
    dodoPaymentId ? [{ dodoPaymentId }] : [],
  )
}
