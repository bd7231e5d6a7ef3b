import { and, asc, eq, gt, inArray, isNull, lt, or } from 'drizzle-orm'

import { isAnyOf, isNoneOf } from '../../../db/any-of.ts'
import { receivables } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import { whyTooOld } from '../decide/collectable.ts'
import type { CollectSince } from '../decide/invoice.ts'
import type { LagoInvoice } from '../../../lago/objects.ts'
import type { Found } from '../../../collect/sweep/report-found.ts'

type Searching = Pick<Deps, 'db' | 'now'>
type Row = typeof receivables.$inferSelect
/** What of a page is to be looked at, and what is new to us and not to be collected. */
type Judged = { found: Found[]; tooOld: { invoice: LagoInvoice; reason: string }[] }

const BATCH = 1_000

/** Invoices of a page of unpaid ones that we do not hold for unpaid, or that changed since we looked. */
export async function judgeUnpaid(
  { db }: Searching,
  page: readonly LagoInvoice[],
  collectSince: CollectSince | null,
): Promise<Judged> {
  const ids = page.map(({ lago_id }) => lago_id)
  const held = await db.select().from(receivables).where(isAnyOf(receivables.receivableId, ids))
  const known = new Map(held.map((row) => [row.receivableId, row]))
  const judged: Judged = { found: [], tooOld: [] }
  for (const invoice of page) {
    const row = known.get(invoice.lago_id)
    const old = whyTooOld({ issuedOn: invoice.issuing_date }, { collectSince })
    if (!row && old) judged.tooOld.push({ invoice, reason: old.reason })
    const what = row || !old ? whyLookedAt(invoice, row, old?.reason) : undefined
    if (what) judged.found.push(asFound(invoice.lago_id, what))
  }
  return judged
}

const SKIPPED_AS_OLD = /^(older than this installation|issued before COLLECT_SINCE)/

function whyLookedAt(
  invoice: LagoInvoice,
  row: Row | undefined,
  tooOld: string | undefined,
): string | undefined {
  const { number } = invoice
  if (!row?.settledAt) return `invoice ${number} was not known`
  const isSame =
    row.lagoPaymentStatus === invoice.payment_status &&
    row.amountDue === invoice.total_due_amount_cents &&
    row.lagoStatus === invoice.status &&
    row.lagoUpdatedAt === (invoice.updated_at ?? null)
  if (!isSame) return `invoice ${number} changed in Lago`
  const wasTooOld = row.state === 'skipped' && SKIPPED_AS_OLD.test(row.reason)
  if (wasTooOld && !tooOld) return `invoice ${number} is to be collected now`
  const isCollected = row.state === 'open' || row.state === 'failed'
  return isCollected && tooOld ? `invoice ${number} is not to be collected any more` : undefined
}

const asFound = (receivableId: string, what: string): Found => ({
  kind: 'settle' as const,
  key: receivableId,
  receivableId,
  what,
})

/** Remembers that Lago showed them as unpaid. */
export const markListed = ({ db }: Searching, ids: readonly string[], at: Date) =>
  db.update(receivables).set({ listedAt: at }).where(isAnyOf(receivables.receivableId, ids))

/**
 * What we wait to be paid, and Lago has not listed as unpaid since then: paid by other means, void or deleted; or
 * passed over because the rows shifted while the pages were read, which costs a look.
 */
export async function findGone(
  { db }: Searching,
  listed: { since: Date; seen: ReadonlySet<string> },
  after: string,
): Promise<Found[]> {
  const gone = await db
    .select({ receivableId: receivables.receivableId, number: receivables.number })
    .from(receivables)
    .where(
      and(
        eq(receivables.kind, 'invoice'),
        inArray(receivables.state, ['open', 'processing', 'failed']),
        lt(receivables.createdAt, listed.since),
        or(isNull(receivables.listedAt), lt(receivables.listedAt, listed.since)),
        listed.seen.size > 0 ? isNoneOf(receivables.receivableId, [...listed.seen]) : undefined,
        gt(receivables.receivableId, after),
      ),
    )
    .orderBy(asc(receivables.receivableId))
    .limit(BATCH)
  return gone.map(({ receivableId, number }) =>
    asFound(receivableId, `invoice ${number ?? receivableId} is no longer unpaid in Lago`),
  )
}
