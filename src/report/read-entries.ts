import type { Deps } from '../deps.ts'
import type { DodoPaymentRow } from '../dodo/objects.ts'
import type { Entry } from './compare-ledgers.ts'
import { readOwnPayments, type OwnPayment } from './own-ledger.ts'
import type { Period } from './period.ts'
import { readRefundEntries } from './read-refund-entries.ts'

export type Reading = Pick<Deps, 'db' | 'dodo' | 'lago'>
type DodoSide = Pick<DodoPaymentRow, 'status' | 'currency' | 'total_amount' | 'created_at'> & {
  metadata: Record<string, string>
}
type LagoSide = NonNullable<Entry['lago']>

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
    return describePayment(deps, { id, dodo, own: known, lago: byReference.get(id) })
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
  const byReference = new Map<string, LagoSide & { invoiceId: string | undefined; at: Date }>()
  for (const payment of await lago.listAllPayments()) {
    const { reference, amount_cents: amount, amount_currency: currency, created_at: at } = payment
    if (!reference || !DODO_PAYMENT_ID.test(reference)) continue
    const before = byReference.get(reference)
    byReference.set(reference, {
      id: payment.lago_id,
      amount: amount + (before?.amount ?? 0),
      currency,
      times: 1 + (before?.times ?? 0),
      isByStatus: false,
      invoiceId: payment.invoice_ids[0],
      at,
    })
  }
  const recordedInPeriod = [...byReference]
    .filter(([, { at }]) => at >= from && at <= until)
    .map(([reference]) => reference)
  return { byReference, recordedInPeriod }
}

async function describePayment(
  deps: Reading,
  found: {
    id: string
    dodo: DodoSide | undefined
    own: OwnPayment | undefined
    lago: (LagoSide & { invoiceId: string | undefined; at: Date }) | undefined
  },
): Promise<Entry | undefined> {
  const { id, dodo, own, lago } = found
  const madeAt = dodo?.created_at ?? own?.madeAt ?? lago?.at
  if (!madeAt) return undefined
  const lagoInvoiceId =
    own?.lagoInvoiceId ?? dodo?.metadata['lago_invoice_id'] ?? lago?.invoiceId ?? null
  const isSucceeded = dodo?.status === 'succeeded'
  return {
    kind: 'payment',
    dodoPaymentId: id,
    dodoRefundId: null,
    lagoInvoiceId,
    invoiceNumber: own?.invoiceNumber ?? dodo?.metadata['lago_invoice_number'] ?? null,
    madeAt,
    dodo: isSucceeded ? { amount: dodo.total_amount, currency: dodo.currency } : null,
    lago: lago ?? (await findPaidByStatus(deps, id, lagoInvoiceId, own)),
    knowledge: own?.knowledge ?? { is: 'unknown' },
  }
}

/** A Lago without a premium licence holds no payments: there the invoice itself says that it is paid. */
async function findPaidByStatus(
  { lago }: Reading,
  dodoPaymentId: string,
  lagoInvoiceId: string | null,
  own: OwnPayment | undefined,
): Promise<LagoSide | null> {
  if (lagoInvoiceId === null || own?.knowledge.is === 'refused') return null
  const invoice = await lago.findInvoice(lagoInvoiceId)
  if (invoice?.payment_status !== 'succeeded') return null
  const isOurs =
    own?.isByStatus === true ||
    invoice.metadata.some(({ key, value }) => key === 'dodo_payment_id' && value === dodoPaymentId)
  if (!isOurs) return null
  const { total_due_amount_cents: amount, currency, lago_id } = invoice
  return { id: lago_id, amount, currency, times: 1, isByStatus: true }
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
