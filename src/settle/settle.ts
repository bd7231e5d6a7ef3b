import { and, eq, inArray, isNotNull, isNull, ne } from 'drizzle-orm'

import { bundleInvoices, bundles, deliveries, invoices } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Standing } from '../domain/collectable.ts'
import { decide, wantedMetadata } from '../domain/decide.ts'
import { classifyDecline } from '../domain/declines.ts'
import type { Ledger, Payment, Policy } from '../domain/ledger.ts'
import { findEntry } from '../domain/metadata.ts'
import type { Step } from '../domain/steps.ts'
import { Later, PermanentError, reasonOf } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { answerCreditNote } from './answer-credit-note.ts'
import { endAttempt } from './attempts.ts'
import { backRecord } from './back-record.ts'
import { chargeMandate } from './charge-mandate.ts'
import { creditRefund, reverseCredit } from './credit-refund.ts'
import { readDeliveries, type DeliveryKey } from './deliveries.ts'
import { asInvoice, ensureInvoice, loadLedger, type InvoiceRow } from './load.ts'
import { isFreeLicense } from './license.ts'
import { loseDispute, markInvoice, writeMetadata } from './mark-invoice.ts'
import { openCheckout } from './open-checkout.ts'
import { orderRefund } from './order-refund.ts'
import { readPayment, readSession } from './read-dodo.ts'
import { holdPayment, recordPayment } from './record-payment.ts'
import { note } from './timeline.ts'
import { findInvoice } from './top-up.ts'
import { wakeCustomer } from './sync-customer.ts'
import { refuseMandate } from './sync-mandate.ts'
import { isRefused } from './unknown-outcome.ts'
import { wake } from './wake.ts'

/** More steps than any invoice needs; past it something decides in circles, which a person must see. */
const MAX_STEPS = 40
/** A look at a session costs a request; payments are also found by the sweep and by webhooks. */
const SESSION_FRESH_MS = 3_600_000
/** A customer who stands at the pay link must not be sent to a session that was paid a moment ago. */
const CUSTOMER_FRESH_MS = 2_000

const URGENT_CAUSES = new Set(['customer', 'trace'])

export type Settle = (lagoInvoiceId: string, data: Record<string, unknown>) => Promise<void>
type Settling = Deps & { organizationId: () => Promise<string> }
/** Clients whose requests go before others, for money that moved and customers who wait. */
type Urgent = { urgent: Pick<Deps, 'lago' | 'dodo'> }
/** `invoice` is Lago's as last seen, kept also when a step fails, because the operator wants to see it. */
type Case = {
  row: InvoiceRow
  read: DeliveryKey[]
  policy: Omit<Policy, 'isFreeLicense'>
  invoice: LagoInvoice | undefined
}

/**
 * Brings one invoice's two ledgers into agreement: decide, act, and decide again on what is then true,
 * until nothing is left to do. The queue runs it for one invoice at a time.
 */
export function createSettle({ urgent, ...usual }: Settling & Urgent): Settle {
  return async function settle(lagoInvoiceId, data) {
    const row = await ensureInvoice(usual, lagoInvoiceId)
    const read = await readDeliveries({ ...usual, ...urgent }, lagoInvoiceId)
    // An earlier job has already done what this delivery asked for.
    if (read.length === 0 && data['cause'] === undefined) return

    const isUrgent =
      read.some(({ source }) => source === 'dodo') || URGENT_CAUSES.has(String(data['cause']))
    const deps = isUrgent ? { ...usual, ...urgent } : usual
    const policy = policyFor(deps, data['cause'])
    const subject: Case = { row, read, policy, invoice: undefined }
    try {
      await settleInvoice(deps, subject)
    } catch (error) {
      if (error instanceof Later && row.settledAt === null) await tellWaiting(deps, row, error)
      if (!(error instanceof PermanentError) && !isRefused(error)) throw error
      deps.log.error({ lagoInvoiceId }, 'invoice needs attention')
      const standing = { state: 'attention' as const, reason: reasonOf(error) }
      await rest(deps, subject, { standing })
    }
  }
}

function policyFor({ config }: Settling, cause: unknown): Omit<Policy, 'isFreeLicense'> {
  const isCustomerWaiting = cause === 'customer'
  return {
    collection: config.collection,
    duplicatePayments: config.duplicatePayments,
    voidPayments: config.voidPayments,
    retryScheduleMs: config.retryScheduleMs,
    paymentFreshForMs: isCustomerWaiting ? CUSTOMER_FRESH_MS : config.reconcileEveryMs,
    sessionFreshForMs: isCustomerWaiting ? CUSTOMER_FRESH_MS : SESSION_FRESH_MS,
  }
}

async function settleInvoice(deps: Settling, subject: Case) {
  const { lagoInvoiceId } = subject.row
  subject.invoice = await findInvoice(deps, lagoInvoiceId)
  if (subject.invoice && subject.row.number === null) await introduce(deps, subject.invoice)
  for (let taken = 0; taken < MAX_STEPS; taken += 1) {
    const { invoice } = subject
    if (!invoice)
      return rest(deps, subject, { standing: await standingOfUnknown(deps, subject.row) })
    const [row = subject.row] = await deps.db
      .select()
      .from(invoices)
      .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))
    const ledger = await loadLedger(deps, row)
    const policy = { ...subject.policy, isFreeLicense: await isFreeLicense(deps) }
    const step = decide(asInvoice(invoice), ledger, policy, deps.now())
    if (step.do === 'rest') {
      await noteLeftOutMetadata(deps, invoice, ledger)
      return rest(deps, { ...subject, row }, step)
    }
    subject.invoice = await takeOrReread(deps, step, invoice, ledger)
  }
  throw new PermanentError(
    `settling did not come to an end within ${MAX_STEPS} steps: please report this`,
  )
}

/** What Lago forbids for the invoice's state (405) is decided anew on that state: it was voided or paid meanwhile. */
async function takeOrReread(...args: Parameters<typeof take>): Promise<LagoInvoice | undefined> {
  const [deps, , invoice] = args
  try {
    return await take(...args)
  } catch (error) {
    if (!isRefused(error) || error.service !== 'Lago' || error.status !== 405) throw error
    const fresh = await findInvoice(deps, invoice.lago_id)
    const hasChanged =
      fresh?.status !== invoice.status || fresh.payment_status !== invoice.payment_status
    if (!hasChanged) throw error
    return fresh
  }
}

/** Takes one step and returns the invoice as Lago has it afterwards. */
async function take(
  deps: Settling,
  step: Exclude<Step, { do: 'rest' }>,
  invoice: LagoInvoice,
  ledger: Ledger,
): Promise<LagoInvoice | undefined> {
  switch (step.do) {
    case 'read_payment':
      await readPayment(deps, step.dodoPaymentId, { settling: invoice.lago_id })
      return invoice
    case 'read_session':
      await readSession(deps, step.attempt, {
        dodoSessionId: step.dodoSessionId,
        settling: invoice.lago_id,
      })
      return invoice
    case 'end_attempt':
      await endAttempt(deps, invoice.lago_id, step.attempt, step.end)
      if (step.attempt.kind === 'charge') await endCharge(deps, invoice, step)
      return invoice
    case 'record_payment':
      await recordPayment(deps, { invoice, ...step })
      await wakeOtherParts(deps, invoice.lago_id, step.payment)
      return findInvoice(deps, invoice.lago_id)
    case 'hold_payment':
      await holdPayment(
        deps,
        { invoice, payment: step.payment, amount: 0 },
        step.disposition,
        step.why,
      )
      await wakeOtherParts(deps, invoice.lago_id, step.payment)
      return invoice
    case 'lose_dispute':
      await loseDispute(deps, invoice, step.dodoDisputeId)
      return findInvoice(deps, invoice.lago_id)
    case 'order_refund':
      await orderRefund(deps, { invoice, ledger, ...step })
      return invoice
    case 'answer_credit_note':
      await answerCreditNote(deps, invoice, step)
      return invoice
    case 'credit_refund': {
      const recorded = await backRecord(deps, { invoice, ledger, payment: step.payment })
      await creditRefund(deps, recorded, step)
      return findInvoice(deps, invoice.lago_id)
    }
    case 'reverse_credit':
      await reverseCredit(deps, invoice.lago_id, step.dodoRefundId)
      return invoice
    case 'charge_mandate':
      await chargeMandate(deps, { invoice, ledger, ...step })
      return invoice
    case 'mark_paid':
      return markInvoice(deps, invoice, 'succeeded')
    case 'mark_failed':
      return markInvoice(deps, invoice, 'failed')
    case 'open_checkout':
      await openCheckout(deps, { invoice, ledger, ...step })
      return invoice
    case 'write_metadata':
      return writeMetadata(deps, invoice, step.entries)
  }
}

/** The mandate is free for the next invoice that waits for it, unless its card is no good any more. */
async function endCharge(
  deps: Settling,
  { customer }: LagoInvoice,
  { attempt, end }: Extract<Step, { do: 'end_attempt' }>,
) {
  const code = end.declineCode ?? null
  if (end.status === 'declined' && classifyDecline(code) === 'hard' && attempt.dodoSubscriptionId)
    await refuseMandate(deps.db, attempt.dodoSubscriptionId, `its card was declined (${code})`)
  await wakeCustomer(deps, deps.db, customer.external_id)
}

/** What became of one part of a payment may decide which part a refund of it gives back. */
async function wakeOtherParts(deps: Settling, lagoInvoiceId: string, { parts, refunds }: Payment) {
  const others = parts.filter((part) => part.lagoInvoiceId !== lagoInvoiceId)
  if (refunds.length === 0 || others.length === 0) return
  await wake(
    deps,
    others.map((part) => part.lagoInvoiceId),
    'trace',
  )
}

async function standingOfUnknown({ db }: Settling, row: InvoiceRow): Promise<Standing> {
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
async function noteLeftOutMetadata({ db, now }: Settling, invoice: LagoInvoice, ledger: Ledger) {
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

type Rest = { standing: Standing; isPayable?: boolean; wakeAt?: Date | undefined }

/** Who looks at an invoice that has never come to rest sees what it waits for. */
const tellWaiting = ({ db }: Settling, { lagoInvoiceId }: InvoiceRow, { message }: Later) =>
  db
    .update(invoices)
    .set({ reason: `waiting: ${message}` })
    .where(eq(invoices.lagoInvoiceId, lagoInvoiceId))

/** Nothing is left to do for now: writes down where the invoice stands and what has been read on the way. */
async function rest(
  { db, queue, now }: Settling,
  { row, read, invoice }: Case,
  { standing, isPayable = false, wakeAt }: Rest,
) {
  const { state, reason } = standing
  const at = now()
  await db.transaction(async (tx) => {
    await tx
      .update(invoices)
      .set({
        ...(invoice && snapshotOf(invoice)),
        state,
        reason,
        isPayable,
        nextWakeAt: wakeAt ?? null,
        settledAt: at,
      })
      .where(eq(invoices.lagoInvoiceId, row.lagoInvoiceId))
    if (row.requestedAt) await clearRequest(tx, row)
    if (row.state !== state) {
      await note(tx, row.lagoInvoiceId, `${state}: ${reason}`, at)
      await wakeBundles(queue, tx, row.lagoInvoiceId)
    }
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

/** What becomes of an invoice changes the sum of the payment requests that it is part of. */
async function wakeBundles(
  queue: Settling['queue'],
  tx: Parameters<typeof note>[0],
  lagoInvoiceId: string,
) {
  const waiting = await tx
    .select({ key: bundles.lagoPaymentRequestId })
    .from(bundles)
    .innerJoin(
      bundleInvoices,
      eq(bundleInvoices.lagoPaymentRequestId, bundles.lagoPaymentRequestId),
    )
    .where(and(eq(bundleInvoices.lagoInvoiceId, lagoInvoiceId), ne(bundles.state, 'paid')))
  await queue.send(tx, 'bundle', waiting)
}

/** Whoever asked while we were at it asks for the next look, not for this one. */
const clearRequest = (tx: Parameters<typeof note>[0], { lagoInvoiceId, requestedAt }: InvoiceRow) =>
  tx
    .update(invoices)
    .set({ requestedAt: null, requestedBy: null })
    .where(
      and(
        eq(invoices.lagoInvoiceId, lagoInvoiceId),
        requestedAt ? eq(invoices.requestedAt, requestedAt) : isNotNull(invoices.requestedAt),
      ),
    )

/** Who looks at an invoice while it is settled for the first time sees whose it is. */
const introduce = ({ db }: Settling, invoice: LagoInvoice) =>
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
