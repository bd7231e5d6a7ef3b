import { assureAttempt } from '../../../collect/act/observe.ts'
import { and, eq, inArray, ne } from 'drizzle-orm'

import { recordings } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import type { Disposition, Payment } from '../../../collect/ledger.ts'
import { findEntry, mergeMetadata } from '../decide/metadata.ts'
import { sumNamed } from '../decide/proof.ts'
import { formatBooks } from '../../../collect/money.ts'
import { meaningOf } from '../../../refusals.ts'
import { Later, PermanentError, reasonOf } from '../../../errors.ts'
import { isReadWithin, suppose } from '../../../lago/just-read.ts'
import type { LagoInvoice, LagoPayment } from '../../../lago/objects.ts'
import { isAsSeen } from '../../../collect/fence.ts'
import { isFreeLicense, rememberFreeLicense } from '../license.ts'
import { asInvoice } from '../invoice.ts'
import { once } from '../../../collect/once.ts'
import { explainSettings } from '../../../collect/explain-settings.ts'
import { note } from '../../../collect/timeline.ts'
import { isRefused, type Refusal } from '../../../collect/unknown-outcome.ts'

type Recorder = Pick<Deps, 'db' | 'lago' | 'config' | 'log' | 'now'>
type Subject = { invoice: LagoInvoice; payment: Payment; amount: number }
type Row = typeof recordings.$inferSelect
type NewPayment = Parameters<Deps['lago']['createPayment']>[0]

/** What Lago showed of an invoice within this shows every payment that it holds of it. */
const SHOWN_MS = 2_000

/**
 * Dodo took the money, so Lago's invoice says so: once, however often this is run and whatever answer is
 * lost. Lago knows no idempotency, so every run looks for our reference first. Returns the invoice as it is then, where
 * the answers tell.
 */
export async function recordPayment(
  deps: Recorder,
  subject: Subject,
): Promise<LagoInvoice | undefined> {
  const { invoice, payment } = subject
  let told: LagoInvoice | undefined
  const begun = await findRecording(deps, subject)
  const isOurs =
    begun?.through === 'status' ||
    findEntry(asInvoice(invoice).metadata, 'dodo_payment_id')?.value === payment.dodoPaymentId
  const made = await createPayment(deps, subject, begun, async () => {
    if (invoice.payment_status === 'succeeded') {
      if (isOurs) await markRecorded(deps, subject, { through: 'status' })
      else await holdSettled(deps, subject)
      return false
    }
    if (!(await isFreeLicense(deps, 'payments'))) return true
    told = await markPaidByStatus(deps, subject)
    return false
  })
  return told ?? (made && paidInFull(deps, invoice, made))
}

/** A payment of all that is due completes the invoice (lago-api `svc/payments/manual_create_service.rb`). */
const paidInFull = (
  { lago }: Recorder,
  invoice: LagoInvoice,
  { amount_cents: amount }: LagoPayment,
): LagoInvoice | undefined =>
  amount === invoice.total_due_amount_cents && lago.can('completing_payment')
    ? suppose(invoice, {
        payment_status: 'succeeded',
        total_paid_amount_cents: invoice.total_paid_amount_cents + amount,
        total_due_amount_cents: 0,
      })
    : undefined

/** An invoice of which nothing is paid holds no payment, and so none of ours: it need not be looked for. */
const isUntouched = (invoice: LagoInvoice) =>
  isReadWithin(invoice, SHOWN_MS) && invoice.total_paid_amount_cents === 0

const holdSettled = (deps: Recorder, subject: Subject) =>
  holdPayment(deps, subject, 'duplicate', 'Lago already held the invoice as paid by other means')

/**
 * A refund can only be credited where a payment was recorded: one that a free Lago was told of by its status
 * alone is recorded as soon as there is a licence. Returns the invoice as it then is.
 */
export async function backRecord(
  deps: Recorder,
  { invoice, payment }: { invoice: LagoInvoice; payment: Payment },
): Promise<LagoInvoice> {
  const subject = { invoice, payment, amount: 0 }
  const recording = await findRecording(deps, subject)
  const isByStatus = recording?.through === 'status' && invoice.total_paid_amount_cents === 0
  if (!isByStatus || (await isFreeLicense(deps, 'payments'))) return invoice
  const whole = { ...subject, amount: recording.amount }
  await createPayment(deps, whole, recording, async () => true)
  return (await deps.lago.findInvoice(invoice.lago_id)) ?? invoice
}

async function findRecording({ db }: Recorder, subject: Subject): Promise<Row | undefined> {
  const [row] = await db.select().from(recordings).where(keyOf(subject))
  return row
}

/** Found by its reference, or made; `isToBeMade` has the last word, once a look has found nothing. */
async function createPayment(
  deps: Recorder,
  subject: Subject,
  begun: Row | undefined,
  isToBeMade: () => Promise<boolean>,
): Promise<LagoPayment | undefined> {
  const { invoice, payment, amount } = subject
  const reference = payment.dodoPaymentId
  const isUnderWay = begun?.status === 'intended' || begun?.status === 'unknown'
  const recorded = await once<NewPayment, LagoPayment>(deps, {
    what: `whether Lago recorded ${reference}`,
    repeatableAt: isUnderWay ? begun.repeatableAt : undefined,
    async find() {
      if (begun === undefined && isUntouched(invoice)) return undefined
      const listed = await deps.lago.listPayments(invoice.lago_id)
      const held = sumNamed(listed, reference, (one) => one.amount_cents)
      return held && { ...held.first, amount_cents: held.amount }
    },
    async prepare() {
      if (!(await isToBeMade())) return undefined
      const paidAt = payment.madeAt.toISOString()
      return { invoice_id: invoice.lago_id, amount_cents: amount, reference, paid_at: paidAt }
    },
    reserve: deps.lago.reserve,
    intend: (_body, repeatableAt) => intend(deps, subject, begun, repeatableAt),
    make: (body, turn) => deps.lago.createPayment(body, turn),
    keep: ({ lago_id, amount_cents }) =>
      markRecorded(
        deps,
        { ...subject, amount: amount_cents },
        { through: 'payment', booksPaymentId: lago_id },
      ),
    async doubt(repeatableAt) {
      await deps.db
        .update(recordings)
        .set({ status: 'unknown', repeatableAt })
        .where(and(keyOf(subject), isOpen))
    },
    forget: () => forget(deps, subject, begun),
    async refused(refusal) {
      await forget(deps, subject, begun)
      await explain(deps, subject, refusal)
    },
  })
  if (recorded) await deps.lago.completePayment(invoice.lago_id)
  return recorded
}

const isOpen = inArray(recordings.status, ['intended', 'unknown'])

/**
 * The intent is committed before the call, so that no crash in between can hide it. False when somebody else has
 * begun or finished it since it was seen.
 */
async function intend(
  deps: Recorder,
  subject: Subject,
  begun: Row | undefined,
  repeatableAt: Date,
): Promise<boolean> {
  const intent = {
    disposition: 'applied' as const,
    status: 'intended' as const,
    amount: subject.amount,
    // Until the payment is there it is the status that tells, of which the metadata may have no room to say whose it is.
    through: begun?.through === 'status' ? ('status' as const) : ('payment' as const),
    repeatableAt,
  }
  const rows = await deps.db
    .insert(recordings)
    .values({ ...identityOf(subject), ...intent })
    .onConflictDoUpdate({
      target: [recordings.dodoPaymentId, recordings.receivableId],
      set: intent,
      setWhere: isAsSeen(recordings, begun),
    })
    .returning({ status: recordings.status })
  return rows.length > 0
}

/** Nothing was recorded as a payment. What the status alone had told stays told. */
async function forget({ db }: Recorder, subject: Subject, begun: Row | undefined): Promise<void> {
  const isOurs = and(keyOf(subject), isOpen)
  if (begun?.through === 'status') {
    const { status, through, amount } = begun
    await db.update(recordings).set({ status, through, amount }).where(isOurs)
  } else await db.delete(recordings).where(isOurs)
}

/** Lago answers 403 for a missing licence, a missing permission and an invoice that takes no payments alike. */
async function explain(deps: Recorder, subject: Subject, refusal: Refusal) {
  const explained = explainSettings(refusal)
  if (explained) throw explained
  const meaning = meaningOf(refusal)
  if (meaning === 'later') throw new Later(refusal.message, soon(deps.now(), BUSY_MS))
  const fresh = await deps.lago.findInvoice(subject.invoice.lago_id)
  const hasChanged =
    fresh?.status !== subject.invoice.status ||
    fresh.total_due_amount_cents !== subject.invoice.total_due_amount_cents ||
    fresh.payment_status !== subject.invoice.payment_status
  // The next decision is made on what the invoice is now.
  if (hasChanged) return
  // Lago says the same of an invoice that is void, whatever its licence: what was paid on it is held.
  if (fresh.status === 'voided') return
  if (meaning !== 'licence') {
    throw new PermanentError(
      `Lago does not record payment ${subject.payment.dodoPaymentId}: ${reasonOf(refusal)}`,
      { cause: refusal },
    )
  }
  if (deps.config.lago.license === 'premium') {
    throw new PermanentError(
      'Lago refuses payments for want of a premium licence: set LAGO_LICENSE=auto',
    )
  }
  await rememberFreeLicense(deps, 'payments')
  deps.log.warn('Lago has no premium licence: payments are recorded by payment status only')
}

/** What a free Lago allows: the status without an amount, and our payment's id in the metadata. */
async function markPaidByStatus(
  deps: Recorder,
  subject: Subject,
): Promise<LagoInvoice | undefined> {
  const { invoice, payment, amount } = subject
  if (amount !== invoice.total_due_amount_cents) {
    const why = `a free Lago records no part payments, and ${formatBooks(invoice.total_due_amount_cents, invoice.currency)} was due`
    await holdPayment(deps, subject, 'mismatch', why)
    return undefined
  }
  // Telling it twice changes nothing, so it need not be waited for; that it was told by status must be known.
  const at = deps.now()
  const intent = {
    disposition: 'applied' as const,
    status: 'intended' as const,
    amount,
    through: 'status' as const,
    repeatableAt: at,
  }
  await deps.db
    .insert(recordings)
    .values({ ...identityOf(subject), ...intent })
    .onConflictDoUpdate({
      target: [recordings.dodoPaymentId, recordings.receivableId],
      set: intent,
    })
  const ours = [{ key: 'dodo_payment_id', value: payment.dodoPaymentId }]
  const metadata = mergeMetadata(asInvoice(invoice).metadata, ours)
  const told = await markSucceeded(deps, invoice, metadata)
  await markRecorded(deps, subject, { through: 'status' })
  return told
}

/** Lago does both or neither, and the metadata is a convenience: refused with it, the invoice is marked without. */
async function markSucceeded(
  { lago }: Recorder,
  { lago_id }: LagoInvoice,
  metadata: ReturnType<typeof mergeMetadata>,
): Promise<LagoInvoice> {
  const paid = { payment_status: 'succeeded' as const }
  if (!metadata) return lago.updateInvoice(lago_id, paid)
  try {
    return await lago.updateInvoice(lago_id, { ...paid, metadata })
  } catch (error) {
    if (!isRefused(error) || error.status !== 422) throw error
    return lago.updateInvoice(lago_id, paid)
  }
}

async function markRecorded(
  deps: Recorder,
  subject: Subject,
  { through, booksPaymentId }: { through: 'payment' | 'status'; booksPaymentId?: string },
) {
  const { invoice, payment, amount } = subject
  const at = deps.now()
  const recorded = {
    disposition: 'applied' as const,
    status: 'recorded' as const,
    amount,
    through,
    booksPaymentId: booksPaymentId ?? null,
    recordedAt: at,
  }
  await deps.db.transaction(async (tx) => {
    await tx
      .insert(recordings)
      .values({ ...identityOf(subject), ...recorded, repeatableAt: at })
      .onConflictDoUpdate({
        target: [recordings.dodoPaymentId, recordings.receivableId],
        set: recorded,
      })
    const how = through === 'payment' ? 'as a payment' : 'by payment status (no premium licence)'
    const what = `${formatBooks(amount, invoice.currency)} recorded in Lago ${how}, reference ${payment.dodoPaymentId}`
    await note(tx, invoice.lago_id, what, at)
  })
  deps.log.info(
    { receivableId: invoice.lago_id, dodoPaymentId: payment.dodoPaymentId, through },
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
    await assureAttempt(tx, subject.payment, at)
    await tx
      .insert(recordings)
      .values({ ...identityOf(subject), ...held, repeatableAt: at })
      .onConflictDoUpdate({
        target: [recordings.dodoPaymentId, recordings.receivableId],
        set: held,
        // What Lago holds is recorded, whatever was decided meanwhile.
        setWhere: ne(recordings.status, 'recorded'),
      })
    const what = `Dodo payment ${subject.payment.dodoPaymentId} held (${disposition}): ${reason}`
    await note(tx, subject.invoice.lago_id, what, at)
  })
  deps.log.error({ ...identityOf(subject), disposition }, 'payment held')
}

const identityOf = ({ invoice, payment }: Subject) => ({
  dodoPaymentId: payment.dodoPaymentId,
  receivableId: invoice.lago_id,
})

const keyOf = (subject: Subject) => {
  const { dodoPaymentId, receivableId } = identityOf(subject)
  return and(eq(recordings.dodoPaymentId, dodoPaymentId), eq(recordings.receivableId, receivableId))
}

const BUSY_MS = 5_000
const soon = (now: Date, ms: number) => new Date(now.getTime() + ms)
