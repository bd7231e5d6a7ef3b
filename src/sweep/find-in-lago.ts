import { and, inArray, notInArray } from 'drizzle-orm'

import { invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { rememberPayLinks } from '../settle/pay-token.ts'

type Searching = Pick<Deps, 'db' | 'lago' | 'now'>
type Found = { lagoInvoiceId: string; what: string }

/** Invoices that Lago holds for unpaid and we do not, or the other way about, or that changed since we looked. */
export async function findInLago(deps: Searching, isDryRun: boolean): Promise<Found[]> {
  const { db, lago } = deps
  const listed = await lago.listUnpaidInvoices()
  // Their turn to be settled may come much later, and customers hold their links now.
  if (!isDryRun) await rememberPayLinks(deps, listed)
  const ids = listed.map(({ lago_id }) => lago_id)
  const held = ids.length
    ? await db.select().from(invoices).where(inArray(invoices.lagoInvoiceId, ids))
    : []
  const known = new Map(held.map((row) => [row.lagoInvoiceId, row]))

  const changed = listed.flatMap((invoice) => {
    const row = known.get(invoice.lago_id)
    if (!row?.settledAt)
      return [{ lagoInvoiceId: invoice.lago_id, what: `invoice ${invoice.number} was not known` }]
    const isSame =
      row.lagoPaymentStatus === invoice.payment_status &&
      row.amountDue === invoice.total_due_amount_cents &&
      row.lagoStatus === invoice.status &&
      row.lagoUpdatedAt === (invoice.updated_at ?? null)
    return isSame
      ? []
      : [{ lagoInvoiceId: invoice.lago_id, what: `invoice ${invoice.number} changed in Lago` }]
  })
  return [...changed, ...(await findGone({ db }, ids))]
}

/** What we wait to be paid, and Lago no longer lists as unpaid: paid by other means, void or deleted. */
async function findGone({ db }: Pick<Searching, 'db'>, listedIds: string[]): Promise<Found[]> {
  const waiting = inArray(invoices.state, ['open', 'processing', 'failed'])
  const gone = await db
    .select()
    .from(invoices)
    .where(listedIds.length ? and(waiting, notInArray(invoices.lagoInvoiceId, listedIds)) : waiting)
  return gone.map(({ lagoInvoiceId, number }) => ({
    lagoInvoiceId,
    what: `invoice ${number ?? lagoInvoiceId} is no longer unpaid in Lago`,
  }))
}
