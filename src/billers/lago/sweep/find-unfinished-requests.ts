import { and, asc, eq, exists, gt, inArray, isNotNull, ne, or, sql } from 'drizzle-orm'
import { alias, union } from 'drizzle-orm/pg-core'

import type { About } from '../../../collect/sweep/report-found.ts'
import { takeTurns, type Finder } from '../../../collect/sweep/rotate.ts'
import { ASKING_KINDS } from '../../../collect/receivable.ts'
import { attempts, members, receivables } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'

type Searching = Pick<Deps, 'db' | 'now'> & { isDryRun: boolean; isThorough: boolean }

const MAX_REQUESTS = 500

/** Payment requests that are not at rest, or are called settled while Lago shows that an invoice of them is owed. */
export async function findUnfinishedRequests(deps: Searching) {
  const rows = await takeTurns(deps, 'bundles', { find: unfinishedRequests, limit: MAX_REQUESTS })
  const about: About = { kind: 'unfinished' }
  return rows.map(({ key }) => ({ key, what: 'a payment request is not at rest', about }))
}

const unfinishedRequests: Finder<{ key: string }> = async ({ db }, after, limit) => {
  const key = attempts.receivableId
  const begun = db
    .select({ key })
    .from(attempts)
    .innerJoin(receivables, eq(receivables.receivableId, key))
    .where(
      and(
        inArray(receivables.kind, ASKING_KINDS),
        inArray(attempts.status, ['intended', 'unknown']),
        gt(key, after),
      ),
    )
  const invoice = alias(receivables, 'invoice')
  const owed = db
    .select({ is: sql`1` })
    .from(members)
    .innerJoin(invoice, eq(invoice.receivableId, members.memberId))
    .where(
      and(
        eq(members.receivableId, receivables.receivableId),
        eq(invoice.lagoStatus, 'finalized'),
        ne(invoice.lagoPaymentStatus, 'succeeded'),
        gt(invoice.amountDue, 0),
      ),
    )
  const restless = db
    .select({ key: receivables.receivableId })
    .from(receivables)
    .where(
      and(
        inArray(receivables.kind, ASKING_KINDS),
        gt(receivables.receivableId, after),
        or(
          inArray(receivables.state, ['attention', 'processing']),
          and(eq(receivables.state, 'open'), eq(receivables.isPayable, false)),
          and(inArray(receivables.state, ['paid', 'void']), exists(owed)),
          // A wish that nobody has looked at.
          isNotNull(receivables.requestedAt),
        ),
      ),
    )
  const rows = await union(begun, restless)
    .orderBy(asc(sql`1`))
    .limit(limit)
  return rows.map((row) => ({ ...row, cursor: row.key }))
}
