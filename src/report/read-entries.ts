import { isAnyOf } from '../db/any-of.ts'
import { recordings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { DodoPaymentRow } from '../dodo/objects.ts'
import type { LagoInvoice, LagoPaymentRow } from '../lago/objects.ts'
import type { Entry } from './compare-ledgers.ts'
import { asLagoEntry, asLagoSide, type Held } from './lago-side.ts'
import { readOwnParts, type OwnPart } from './own-ledger.ts'
import type { Period } from './period.ts'
import { readRefundEntries } from './read-refund-entries.ts'

export type Reading = Pick<Deps, 'db' | 'dodo' | 'lago'>
type DodoSide = Pick<DodoPaymentRow, 'status' | 'currency' | 'total_amount' | 'created_at'> & {
  metadata: Record<string, string>
}

/** How Dodo's payment ids look, in whatever words a person wrote one down; other references are other people's payments. */
const DODO_PAYMENT_ID = /\bpay_\w+/iu
const PARALLEL_READS = 8

/** Every payment and refund of the period, as Dodo, Lago and the bridge's own ledger each hold it. */
export async function readEntries(deps: Reading, period: Period): Promise<Entry[]> {
  const { isOurs, inDodo } = await readDodoPayments(deps, period)
  const { byReference, recordedInPeriod } = await readLagoPayments(deps, period, inDodo)
  const ownInPeriod = await readOwnParts(deps, { period })
  const isTaken = (one: DodoSide | undefined): one is DodoSide =>
    one?.status === 'succeeded' && isOurs(one)
  const ids = new Set([
    ...[...inDodo].filter(([, one]) => isTaken(one)).map(([id]) => id),
    ...recordedInPeriod,
    ...ownInPeriod.keys(),
  ])
  const own = await readOwnParts(deps, { ids: [...ids] })
  const payments = await inBatches([...ids], async (id): Promise<Entry[]> => {
    const known = own.get(id) ?? []
    if (known.some(({ isSetup }) => isSetup)) return []
    const dodo = inDodo.get(id) ?? (await deps.dodo.findPayment(id))
    // What Lago was told of later, by hand, is in the statement of the days when it was paid.
    const paidAt = known[0]?.madeAt ?? (isTaken(dodo) ? dodo.created_at : undefined)
    if (paidAt && (paidAt < period.from || paidAt > period.until)) return []
    return describePayment(deps, { id, dodo, own: known, recorded: byReference.get(id) ?? [] })
  })
  const refunds = await readRefundEntries(deps, period, async (dodoPaymentId) => {
    const payment = inDodo.get(dodoPaymentId) ?? (await deps.dodo.findPayment(dodoPaymentId))
    return payment !== undefined && isOurs(payment) ? payment : undefined
  })
  return [...payments, ...refunds].toSorted(
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
  const payments = await lago.listAllPayments()
  const adopted = await readAdopted(
    db,
    payments.filter(({ reference }) => !isOnlyAnId(reference)),
  )
  const written = new Map(
    [...inDodo.keys(), ...adopted.values()].map((id) => [id.toLowerCase(), id] as const),
  )
  const idOf = ({ lago_id, reference }: LagoPaymentRow) => {
    const [named] = DODO_PAYMENT_ID.exec(reference ?? '') ?? []
    return adopted.get(lago_id) ?? written.get(named?.toLowerCase() ?? '') ?? named
  }
  const ofDodo = payments.filter((one) => idOf(one) !== undefined)
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
type About = Pick<OwnPart, 'number' | 'cause' | 'knowledge' | 'isByStatus'> & {
  lagoInvoiceId: string | null
  /** What of the payment is for it, in Dodo's minor units; null for all. */
  amount: number | null
}

/** An entry for each invoice that the payment is for. */
async function describePayment(deps: Reading, found: Found): Promise<Entry[]> {
  const { id, dodo, own, recorded } = found
  const madeAt = dodo?.created_at ?? own[0]?.madeAt ?? recorded[0]?.created_at
  // Saving a card may leave a payment of nothing.
  const isNothing = dodo?.total_amount === 0 && recorded.length === 0
  if (!madeAt || isNothing) return []
  const about: readonly About[] = own.length > 0 ? own : findAbout(dodo, recorded)
  const isOn = (row: LagoPaymentRow, { lagoInvoiceId }: About) =>
    row.invoice_ids.includes(lagoInvoiceId ?? '')
  const others = recorded.filter((row) => !about.some((one) => isOn(row, one)))
  return Promise.all(
    about.map(async (part, index): Promise<Entry> => {
      // What stands on several of them is shown once, and what is on none with the first.
      const rows = recorded.filter((row) => about.find((one) => isOn(row, one)) === part)
      const held = index === 0 ? [...rows, ...others] : rows
      const byStatus = await findPaidByStatus(deps, found, part)
      return asLagoEntry({
        kind: 'payment',
        dodoPaymentId: id,
        dodoRefundId: null,
        receivableId: part.lagoInvoiceId,
        name: part.number,
        madeAt,
        dodo: asDodoSide(dodo, part),
        books: asLagoSide([...held.map(asHeld), ...(byStatus ? [byStatus] : [])]),
        causes: part.cause === undefined ? [] : [part.cause],
        roundings: 0,
        knowledge: part.knowledge,
      })
    }),
  )
}

function asDodoSide(dodo: DodoSide | undefined, { amount }: About): Entry['dodo'] {
  if (dodo?.status !== 'succeeded') return null
  return { amount: amount ?? dodo.total_amount, currency: dodo.currency }
}

/** The invoices of a payment that our ledger does not hold. All of it is the first's, since nobody says what of it is whose. */
function findAbout(dodo: DodoSide | undefined, recorded: readonly LagoPaymentRow[]): About[] {
  const unknown = {
    amount: null,
    cause: undefined,
    knowledge: { is: 'unknown' as const },
    isByStatus: false,
  }
  return [
    {
      lagoInvoiceId: dodo?.metadata['lago_invoice_id'] ?? recorded[0]?.invoice_ids[0] ?? null,
      number: dodo?.metadata['lago_invoice_number'] ?? null,
      ...unknown,
    },
  ]
}

const asHeld = (row: LagoPaymentRow): Held => ({
  id: row.lago_id,
  amount: row.amount_cents,
  currency: row.amount_currency,
  on: row.invoice_ids.join(),
})

/** A Lago without a premium licence holds no payments: there the invoice itself says that it is paid. */
async function findPaidByStatus(
  { lago }: Reading,
  { id, recorded }: Found,
  { lagoInvoiceId, isByStatus, knowledge }: About,
): Promise<Held | undefined> {
  if (knowledge.is === 'refused' || lagoInvoiceId === null) return undefined
  const isRecorded = recorded.some(({ invoice_ids }) => invoice_ids.includes(lagoInvoiceId))
  if (isRecorded || (recorded.length > 0 && !isByStatus)) return undefined
  const invoice = await lago.findInvoice(lagoInvoiceId)
  if (invoice?.payment_status !== 'succeeded') return undefined
  const isOurs =
    isByStatus ||
    invoice.metadata.some(({ key, value }) => key === 'dodo_payment_id' && value === id)
  if (!isOurs) return undefined
  const { currency, lago_id } = invoice
  const amount = markedIn(invoice, isByStatus)
  return { id: lago_id, amount, currency, on: 'its status', isByStatus: true }
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
