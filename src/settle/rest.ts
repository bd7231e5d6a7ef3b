import { and, eq, inArray, isNotNull, isNull, lt, or, sql } from 'drizzle-orm'

import { bundleInvoices, bundles, deliveries, invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Standing } from '../domain/collectable.ts'
import { wantedMetadata } from '../domain/decide.ts'
import type { Ledger } from '../domain/ledger.ts'
import { findEntry } from '../domain/metadata.ts'
import type { Later } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import type { DeliveryKey } from './deliveries.ts'
import { asInvoice, type InvoiceRow } from './load.ts'
import { wakeWithin } from '../wakes.ts'
import { note } from './timeline.ts'

type Resting = Pick<Deps, 'db' | 'queue' | 'now'>
type Transaction = Parameters<typeof note>[0]
/** What was looked at; `invoice` is Lago's as last seen, if it was. */
type Looked = { row: InvoiceRow; read: DeliveryKey[]; invoice: LagoInvoice | undefined }

/** Where an invoice stands that Lago does not show. */
export async function standingOfUnknown({ db }: Resting, row: InvoiceRow): Promise<Standing> {
  const ledger = await db.query.payments.findFirst({
    where: (payments, { and: both, eq: is }) =>
      both(is(payments.lagoInvoiceId, row.lagoInvoiceId), is(payments.status, 'succeeded')),
  })
  const reason =
    'Lago does not show this invoice: it is another organisation’s, or not finalised yet'
  return ledger
    ? {
        state: 'attention',
        reason: `payment ${ledger.dodoPaymentId} names an invoice that Lago does not have`,
      }
    : { state: 'skipped', reason }
}

/** Said once: the merchant should know why the pay link is not on the invoice. */
export async function noteLeftOutMetadata(
  { db, now }: Resting,
  invoice: LagoInvoice,
  ledger: Ledger,
) {
  const { metadata, status } = asInvoice(invoice)
  if (status !== 'finalized') return
  const missing = wantedMetadata(ledger).filter(({ key }) => !findEntry(metadata, key))
  for (const { key } of missing) {
    const what = `${key} is not in Lago's metadata: its limits leave no room beside the other entries`
    const said = await db.query.timeline.findFirst({
      where: (line, { and: both, eq: is }) =>
        both(is(line.lagoInvoiceId, invoice.lago_id), is(line.what, what)),
    })
    if (!said) await note(db, invoice.lago_id, what, now())
  }
}

type Rest = {
  standing: Standing
  isPayable?: boolean
  wakeAt?: Date | undefined
  /** The payment request whose checkout asks for it, and so has to look at whoever comes to pay. */
  askedBy?: string | undefined
}

/** Who looks at an invoice that has never come to rest sees what it waits for. */
export const tellWaiting = ({ db }: Resting, { lagoInvoiceId }: InvoiceRow, { message }: Later) =>
  db
    .update(invoices)
    .set({ reason: `waiting: ${message}` })
    .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))

/** Nothing is left to do for now: writes down where the invoice stands and what has been read on the way. */
export async function rest(
  { db, queue, now }: Resting,
  { row, read, invoice }: Looked,
  { standing, isPayable = false, wakeAt, askedBy }: Rest,
) {
  const { state, reason } = standing
  const at = now()
  const seen = { ...(invoice && snapshotOf(invoice)), state, reason, isPayable }
  await db.transaction(async (tx) => {
    await tx
      .update(invoices)
      .set({
        ...seen,
        nextWakeAt: wakeAt ?? null,
        lastError: null,
        lastErrorAt: null,
        nextRunAt: null,
        settledAt: at,
      })
      .where(eq(invoices.lagoInvoiceId, row.lagoInvoiceId))
    if (row.requestedAt && !(askedBy && (await passOn(queue, tx, row.requestedAt, askedBy))))
      await clearRequest(tx, row)
    if (row.state !== state) await note(tx, row.lagoInvoiceId, `${state}: ${reason}`, at)
    if (isChanged(row, seen)) await wakeBundles(queue, tx, row.lagoInvoiceId)
    for (const source of ['lago', 'dodo'] as const) {
      const ids = read.filter((key) => key.source === source).map(({ deliveryId }) => deliveryId)
      if (ids.length === 0) continue
      await tx
        .update(deliveries)
        .set({ processedAt: at, outcome: `${state}: ${reason}` })
        .where(
          and(
            eq(deliveries.source, source),
            inArray(deliveries.deliveryId, ids),
            isNull(deliveries.processedAt),
          ),
        )
    }
  })
}

/** Whether anything that a payment request of it goes by is another than when it was last at rest. */
const isChanged = (row: InvoiceRow, seen: Partial<InvoiceRow>) =>
  [
    seen.state !== row.state,
    seen.reason !== row.reason,
    seen.isPayable !== row.isPayable,
    seen.amountDue !== undefined && seen.amountDue !== row.amountDue,
    seen.lagoStatus !== undefined && seen.lagoStatus !== row.lagoStatus,
    seen.lagoPaymentStatus !== undefined && seen.lagoPaymentStatus !== row.lagoPaymentStatus,
  ].includes(true)

/** What becomes of an invoice changes the sum, and the state, of the payment requests that it is part of. */
async function wakeBundles(queue: Resting['queue'], tx: Transaction, lagoInvoiceId: string) {
  const keys = await tx
    .select({ key: bundleInvoices.lagoPaymentRequestId })
    .from(bundleInvoices)
    .where(eq(bundleInvoices.lagoInvoiceId, lagoInvoiceId))
  const ids = keys.map(({ key }) => key)
  await wakeWithin({ db: tx, queue }, 'bundle', ids, 'invoice_changed')
}

/**
 * A wish about an invoice whose checkout is a payment request's is the request's to look at, as if it had come
 * through its own link. The invoice keeps it until then, and is woken. False once that was done.
 */
async function passOn(
  queue: Resting['queue'],
  tx: Transaction,
  requestedAt: Date,
  lagoPaymentRequestId: string,
): Promise<boolean> {
  const moment = sql`${requestedAt.toISOString()}::timestamptz`
  const asked = await tx
    .update(bundles)
    .set({ requestedAt: sql`greatest(${bundles.requestedAt}, ${moment})` })
    .where(
      and(
        eq(bundles.lagoPaymentRequestId, lagoPaymentRequestId),
        or(isNull(bundles.answeredAt), lt(bundles.answeredAt, requestedAt)),
      ),
    )
    .returning({ key: bundles.lagoPaymentRequestId })
  const keys = asked.map(({ key }) => key)
  await wakeWithin({ db: tx, queue }, 'bundle', keys, 'customer')
  return asked.length > 0
}

/** Whoever asked while we were at it asks for the next look, not for this one. */
const clearRequest = (tx: Transaction, { lagoInvoiceId, requestedAt }: InvoiceRow) =>
  tx
    .update(invoices)
    .set({ requestedAt: null, requestedBy: null })
    .where(
      and(
        eq(invoices.lagoInvoiceId, lagoInvoiceId),
        requestedAt ? eq(invoices.requestedAt, requestedAt) : isNotNull(invoices.requestedAt),
      ),
    )

/** There is a checkout for it now: whatever becomes of that one, this wish opens no other. */
export const grantWish = ({ db }: Resting, { lagoInvoiceId, requestedAt }: InvoiceRow) =>
  db
    .update(invoices)
    .set({ requestedBy: null })
    .where(
      and(
        eq(invoices.lagoInvoiceId, lagoInvoiceId),
        requestedAt ? eq(invoices.requestedAt, requestedAt) : isNull(invoices.requestedAt),
      ),
    )

/** Who looks at an invoice while it is settled for the first time sees whose it is. */
export const introduce = ({ db }: Resting, invoice: LagoInvoice) =>
  db.update(invoices).set(identityOf(invoice)).where(eq(invoices.lagoInvoiceId, invoice.lago_id))

const identityOf = (invoice: LagoInvoice) => ({
  number: invoice.number,
  lagoCustomerId: invoice.customer.external_id,
  customerName: invoice.customer.name ?? invoice.customer.legal_name,
  currency: invoice.currency,
  amountDue: invoice.total_due_amount_cents,
})

const snapshotOf = (invoice: LagoInvoice) => ({
  ...identityOf(invoice),
  lagoStatus: invoice.status,
  lagoPaymentStatus: invoice.payment_status,
  lagoUpdatedAt: invoice.updated_at ?? null,
})
