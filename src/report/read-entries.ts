import type { Deps } from '../deps.ts'
import type { DodoPaymentRow } from '../dodo/objects.ts'
import type { LagoPaymentRow } from '../lago/objects.ts'
import type { Entry, LagoSide } from './compare-ledgers.ts'
import { nameInvoices } from './name-invoices.ts'
import { readOwnPayments, type OwnInvoice, type OwnPayment } from './own-ledger.ts'
import type { Period } from './period.ts'
import { readRefundEntries } from './read-refund-entries.ts'

export type Reading = Pick<Deps, 'db' | 'dodo' | 'lago'>
type DodoSide = Pick<DodoPaymentRow, 'status' | 'currency' | 'total_amount' | 'created_at'> & {
  metadata: Record<string, string>
}

/** How Dodo's payment ids begin; other references in Lago are other people's payments. */
const DODO_PAYMENT_ID = /^pay_/
const PARALLEL_READS = 8

/** Every payment and refund of the period, as Dodo, Lago and the bridge's own ledger each hold it. */
export async function readEntries(deps: Reading, period: Period): Promise<Entry[]> {
  const { isOurs, inDodo } = await readDodoPayments(deps, period)
  const { byReference, recordedInPeriod } = await readLagoPayments(deps, period)
  const ownInPeriod = await readOwnPayments(deps, { period })
  const ids = new Set([
    ...[...inDodo].filter(([, one]) => one.status === 'succeeded' && isOurs(one)).map(([id]) => id),
    ...recordedInPeriod,
    ...ownInPeriod.keys(),
  ])
  const own = await readOwnPayments(deps, { ids: [...ids] })
  const payments = await inBatches([...ids], async (id): Promise<Entry | undefined> => {
    const known = own.get(id)
    if (known?.isSetup) return undefined
    const dodo = inDodo.get(id) ?? (await deps.dodo.findPayment(id))
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

async function readLagoPayments({ lago }: Reading, { from, until }: Period) {
  const payments = await lago.listAllPayments()
  const ofDodo = payments.filter(({ reference }) => DODO_PAYMENT_ID.test(reference ?? ''))
  const byReference = Map.groupBy(ofDodo, ({ reference }) => reference ?? '')
  const recordedInPeriod = [...byReference]
    .filter(([, [first]]) => first && first.created_at >= from && first.created_at <= until)
    .map(([reference]) => reference)
  return { byReference, recordedInPeriod }
}

async function describePayment(
  deps: Reading,
  found: {
    id: string
    dodo: DodoSide | undefined
    own: OwnPayment | undefined
    recorded: readonly LagoPaymentRow[]
  },
): Promise<Entry | undefined> {
  const { id, dodo, own, recorded } = found
  const madeAt = dodo?.created_at ?? own?.madeAt ?? recorded[0]?.created_at
  // Saving a card may leave a payment of nothing.
  const isNothing = dodo?.total_amount === 0 && recorded.length === 0
  if (!madeAt || isNothing) return undefined
  const isSucceeded = dodo?.status === 'succeeded'
  const invoices = own?.invoices ?? findInvoices(dodo, recorded)
  return {
    kind: 'payment',
    dodoPaymentId: id,
    dodoRefundId: null,
    ...nameInvoices(invoices),
    madeAt,
    dodo: isSucceeded ? { amount: dodo.total_amount, currency: dodo.currency } : null,
    lago: asLagoSide(recorded, await findPaidByStatus(deps, { ...found, invoices })),
    causes: own?.causes ?? [],
    roundings: 0,
    knowledge: own?.knowledge ?? { is: 'unknown' },
  }
}

/** The invoices of a payment that our ledger does not hold. */
function findInvoices(
  dodo: DodoSide | undefined,
  recorded: readonly LagoPaymentRow[],
): OwnInvoice[] {
  const named = dodo?.metadata['lago_invoice_id']
  const number = dodo?.metadata['lago_invoice_number'] ?? null
  if (named !== undefined) return [{ lagoInvoiceId: named, number }]
  const ids = new Set(recorded.flatMap(({ invoice_ids }) => invoice_ids))
  return [...ids].map((lagoInvoiceId) => ({ lagoInvoiceId, number: null }))
}

function asLagoSide(recorded: readonly LagoPaymentRow[], byStatus: LagoSide[]): LagoSide | null {
  const ofInvoice = Map.groupBy(recorded, ({ invoice_ids }) => invoice_ids.join())
  const sides = [
    ...recorded.map(({ lago_id: id, amount_cents: amount, amount_currency: currency }) => ({
      id,
      amount,
      currency,
    })),
    ...byStatus,
  ]
  const [first] = sides
  if (!first) return null
  return {
    id: sides.map(({ id }) => id).join(', '),
    amount: sides.reduce((sum, { amount }) => sum + amount, 0),
    currency: first.currency,
    records: sides.length,
    times: Math.max(1, ...[...ofInvoice.values()].map(({ length }) => length)),
    isByStatus: byStatus.length > 0,
  }
}

/** A Lago without a premium licence holds no payments: there the invoice itself says that it is paid. */
async function findPaidByStatus(
  { lago }: Reading,
  {
    id,
    own,
    invoices,
    recorded,
  }: {
    id: string
    own: OwnPayment | undefined
    invoices: readonly (OwnInvoice & { isByStatus?: boolean })[]
    recorded: readonly LagoPaymentRow[]
  },
): Promise<LagoSide[]> {
  if (own?.knowledge.is === 'refused') return []
  const sides: LagoSide[] = []
  for (const { lagoInvoiceId, isByStatus = false } of invoices) {
    const isRecorded = recorded.some(({ invoice_ids }) => invoice_ids.includes(lagoInvoiceId))
    if (isRecorded || (recorded.length > 0 && !isByStatus)) continue
    const invoice = await lago.findInvoice(lagoInvoiceId)
    if (invoice?.payment_status !== 'succeeded') continue
    const isOurs =
      isByStatus ||
      invoice.metadata.some(({ key, value }) => key === 'dodo_payment_id' && value === id)
    if (!isOurs) continue
    const { total_due_amount_cents: amount, currency, lago_id } = invoice
    sides.push({ id: lago_id, amount, currency, records: 1, times: 1, isByStatus: true })
  }
  return sides
}

async function inBatches<Item, Result>(
  items: readonly Item[],
  read: (item: Item) => Promise<Result | undefined>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let start = 0; start < items.length; start += PARALLEL_READS) {
    const batch = await Promise.all(items.slice(start, start + PARALLEL_READS).map(read))
    results.push(...batch.flatMap((result) => (result === undefined ? [] : [result])))
  }
  return results
}
