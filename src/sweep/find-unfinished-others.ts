import {
  and,
  asc,
  eq,
  exists,
  gt,
  inArray,
  isNotNull,
  ne,
  notExists,
  notInArray,
  or,
  sql,
} from 'drizzle-orm'
import { union } from 'drizzle-orm/pg-core'

import {
  attempts,
  bundleInvoices,
  bundles,
  disputes,
  invoices,
  payments,
  refunds,
} from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { takeTurns, type Finder } from './rotate.ts'

type Searching = Pick<Deps, 'db' | 'now'> & { isDryRun: boolean; isThorough: boolean }

/** Each costs a request to Dodo. */
const MAX_PAYMENTS = 100
const MAX_BUNDLES = 500
const FINAL = ['succeeded', 'failed', 'cancelled']
const DECIDED = [
  'dispute_won',
  'dispute_cancelled',
  'dispute_lost',
  'dispute_accepted',
  'dispute_expired',
]

/** Payments that Dodo is not done with, nor with a refund or a dispute of theirs: some at each sweep, in turn. */
export const findUnfinishedPayments = (deps: Searching) =>
  takeTurns(deps, 'payments', { find: unfinishedPayments, limit: MAX_PAYMENTS })

const unfinishedPayments: Finder<{ dodoPaymentId: string | null }> = async (
  { db },
  after,
  limit,
) => {
  const pending = db
    .select({ dodoPaymentId: payments.dodoPaymentId })
    .from(payments)
    .where(
      and(
        notInArray(payments.status, FINAL),
        isNotNull(payments.attemptId),
        gt(payments.dodoPaymentId, after),
      ),
    )
  const refunding = db
    .select({ dodoPaymentId: refunds.dodoPaymentId })
    .from(refunds)
    .where(
      and(notInArray(refunds.status, ['succeeded', 'failed']), gt(refunds.dodoPaymentId, after)),
    )
  const disputed = db
    .select({ dodoPaymentId: disputes.dodoPaymentId })
    .from(disputes)
    .where(and(notInArray(disputes.status, DECIDED), gt(disputes.dodoPaymentId, after)))
  const charged = db
    .select({ dodoPaymentId: sql<string>`${attempts.dodoPaymentId}` })
    .from(attempts)
    .where(
      and(
        eq(attempts.status, 'live'),
        isNotNull(attempts.dodoPaymentId),
        gt(attempts.dodoPaymentId, after),
        notExists(
          db
            .select()
            .from(payments)
            .where(eq(payments.dodoPaymentId, sql`${attempts.dodoPaymentId}`)),
        ),
      ),
    )
  const rows = await union(pending, refunding, disputed, charged)
    .orderBy(asc(sql`1`))
    .limit(limit)
  return rows.map(({ dodoPaymentId }) => ({ dodoPaymentId, cursor: dodoPaymentId }))
}

/** Payment requests that are not at rest, or are called settled while Lago shows that an invoice of them is owed. */
export async function findUnfinishedBundles(deps: Searching) {
  const rows = await takeTurns(deps, 'bundles', { find: unfinishedBundles, limit: MAX_BUNDLES })
  return rows.map(({ key }) => ({ key, what: 'a payment request is not at rest' }))
}

const unfinishedBundles: Finder<{ key: string }> = async ({ db }, after, limit) => {
  const key = sql<string>`${attempts.lagoPaymentRequestId}`
  const begun = db
    .select({ key })
    .from(attempts)
    .where(and(inArray(attempts.status, ['intended', 'unknown']), gt(key, after)))
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
  const restless = db
    .select({ key: bundles.lagoPaymentRequestId })
    .from(bundles)
    .where(
      and(
        gt(bundles.lagoPaymentRequestId, after),
        or(
          inArray(bundles.state, ['attention', 'processing']),
          and(eq(bundles.state, 'open'), eq(bundles.isPayable, false)),
          and(inArray(bundles.state, ['paid', 'void']), exists(owed)),
          // A wish that nobody has looked at.
          isNotNull(bundles.requestedAt),
        ),
      ),
    )
  const rows = await union(begun, restless)
    .orderBy(asc(sql`1`))
    .limit(limit)
  return rows.map((row) => ({ ...row, cursor: row.key }))
}
