import { between, or } from 'drizzle-orm'

import { isAnyOf } from '../db/any-of.ts'
import { payments, recordings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoPaymentRow } from '../dodo/objects.ts'
import type { LagoInvoice, LagoPaymentRow } from '../lago/objects.ts'
import type { Entry } from './compare-ledgers.ts'
import { asEntries, type About, type Held } from './entries.ts'
import { readOwnParts, type OwnPart } from './own-ledger.ts'
import type { Period } from './period.ts'
import { readRefundEntries } from './read-refund-entries.ts'

type Reading = Pick<Deps, 'db' | 'dodo' | 'lago'>
type DodoSide = Pick<DodoPaymentRow, 'status' | 'currency' | 'total_amount' | 'created_at'> & {
  metadata: Record<string, string>
}

/** How Dodo's payment ids look, in whatever words a person wrote one down; other references are other people's payments. */
const DODO_PAYMENT_ID = /\bpay_\w+/iu
const PARALLEL_READS = 8

/** Every payment and refund of the period, as Dodo, Lago and the bridge's own ledger each hold it. */
export async function readEntries(deps: Reading, period: Period): Promise<Entry[]> {
  const { from, until } = period
  const { isOurs, inDodo } = await readDodoPayments(deps, period)
  const { byReference, recordedInPeriod } = await readLagoPayments(deps, period, inDodo)
  const isTaken = (one: DodoSide | undefined): one is DodoSide =>
    one?.status === 'succeeded' && isOurs(one)
  const listed = [
    ...[...inDodo].filter(([, one]) => isTaken(one)).map(([id]) => id),
    ...recordedInPeriod,
  ]
  const isWanted = or(
    between(payments.madeAt, from, until),
    isAnyOf(payments.dodoPaymentId, listed),
  )
  const own = await readOwnParts(deps, isWanted)
  const ids = [...new Set([...listed, ...own.keys()])]
  const ofPayments = await inBatches(ids, async (id): Promise<Entry[]> => {
    const known = own.get(id) ?? []
    if (known.some(({ isSetup }) => isSetup)) return []
    const dodo = inDodo.get(id) ?? (await deps.dodo.findPayment(id))
    // What Lago was told of later, by hand, is in the statement of the days when it was paid.
    const paidAt = known[0]?.madeAt ?? (isTaken(dodo) ? dodo.created_at : undefined)
    if (paidAt && (paidAt < from || paidAt > until)) return []
    return describePayment(deps, { id, dodo, own: known, recorded: byReference.get(id) ?? [] })
  })
  const refunds = await readRefundEntries(deps, period, async (dodoPaymentId) => {
    const payment = inDodo.get(dodoPaymentId) ?? (await deps.dodo.findPayment(dodoPaymentId))
    return payment !== undefined && isOurs(payment) ? payment : undefined
  })
  return [...ofPayments, ...refunds].toSorted(
    (one, other) => one.madeAt.getTime() - other.madeAt.getTime(),
  )
}

async function readDodoPayments({ dodo, lago }: Reading, { from, until }: Period) {
  const organizationId = await lago.getOrganizationId()
  const listed = await dodo.listPaymentsSince(from, until)
  const inDodo = new Map<string, DodoSide>(listed.map((one) => [one.payment_id, one]))
  /** One Dodo account may serve several Lago organisations, each with a bridge. */
  const isOurs = ({ metadata }: DodoSide) =>
    metadata['lago_invoice_id'] !== undefined &&
    (metadata['lago_organization_id'] ?? organizationId) === organizationId
  return { isOurs, inDodo }
}

async function readLagoPayments(
  { db, lago }: Reading,
  { from, until }: Period,
  inDodo: ReadonlyMap<string, unknown>,
) {
  const listed = await lago.listAllPayments()
  const adopted = await readAdopted(
    db,
    listed.filter(({ reference }) => !isOnlyAnId(reference)),
  )
  const written = new Map(
    [...inDodo.keys(), ...adopted.values()].map((id) => [id.toLowerCase(), id] as const),
  )
  const idOf = ({ lago_id, reference }: LagoPaymentRow) => {
    const [named] = DODO_PAYMENT_ID.exec(reference ?? '') ?? []
    return adopted.get(lago_id) ?? written.get(named?.toLowerCase() ?? '') ?? named
  }
  const ofDodo = listed.filter((one) => idOf(one) !== undefined)
  const byReference = Map.groupBy(ofDodo, (one) => idOf(one) ?? '')
  const recordedInPeriod = [...byReference]
    .filter(([, [first]]) => first && first.created_at >= from && first.created_at <= until)
    .map(([reference]) => reference)
  return { byReference, recordedInPeriod }
}

const isOnlyAnId = (reference: string | null | undefined) => /^pay_\w+$/u.test(reference ?? '')

/** What a person wrote down in other words, and the bridge took for a payment of Dodo's: Lago's id, and Dodo's. */
async function readAdopted(db: Reading['db'], rows: readonly LagoPaymentRow[]) {
  const found = await db
    .select({ booksPaymentId: recordings.booksPaymentId, id: recordings.dodoPaymentId })
    .from(recordings)
    .where(
      isAnyOf(
        recordings.booksPaymentId,
        rows.map(({ lago_id }) => lago_id),
      ),
    )
  return new Map(found.map(({ booksPaymentId, id }) => [booksPaymentId ?? '', id]))
}

/** A payment as each side has it. */
type Found = {
  id: string
  dodo: DodoSide | undefined
  own: readonly OwnPart[]
  recorded: readonly LagoPaymentRow[]
}

/** An entry for each invoice that the payment is for. */
async function describePayment(deps: Reading, found: Found): Promise<Entry[]> {
  const { id, dodo, own, recorded } = found
  const madeAt = dodo?.created_at ?? own[0]?.madeAt ?? recorded[0]?.created_at
  // Saving a card may leave a payment of nothing.
  const isNothing = dodo?.total_amount === 0 && recorded.length === 0
  if (!madeAt || isNothing) return []
  const about: readonly PartOf[] = own.length > 0 ? own : [findAbout(dodo, recorded)]
  const byStatus = await Promise.all(about.map((part) => findPaidByStatus(deps, found, part)))
  const isMade = dodo?.status === 'succeeded'
  return asEntries(
    {
      kind: 'payment',
      dodoPaymentId: id,
      dodoRefundId: null,
      madeAt,
      dodo: isMade ? { amount: dodo.total_amount, currency: dodo.currency } : null,
    },
    about,
    [...recorded.map(asHeld), ...byStatus.flatMap((one) => one ?? [])],
  )
}

type PartOf = About & Partial<Pick<OwnPart, 'isByStatus'>>

/** The invoice of a payment that our ledger does not hold. All of it is for the first, since nobody says what of it is whose. */
const findAbout = (dodo: DodoSide | undefined, recorded: readonly LagoPaymentRow[]): About => ({
  receivableId: dodo?.metadata['lago_invoice_id'] ?? recorded[0]?.invoice_ids[0] ?? null,
  name: dodo?.metadata['lago_invoice_number'] ?? null,
  amount: null,
  knowledge: { is: 'unknown' },
})

const asHeld = (row: LagoPaymentRow): Held => ({
  id: row.lago_id,
  amount: row.amount_cents,
  currency: row.amount_currency,
  on: row.invoice_ids,
})

/** A Lago without a premium licence holds no payments: there the invoice itself says that it is paid. */
async function findPaidByStatus(
  { lago }: Reading,
  { id, recorded }: Found,
  { receivableId, isByStatus = false, knowledge }: PartOf,
): Promise<Held | undefined> {
  if (knowledge.is === 'refused' || receivableId === null) return undefined
  const isRecorded = recorded.some(({ invoice_ids }) => invoice_ids.includes(receivableId))
  if (isRecorded || (recorded.length > 0 && !isByStatus)) return undefined
  const invoice = await lago.findInvoice(receivableId)
  if (invoice?.payment_status !== 'succeeded') return undefined
  const isOurs =
    isByStatus ||
    invoice.metadata.some(({ key, value }) => key === 'dodo_payment_id' && value === id)
  if (!isOurs) return undefined
  const { currency, lago_id } = invoice
  const amount = markedIn(invoice, isByStatus)
  return { id: lago_id, amount, currency, on: [receivableId], isByStatus: true }
}

/**
 * What an invoice's status alone stands for: all that Lago goes on to show as due. Where it shows nothing as due, of a void
 * invoice or before 1.22, it is what no payment stands for; before 1.19, where none are kept, all of what we marked. What we
 * recorded as a payment that is not there any more stands for nothing.
 */
function markedIn(
  {
    total_due_amount_cents: due,
    total_paid_amount_cents: paid,
    total_amount_cents: total,
  }: LagoInvoice,
  isByStatus: boolean,
): number {
  if (due > 0) return due
  if (paid < total) return total - paid
  return isByStatus ? total : 0
}

async function inBatches<Item, Result>(
  items: readonly Item[],
  read: (item: Item) => Promise<Result[]>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let start = 0; start < items.length; start += PARALLEL_READS) {
    const batch = await Promise.all(items.slice(start, start + PARALLEL_READS).map(read))
    results.push(...batch.flat())
  }
  return results
}
