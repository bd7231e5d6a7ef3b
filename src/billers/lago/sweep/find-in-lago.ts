import { and, asc, eq, gt, inArray, isNull, lt, or } from 'drizzle-orm'

import { isAnyOf, isNoneOf } from '../../../db/any-of.ts'
import { receivables } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import { whyNotAsked, whyTooOld } from '../decide/collectable.ts'
import type { CollectSince } from '../decide/invoice.ts'
import { asInvoice } from '../invoice.ts'
import type { LagoInvoice } from '../../../lago/objects.ts'
import type { About, Found } from '../../../collect/sweep/report-found.ts'

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
    const found = row || !old ? whyLookedAt(invoice, row, collectSince) : undefined
    if (found) judged.found.push(asFound(invoice.lago_id, found))
  }
  return judged
}

/** What was found, and of which kind it is. */
type Said = { what: string; kind: About['kind'] }

function whyLookedAt(
  invoice: LagoInvoice,
  row: Row | undefined,
  collectSince: CollectSince | null,
): Said | undefined {
  const { number } = invoice
  if (!row?.settledAt) return { what: `invoice ${number} was not known`, kind: 'invoice' }
  const changed = (how: string) => ({
    what: `invoice ${number} ${how}`,
    kind: 'invoice_changed' as const,
  })
  const isSame =
    row.lagoPaymentStatus === invoice.payment_status &&
    row.amountDue === invoice.total_due_amount_cents &&
    row.lagoStatus === invoice.status &&
    row.lagoUpdatedAt === (invoice.updated_at ?? null)
  if (!isSame) return changed('changed in Lago')
  // What Lago says is as it was, so it is COLLECT_SINCE that is another.
  const isAsked = whyNotAsked(asInvoice(invoice), { collectSince }) === undefined
  if (row.state === 'skipped' && isAsked) return changed('is to be collected now')
  const isCollected = row.state === 'open' || row.state === 'failed'
  const isTooOld = whyTooOld({ issuedOn: invoice.issuing_date }, { collectSince }) !== undefined
  return isCollected && isTooOld ? changed('is not to be collected any more') : undefined
}

/** An invoice that is to be looked at. */
export const asFound = (receivableId: string, { what, kind }: Said): Found => ({
  kind: 'settle' as const,
  key: receivableId,
  receivableId,
  what,
  about: { kind, id: receivableId },
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
    asFound(receivableId, {
      what: `invoice ${number ?? receivableId} is no longer unpaid in Lago`,
      kind: 'invoice_changed',
    }),
  )
}
