import {
  and,
  asc,
  eq,
  exists,
  gt,
  isNotNull,
  lt,
  ne,
  not,
  notExists,
  notInArray,
  sql,
} from 'drizzle-orm'
import { union, type AnyPgColumn } from 'drizzle-orm/pg-core'

import { keyIn } from '../../account-key.ts'
import { attempts, disputes, payments, refunds } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import { UNBEGUN } from '../ledger.ts'
import { takeTurns, type Finder } from './rotate.ts'

type Searching = Pick<Deps, 'account' | 'db' | 'now'> & { isDryRun: boolean; isThorough: boolean }

/** By then whoever paid in the last moment has been seen. */
const OVER_FOR_MS = 3_600_000
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
  takeTurns(deps, keyIn(deps.account, 'payments'), {
    find: (within, after, limit) =>
      unfinishedPayments({ ...within, account: deps.account, now: deps.now }, after, limit),
    limit: MAX_PAYMENTS,
  })

type Found = Awaited<ReturnType<Finder<{ dodoPaymentId: string | null }>>>

async function unfinishedPayments(
  { account, db, now }: Pick<Deps, 'account' | 'db' | 'now'>,
  after: string,
  limit: number,
): Promise<Found> {
  const isOfThis = eq(payments.account, account)
  const isPaidOf = (dodoPaymentId: AnyPgColumn) =>
    exists(
      db
        .select()
        .from(payments)
        .where(and(eq(payments.dodoPaymentId, dodoPaymentId), isOfThis)),
    )
  const pending = db
    .select({ dodoPaymentId: payments.dodoPaymentId })
    .from(payments)
    .where(
      and(
        isOfThis,
        notInArray(payments.status, FINAL),
        isNotNull(payments.attemptId),
        gt(payments.dodoPaymentId, after),
        not(isUnusedForGood(db, now())),
      ),
    )
  const refunding = db
    .select({ dodoPaymentId: refunds.dodoPaymentId })
    .from(refunds)
    .where(
      and(
        notInArray(refunds.status, ['succeeded', 'failed']),
        gt(refunds.dodoPaymentId, after),
        isPaidOf(refunds.dodoPaymentId),
      ),
    )
  const disputed = db
    .select({ dodoPaymentId: disputes.dodoPaymentId })
    .from(disputes)
    .where(
      and(
        notInArray(disputes.status, DECIDED),
        gt(disputes.dodoPaymentId, after),
        isPaidOf(disputes.dodoPaymentId),
      ),
    )
  const charged = db
    .select({ dodoPaymentId: sql<string>`${attempts.dodoPaymentId}` })
    .from(attempts)
    .where(
      and(
        eq(attempts.account, account),
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

/** A checkout in which nobody has paid, and by now nobody can: its payment would be asked about for ever. */
const isUnusedForGood = (db: Deps['db'], now: Date) =>
  and(
    eq(payments.status, UNBEGUN),
    exists(
      db
        .select()
        .from(attempts)
        .where(
          and(
            eq(attempts.id, payments.attemptId),
            ne(attempts.kind, 'charge'),
            lt(attempts.expiresAt, new Date(now.getTime() - OVER_FOR_MS)),
          ),
        ),
    ),
  ) ?? sql`false`
