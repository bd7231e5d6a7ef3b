import { and, asc, eq } from 'drizzle-orm'

import { isAnyOf } from '../../../db/any-of.ts'
import { creditNotes, receivables, topUps } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import type { About } from '../../../collect/sweep/report-found.ts'
import { observeCreditNote, wantsRefund } from '../act/observe-credit-note.ts'
import { isHiddenTopUp } from '../top-up.ts'

type Searching = Pick<Deps, 'db' | 'lago' | 'now'>
type Found = { key: string; what: string; about: About }

/** Wallets are only listed by customer: so many customers, by lot, are asked for in one sweep. */
const CUSTOMERS_PER_SWEEP = 20
const NOTES_PER_SWEEP = 20
/** Bounds a listing whose pages never end. */
const MAX_PAGES = 1_000

/** Credit notes of the merchant's that want money given back; unless it is a dry run, what is new of them is written down. */
export async function findCreditNotes(
  { db, lago, now }: Searching,
  isDryRun: boolean,
): Promise<Found[]> {
  const settled = await findSettledNotes({ db, lago, now }, isDryRun)
  const wanted = (await lago.listPendingRefunds()).filter(wantsRefund)
  if (wanted.length === 0) return settled
  const ids = wanted.map(({ lago_id }) => lago_id)
  const held = await db.select().from(creditNotes).where(isAnyOf(creditNotes.creditNoteId, ids))
  const isKnown = new Set(
    held
      .filter(({ refundStatus }) => refundStatus === 'pending')
      .map(({ creditNoteId }) => creditNoteId),
  )
  const fresh = wanted.filter(({ lago_id }) => !isKnown.has(lago_id))
  for (const note of isDryRun ? [] : fresh)
    await observeCreditNote(db, note, { source: 'api', at: now() })
  const found = fresh.map(({ lago_id, lago_invoice_id }): Found => ({
    key: lago_invoice_id,
    what: `credit note ${lago_id} wants a refund`,
    about: { kind: 'credit_note', id: lago_id },
  }))
  return [...settled, ...found]
}

/** Notes that we could not carry out, and that the merchant has settled in Lago since. */
async function findSettledNotes({ db, lago, now }: Searching, isDryRun: boolean): Promise<Found[]> {
  const failed = await db
    .select()
    .from(creditNotes)
    .where(eq(creditNotes.refundStatus, 'failed'))
    .orderBy(asc(creditNotes.observedAt))
    .limit(NOTES_PER_SWEEP)
  const found: Found[] = []
  for (const { creditNoteId, receivableId } of failed) {
    const note = await lago.findCreditNote(creditNoteId)
    if (note?.refund_status !== 'succeeded') {
      // However many there are, each has its turn.
      if (!isDryRun)
        await db
          .update(creditNotes)
          .set({ observedAt: now() })
          .where(eq(creditNotes.creditNoteId, creditNoteId))
      continue
    }
    found.push({
      key: receivableId,
      what: `credit note ${creditNoteId} was settled in Lago`,
      about: { kind: 'other' },
    })
    if (isDryRun) continue
    await db
      .update(creditNotes)
      .set({ refundStatus: 'succeeded', reason: null, observedAt: now() })
      .where(eq(creditNotes.creditNoteId, creditNoteId))
  }
  return found
}

/** Payment requests that we have not heard of. They stay pending for ever, so only new ones count. */
export async function findPaymentRequests({ db, lago }: Searching, since: Date): Promise<Found[]> {
  const found: Found[] = []
  for (let page = 1; page <= MAX_PAGES; page += 1) {
    const { rows, isLast } = await lago.paymentRequestPage(page)
    const recent = rows.filter(({ created_at }) => created_at >= since)
    const ids = recent.map(({ lago_id }) => lago_id)
    const held = await db
      .select({ id: receivables.receivableId })
      .from(receivables)
      .where(and(eq(receivables.kind, 'payment_request'), isAnyOf(receivables.receivableId, ids)))
    const isKnown = new Set(held.map(({ id }) => id))
    found.push(
      ...ids
        .filter((id) => !isKnown.has(id))
        .map((key): Found => ({
          key,
          what: `payment request ${key} was not known`,
          about: { kind: 'payment_request', id: key },
        })),
    )
    // The newest come first.
    if (isLast || recent.length === 0) break
  }
  return found
}

/** Top-ups whose invoice Lago shows to nobody, found through the wallets of some customers. */
export async function findTopUps({ db, lago }: Searching): Promise<Found[]> {
  const first = await lago.listCustomers(1)
  const page = 1 + Math.floor(Math.random() * Math.max(first.pages, 1))
  const { lagoCustomerIds } = page === 1 ? first : await lago.listCustomers(page)
  const pending: string[] = []
  for (const payerKey of drawLots(lagoCustomerIds)) {
    for (const { lago_id } of await lago.listWallets(payerKey)) {
      const topUpsOfWallet = await lago.listPendingTopUps(lago_id)
      pending.push(...topUpsOfWallet.filter(isHiddenTopUp).map((one) => one.lago_id))
    }
  }
  if (pending.length === 0) return []
  const held = await db
    .select()
    .from(topUps)
    .where(isAnyOf(topUps.lagoWalletTransactionId, pending))
  const isKnown = new Set(held.map((one) => one.lagoWalletTransactionId))
  return pending
    .filter((key) => !isKnown.has(key))
    .map((key) => ({
      key,
      what: `top-up ${key} was not known`,
      about: { kind: 'top_up', id: key },
    }))
}

const drawLots = (ids: readonly string[]) =>
  ids
    .map((id) => ({ id, lot: Math.random() }))
    .toSorted((one, other) => one.lot - other.lot)
    .slice(0, CUSTOMERS_PER_SWEEP)
    .map(({ id }) => id)
