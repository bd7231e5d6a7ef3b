import { and, asc, eq, gt, isNotNull, notExists, notInArray, sql } from 'drizzle-orm'
import { union } from 'drizzle-orm/pg-core'

import { attempts, disputes, payments, refunds } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { takeTurns, type Finder } from './rotate.ts'

type Searching = Pick<Deps, 'db' | 'now'> & { isDryRun: boolean; isThorough: boolean }

/** Each costs a request to Dodo. */
const MAX_PAYMENTS = 100
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
