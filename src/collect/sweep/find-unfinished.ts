import {
  and,
  asc,
  eq,
  gt,
  inArray,
  isNotNull,
  isNull,
  lt,
  notInArray,
  or,
  sql,
  type SQL,
} from 'drizzle-orm'

import {
  attempts,
  receivables,
  payments,
  recordings,
  refundOrders,
  shares,
} from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import { ASKING_KINDS } from '../receivable.ts'
import type { About } from './report-found.ts'
import { takeTurns, type Finder } from './rotate.ts'

type Searching = Pick<Deps, 'db' | 'now'> & { isDryRun: boolean; isThorough: boolean }
type Found = { receivableId: string; what: string; about: About }
type Row = { receivableId: string | null; what: string }
export type Finders = Record<string, Finder<Row>>

const UNFINISHED: About = { kind: 'unfinished' }
/** Of each kind, at one sweep. */
const MAX_FOUND = 500

/** What we ourselves have begun and not finished, or could not settle the last time. */
export const findUnfinished = (deps: Searching) => findEach(deps, FINDERS)

/** What each of some finders finds: some at each sweep, in turn. */
export async function findEach(deps: Searching, finders: Finders): Promise<Found[]> {
  const found: Found[] = []
  for (const [name, find] of Object.entries(finders)) {
    const rows = await takeTurns(deps, name, { find, limit: MAX_FOUND })
    found.push(
      ...rows.flatMap(({ receivableId, what }) =>
        receivableId ? [{ receivableId, what, about: UNFINISHED }] : [],
      ),
    )
  }
  return found
}

const troubled: Finder<Row> = ({ db }, after, limit) =>
  db
    .select({
      receivableId: receivables.receivableId,
      what: sql<string>`'needs attention: ' || ${receivables.reason}`,
      cursor: receivables.receivableId,
    })
    .from(receivables)
    .where(
      and(
        notInArray(receivables.kind, [...ASKING_KINDS]),
        eq(receivables.state, 'attention'),
        gt(receivables.receivableId, after),
      ),
    )
    .orderBy(asc(receivables.receivableId))
    .limit(limit)

const unfinishedAttempts: Finder<Row> = ({ db, now }, after, limit) => {
  const cursor = sql<string>`${shares.attemptId} || ' ' || ${shares.receivableId}`
  return db
    .select({
      receivableId: shares.receivableId,
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

/** Each part of a succeeded payment is for its books to record; what came without an attempt is the named one's. */
const unrecorded: Finder<Row> = ({ db }, after, limit) => {
  const receivableId = sql<string>`coalesce(${shares.receivableId}, ${payments.receivableId})`
  const cursor = sql<string>`${payments.dodoPaymentId} || ' ' || ${receivableId}`
  return db
    .select({
      receivableId,
      what: sql<string>`'payment ' || ${payments.dodoPaymentId} ||
        case when starts_with(${receivableId}, 'ord_') then ' is not judged yet' else ' is not recorded in Lago' end`,
      cursor,
    })
    .from(payments)
    .leftJoin(shares, eq(shares.attemptId, payments.attemptId))
    .leftJoin(
      recordings,
      and(
        eq(recordings.dodoPaymentId, payments.dodoPaymentId),
        eq(recordings.receivableId, receivableId),
      ),
    )
    .where(
      and(
        eq(payments.status, 'succeeded'),
        eq(payments.isSetup, false),
        isNotNull(payments.receivableId),
        or(isNull(recordings.status), inArray(recordings.status, ['intended', 'unknown'])),
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
      receivableId: refundOrders.receivableId,
      what: sql<string>`'a refund of payment ' || ${refundOrders.dodoPaymentId} || ' was begun'`,
      cursor,
    })
    .from(refundOrders)
    .where(and(inArray(refundOrders.status, ['intended', 'unknown']), gt(cursor, after)))
    .orderBy(asc(cursor))
    .limit(limit)
}

const asText = (id: typeof refundOrders.id): SQL<string> => sql<string>`${id}::text`

const FINDERS: Finders = {
  troubled,
  unfinishedAttempts,
  unrecorded,
  begunRefunds,
}
