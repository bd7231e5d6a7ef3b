import { and, eq } from 'drizzle-orm'

import { recordings } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Disposition, Payment } from '../domain/ledger.ts'
import { findEntry, mergeMetadata } from '../domain/metadata.ts'
import { formatLago } from '../domain/money.ts'
import { Later, PermanentError, reasonOf } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { isFreeLicense, rememberFreeLicense } from './license.ts'
import { asInvoice } from './load.ts'
import { note } from './timeline.ts'
import {
  isRefused,
  isUnknown,
  repeatableAfterFailure,
  repeatableAfterStart,
} from './unknown-outcome.ts'

type Recorder = Pick<Deps, 'db' | 'lago' | 'config' | 'log' | 'now'>
type Subject = { invoice: LagoInvoice; payment: Payment; amount: number }
type Through = 'payment' | 'status'

/**
 * Dodo took the money, so Lago's invoice says so: once, however often this is run and whatever answer is
 * lost. Lago knows no idempotency, so every run looks for our reference first.
 */
export async function recordPayment(deps: Recorder, subject: Subject): Promise<void> {
  const { invoice, payment } = subject
  const [begun] = await deps.db.select().from(recordings).where(keyOf(subject))
  const reference = payment.dodoPaymentId
  const known = (await deps.lago.listPayments(invoice.lago_id)).find(
    (one) => one.reference === reference,
  )
  if (known) {
    await deps.lago.completePayment(invoice.lago_id)
    return markRecorded(deps, subject, 'payment', known.lago_id)
  }

  if (invoice.payment_status === 'succeeded') {
    const isOurs =
      begun?.through === 'status' ||
      findEntry(asInvoice(invoice).metadata, 'dodo_payment_id')?.value === reference
    if (isOurs) return markRecorded(deps, subject, 'status')
    return holdPayment(
      deps,
      subject,
      'duplicate',
      'Lago already held the invoice as paid by other means',
    )
  }
  if (begun && begun.repeatableAt > deps.now()) {
    throw new Later(`whether Lago recorded ${reference} is not known yet`, begun.repeatableAt)
  }
  if (await isFreeLicense(deps)) return markPaidByStatus(deps, subject)
  await createPayment(deps, subject)
}

async function createPayment(deps: Recorder, subject: Subject) {
  const { invoice, payment, amount } = subject
  const startedAt = await intend(deps, subject, 'payment')
  try {
    const { lago_id } = await deps.lago.createPayment({
      invoice_id: invoice.lago_id,
      amount_cents: amount,
      reference: payment.dodoPaymentId,
      paid_at: payment.madeAt.toISOString(),
    })
    await deps.lago.completePayment(invoice.lago_id)
    await markRecorded(deps, subject, 'payment', lago_id)
  } catch (error) {
    if (isUnknown(error)) {
      const repeatableAt = repeatableAfterFailure(error, startedAt, deps.now())
      await deps.db
        .update(recordings)
        .set({ status: 'unknown', repeatableAt })
        .where(keyOf(subject))
      throw new Later(error.message, soon(deps.now()))
    }
    await deps.db.delete(recordings).where(and(keyOf(subject), eq(recordings.status, 'intended')))
    if (!isRefused(error)) throw error
    await explainRefusal(deps, subject, error)
  }
}

/** Lago answers 403 for a missing licence and for an invoice that takes no payments alike. */
async function explainRefusal(deps: Recorder, subject: Subject, error: Error & { status: number }) {
  const fresh = await deps.lago.findInvoice(subject.invoice.lago_id)
  const hasChanged =
    fresh?.status !== subject.invoice.status ||
    fresh.total_due_amount_cents !== subject.invoice.total_due_amount_cents ||
    fresh.payment_status !== subject.invoice.payment_status
  // The next decision is made on what the invoice is now.
  if (hasChanged) return
  if (error.status !== 403) {
    throw new PermanentError(
      `Lago does not record payment ${subject.payment.dodoPaymentId}: ${reasonOf(error)}`,
    )
  }
  if (deps.config.lago.license === 'premium') {
    throw new PermanentError(
      'Lago refuses payments for want of a premium licence: set LAGO_LICENSE=auto',
    )
  }
  await rememberFreeLicense(deps)
  deps.log.warn('Lago has no premium licence: payments are recorded by payment status only')
}

/** What a free Lago allows: the status without an amount, and our payment's id in the metadata. */
async function markPaidByStatus(deps: Recorder, subject: Subject) {
  const { invoice, payment, amount } = subject
  if (amount !== invoice.total_due_amount_cents) {
    const why = `a free Lago records no part payments, and ${formatLago(invoice.total_due_amount_cents, invoice.currency)} was due`
    return holdPayment(deps, subject, 'mismatch', why)
  }
  await intend(deps, subject, 'status')
  const ours = [{ key: 'dodo_payment_id', value: payment.dodoPaymentId }]
  const metadata = mergeMetadata(asInvoice(invoice).metadata, ours)
  await deps.lago.updateInvoice(invoice.lago_id, {
    payment_status: 'succeeded',
    ...(metadata && { metadata }),
  })
  await markRecorded(deps, subject, 'status')
}

/** The intent is committed before the call, so that no crash in between can hide it. */
async function intend(deps: Recorder, subject: Subject, through: Through): Promise<Date> {
  const startedAt = deps.now()
  const intent = {
    disposition: 'applied' as const,
    status: 'intended' as const,
    amount: subject.amount,
    through,
    repeatableAt: repeatableAfterStart(startedAt),
  }
  await deps.db
    .insert(recordings)
    .values({ ...identityOf(subject), ...intent })
    .onConflictDoUpdate({
      target: [recordings.dodoPaymentId, recordings.lagoInvoiceId],
      set: intent,
    })
  return startedAt
}

async function markRecorded(
  deps: Recorder,
  subject: Subject,
  through: Through,
  lagoPaymentId?: string,
) {
  const { invoice, payment, amount } = subject
  const at = deps.now()
  const recorded = {
    disposition: 'applied' as const,
    status: 'recorded' as const,
    amount,
    through,
    lagoPaymentId: lagoPaymentId ?? null,
    recordedAt: at,
  }
  await deps.db.transaction(async (tx) => {
    await tx
      .insert(recordings)
      .values({ ...identityOf(subject), ...recorded, repeatableAt: at })
      .onConflictDoUpdate({
        target: [recordings.dodoPaymentId, recordings.lagoInvoiceId],
        set: recorded,
      })
    const how = through === 'payment' ? 'as a payment' : 'by payment status (no premium licence)'
    const what = `${formatLago(amount, invoice.currency)} recorded in Lago ${how}, reference ${payment.dodoPaymentId}`
    await note(tx, invoice.lago_id, what, at)
  })
  deps.log.info(
    { lagoInvoiceId: invoice.lago_id, dodoPaymentId: payment.dodoPaymentId, through },
    'payment recorded',
  )
}

/** Money that must not be recorded as it is stays visible until a person has dealt with it. */
export async function holdPayment(
  deps: Pick<Deps, 'db' | 'log' | 'now'>,
  subject: Subject,
  disposition: Disposition,
  reason: string,
) {
  const at = deps.now()
  const held = { disposition, status: 'held' as const, amount: subject.amount, reason }
  await deps.db.transaction(async (tx) => {
    await tx
      .insert(recordings)
      .values({ ...identityOf(subject), ...held, repeatableAt: at })
      .onConflictDoUpdate({
        target: [recordings.dodoPaymentId, recordings.lagoInvoiceId],
        set: held,
      })
    const what = `Dodo payment ${subject.payment.dodoPaymentId} held (${disposition}): ${reason}`
    await note(tx, subject.invoice.lago_id, what, at)
  })
  deps.log.error({ ...identityOf(subject), disposition }, 'payment held')
}

const identityOf = ({ invoice, payment }: Subject) => ({
  dodoPaymentId: payment.dodoPaymentId,
  lagoInvoiceId: invoice.lago_id,
})

const keyOf = (subject: Subject) => {
  const { dodoPaymentId, lagoInvoiceId } = identityOf(subject)
  return and(
    eq(recordings.dodoPaymentId, dodoPaymentId),
    eq(recordings.lagoInvoiceId, lagoInvoiceId),
  )
}

const LOOK_AGAIN_MS = 300
const soon = (now: Date) => new Date(now.getTime() + LOOK_AGAIN_MS)
