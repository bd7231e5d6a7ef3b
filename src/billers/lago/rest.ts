import { and, eq, inArray, isNotNull, isNull, lt, or, sql } from 'drizzle-orm'

import { deliveries, members, receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import type { Standing } from '../../collect/receivable.ts'
import { wantedMetadata } from './decide/decide.ts'
import { isReasonCode } from '../../collect/receivable.ts'
import type { InvoiceLedger } from './decide/invoice.ts'
import { findEntry } from './decide/metadata.ts'
import { ApiError, PermanentError, WrongAddress, type Later } from '../../errors.ts'
import type { LagoInvoice } from '../../lago/objects.ts'
import type { DeliveryKey } from './deliveries.ts'
import type { ReceivableRow } from '../../collect/load.ts'
import { asInvoice, asReader } from './invoice.ts'
import { noteAccount } from '../../collect/account.ts'
import { takeSnapshot } from './snapshot.ts'
import { wakeWithin } from '../../wakes.ts'
import type { Attempt } from '../../collect/ledger.ts'
import { planMails } from '../../mail/mails.ts'
import { mailsOfInvoice } from '../../mail/plan.ts'
import { note } from '../../collect/timeline.ts'

type Resting = Pick<Deps, 'config' | 'db' | 'queue' | 'now'>
type Transaction = Parameters<typeof note>[0]
/** What was looked at; `invoice` is Lago's as last seen, if it was, and `isMore` whether deliveries are left to be read. */
type Looked = {
  row: ReceivableRow
  read: DeliveryKey[]
  isMore: boolean
  invoice: LagoInvoice | undefined
}

/** Where an invoice stands that Lago does not show. */
export async function standingOfUnknown({ db }: Resting, row: ReceivableRow): Promise<Standing> {
  const ledger = await db.query.payments.findFirst({
    where: (payments, { and: both, eq: is }) =>
      both(is(payments.receivableId, row.receivableId), is(payments.status, 'succeeded')),
  })
  const reason =
    'Lago does not show this invoice: it is another organisation’s, or not finalised yet'
  return ledger
    ? {
        state: 'attention',
        code: 'invoice_unknown',
        reason: `payment ${ledger.dodoPaymentId} names an invoice that Lago does not have`,
      }
    : { state: 'skipped', reason }
}

/** Said once: the merchant should know why the pay link is not on the invoice. */
export async function noteLeftOutMetadata(
  { db, now }: Resting,
  invoice: LagoInvoice,
  ledger: InvoiceLedger,
) {
  const { metadata, status } = asInvoice(invoice)
  if (status !== 'finalized') return
  const missing = wantedMetadata(ledger).filter(({ key }) => !findEntry(metadata, key))
  for (const { key } of missing) {
    const what = `${key} is not in Lago's metadata: its limits leave no room beside the other entries`
    const said = await db.query.timeline.findFirst({
      where: (line, { and: both, eq: is }) =>
        both(is(line.receivableId, invoice.lago_id), is(line.what, what)),
    })
    if (!said) await note(db, invoice.lago_id, what, now())
  }
}

/** The reason code of what went wrong, as far as it says. */
export function reasonCodeOf(error: unknown): Pick<Standing, 'code'> {
  if (error instanceof PermanentError && isReasonCode(error.code)) return { code: error.code }
  const service =
    error instanceof ApiError || error instanceof WrongAddress ? error.service : 'Lago'
  return { code: service === 'Dodo' ? 'dodo_refused' : 'lago_refused' }
}

type Rest = {
  standing: Standing
  isPayable?: boolean
  wakeAt?: Date | undefined
  /** The payment request whose checkout asks for it, and so has to look at whoever comes to pay. */
  askedBy?: string | undefined
  /** Its own newest charge of a saved card. */
  charge?: Attempt | undefined
}

/** Who looks at an invoice that has never come to rest sees what it waits for. */
export const tellWaiting = ({ db }: Resting, { receivableId }: ReceivableRow, { message }: Later) =>
  db
    .update(receivables)
    .set({ reason: `waiting: ${message}` })
    .where(eq(receivables.receivableId, receivableId))

/** Nothing is left to do for now: writes down where the invoice stands and what has been read on the way. */
export async function rest(
  { config, db, queue, now }: Resting,
  { row, read, isMore, invoice }: Looked,
  { standing, isPayable = false, wakeAt, askedBy, charge }: Rest,
) {
  const { state, reason, code } = standing
  const at = now()
  const reasonCode = state === 'attention' ? (code ?? null) : null
  const seen = { ...(invoice && snapshotOf(invoice)), state, reason, reasonCode, isPayable }
  await db.transaction(async (tx) => {
    await tx
      .update(receivables)
      .set({
        ...seen,
        ...(invoice && { snapshot: takeSnapshot(asInvoice(invoice)) }),
        nextWakeAt: wakeAt ?? null,
        lastError: null,
        lastErrorAt: null,
        nextRunAt: null,
        settledAt: at,
      })
      .where(eq(receivables.receivableId, row.receivableId))
    if (row.requestedAt && !(askedBy && (await passOn(queue, tx, row.requestedAt, askedBy))))
      await clearRequest(tx, row)
    if (row.state !== state) await note(tx, row.receivableId, `${state}: ${reason}`, at)
    if (isChanged(row, seen)) await wakeRequests(queue, tx, row.receivableId)
    if (isMore) await wakeWithin({ db: tx, queue }, 'settle', [row.receivableId], 'lago_delivery')
    const issuedOn = invoice?.issuing_date
    const resting = {
      ...row,
      ...seen,
      charge,
      issuedAt: isDay(issuedOn ?? null) ? new Date(`${issuedOn}`) : row.createdAt,
    }
    await planMails(tx, mailsOfInvoice(resting, config.mail, at), at)
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
const isChanged = (row: ReceivableRow, seen: Partial<ReceivableRow>) =>
  [
    seen.state !== row.state,
    seen.reason !== row.reason,
    seen.isPayable !== row.isPayable,
    seen.amountDue !== undefined && seen.amountDue !== row.amountDue,
    seen.lagoStatus !== undefined && seen.lagoStatus !== row.lagoStatus,
    seen.lagoPaymentStatus !== undefined && seen.lagoPaymentStatus !== row.lagoPaymentStatus,
  ].includes(true)

/** What becomes of an invoice changes the sum, and the state, of the payment requests that it is part of. */
async function wakeRequests(queue: Resting['queue'], tx: Transaction, memberId: string) {
  const keys = await tx
    .select({ key: members.receivableId })
    .from(members)
    .where(eq(members.memberId, memberId))
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
    .update(receivables)
    .set({
      requestedAt: sql`greatest(${receivables.requestedAt}, ${moment})`,
      requestedBy: 'customer',
    })
    .where(
      and(
        eq(receivables.receivableId, lagoPaymentRequestId),
        or(isNull(receivables.answeredAt), lt(receivables.answeredAt, requestedAt)),
      ),
    )
    .returning({ key: receivables.receivableId })
  const keys = asked.map(({ key }) => key)
  await wakeWithin({ db: tx, queue }, 'bundle', keys, 'customer')
  return asked.length > 0
}

/** Whoever asked while we were at it asks for the next look, not for this one. */
const clearRequest = (tx: Transaction, { receivableId, requestedAt }: ReceivableRow) =>
  tx
    .update(receivables)
    .set({ requestedAt: null, requestedBy: null })
    .where(
      and(
        eq(receivables.receivableId, receivableId),
        requestedAt ? eq(receivables.requestedAt, requestedAt) : isNotNull(receivables.requestedAt),
      ),
    )

/** There is a checkout for it now: whatever becomes of that one, this wish opens no other. Nothing where nobody wished. */
export async function grantWish(
  { db }: Resting,
  { receivableId, requestedAt, requestedBy }: ReceivableRow,
): Promise<void> {
  if (requestedBy === null) return
  await db
    .update(receivables)
    .set({ requestedBy: null })
    .where(
      and(
        eq(receivables.receivableId, receivableId),
        requestedAt ? eq(receivables.requestedAt, requestedAt) : isNull(receivables.requestedAt),
      ),
    )
}

/** Who looks at an invoice while it is settled for the first time sees whose it is. */
export async function introduce({ db, now }: Resting, invoice: LagoInvoice): Promise<void> {
  const named = db
    .update(receivables)
    .set(identityOf(invoice))
    .where(eq(receivables.receivableId, invoice.lago_id))
  const reading = noteAccount({ db, now }, asReader(invoice.customer))
  await db.execute(sql`with named as ${named}, reading as ${reading} select`)
}

const identityOf = (invoice: LagoInvoice) => ({
  number: invoice.number,
  payerKey: invoice.customer.external_id,
  payerName: invoice.customer.name ?? invoice.customer.legal_name,
  currency: invoice.currency,
  amountDue: invoice.total_due_amount_cents,
  dueOn: isDay(invoice.payment_due_date) ? invoice.payment_due_date : null,
  billingEntity: invoice.billing_entity_code,
})

const isDay = (text: string | null) =>
  text !== null && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))

const snapshotOf = (invoice: LagoInvoice) => ({
  ...identityOf(invoice),
  lagoStatus: invoice.status,
  lagoPaymentStatus: invoice.payment_status,
  lagoUpdatedAt: invoice.updated_at ?? null,
})
