import { and, eq } from 'drizzle-orm'

import { creditNotes, credits } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { amountToCredit, feeRests, spreadRefund } from '../domain/credit-note.ts'
import type { Payment, Refund } from '../domain/ledger.ts'
import { formatDodo, formatLago, toLagoMinor } from '../domain/money.ts'
import { Later, reasonOf } from '../errors.ts'
import type { LagoCreditNote, LagoInvoice } from '../lago/objects.ts'
import { isFreeLicense, rememberFreeLicense } from './license.ts'
import { note } from './timeline.ts'
import {
  isRefused,
  isUnknown,
  repeatableAfterFailure,
  repeatableAfterStart,
} from './unknown-outcome.ts'

type Crediting = Pick<Deps, 'db' | 'lago' | 'config' | 'log' | 'now'>
type Subject = {
  invoice: LagoInvoice
  payment: Payment
  refund: Refund
  /** Which of the refund's notes on the invoice it is. */
  sequence: number
  amount: number
  /** What of the refund the note stands for, from which its amount may differ by Lago's rounding. */
  refunded: number
}

/** Dodo gave money back, so Lago holds a credit note for exactly that much: one per refund, whatever is lost. */
export async function creditRefund(
  deps: Crediting,
  invoice: LagoInvoice,
  {
    payment,
    refund,
    amount: given,
    sequence,
  }: { payment: Payment; refund: Refund; amount: number; sequence: number },
): Promise<void> {
  const currency = refund.currency ?? invoice.currency
  const amount = toLagoMinor(given, currency)
  const subject = { invoice, payment, refund, sequence, amount: amount ?? 0, refunded: amount ?? 0 }
  if (amount === undefined || currency !== invoice.currency) {
    return giveUp(
      deps,
      subject,
      `Lago cannot hold ${formatDodo(given, currency)} on an invoice in ${invoice.currency}`,
    )
  }

  const notes = await deps.lago.listCreditNotes(invoice)
  const known = findNote(await withoutClaimed(deps, subject, notes), subject)
  if (known) return finish(deps, subject, known)

  const [begun] = await deps.db.select().from(credits).where(keyOf(subject))
  if (begun && begun.repeatableAt > deps.now()) {
    throw new Later(
      `whether Lago credited ${refund.dodoRefundId} is not known yet`,
      begun.repeatableAt,
    )
  }
  if (await isFreeLicense(deps)) return giveUp(deps, subject, FREE_LICENSE, true)
  const toCredit = amountToCredit(subject.amount, {
    paid: invoice.total_paid_amount_cents,
    notes: notes.map(({ refund_amount_cents }) => ({ refunded: refund_amount_cents })),
  })
  await createCreditNote(deps, { ...subject, amount: toCredit }, notes)
}

const FREE_LICENSE = 'a Lago without a premium licence holds no credit notes made through its API'

/** The notes that stand for no other refund, nor for another part of this one. */
async function withoutClaimed({ db }: Crediting, subject: Subject, notes: LagoCreditNote[]) {
  const { dodoRefundId, lagoInvoiceId, sequence } = identityOf(subject)
  const rows = await db.select().from(credits).where(eq(credits.lagoInvoiceId, lagoInvoiceId))
  const claimed = new Set(
    rows
      .filter((one) => one.dodoRefundId !== dodoRefundId || one.sequence !== sequence)
      .filter(({ status }) => status === 'credited')
      .map(({ lagoCreditNoteId }) => lagoCreditNoteId),
  )
  return notes.filter(({ lago_id, metadata }) => !claimed.has(lago_id) || namesSeveral(metadata))
}

/** A merchant's note that several refunds carried out names them all. */
const refundsNamedBy = (metadata: LagoCreditNote['metadata']) =>
  metadata?.['dodo_refund_id']?.split(',') ?? []
const namesSeveral = (metadata: LagoCreditNote['metadata']) => refundsNamedBy(metadata).length > 1

/**
 * The note of this refund, if there is one: ours, or one of the merchant's for the same amount that nobody has
 * answered for, which then is why the merchant refunded it in Dodo by hand.
 */
const findNote = (notes: LagoCreditNote[], { payment, refund, amount }: Subject) =>
  notes.find(({ metadata }) => refundsNamedBy(metadata).includes(refund.dodoRefundId)) ??
  notes.find(
    ({ lago_id, metadata, refund_amount_cents, refund_status }) =>
      !metadata?.['dodo_refund_id'] &&
      refund_amount_cents === amount &&
      (refund_status === 'pending' || refund_status === 'failed') &&
      !isBeingCarriedOut(lago_id, payment),
  )

const isBeingCarriedOut = (lagoCreditNoteId: string, { orders, refunds }: Payment) =>
  orders.some(
    (order) =>
      order.lagoCreditNoteId === lagoCreditNoteId &&
      order.status !== 'refused' &&
      !refunds.some(
        ({ dodoRefundId, status }) => dodoRefundId === order.dodoRefundId && status === 'failed',
      ),
  )

async function createCreditNote(deps: Crediting, subject: Subject, notes: LagoCreditNote[]) {
  const { invoice, payment, refund, amount } = subject
  const rests = restsOf(invoice, notes)
  if (rests.length === 0)
    return giveUp(deps, subject, 'earlier credit notes used up all fees of the invoice')

  let startedAt = deps.now()
  try {
    const estimate = await deps.lago.estimateCreditNote({
      invoice_id: invoice.lago_id,
      items: rests.map(({ feeId, whole }) => ({ fee_id: feeId, amount_cents: whole })),
    })
    const worthOfWhole =
      rests.reduce((sum, { whole }) => sum + whole, 0) -
      estimate.precise_coupons_adjustment_amount_cents +
      estimate.precise_taxes_amount_cents
    // Not before: how long a lost create may still take effect is counted from here.
    startedAt = await intend(deps, subject)
    const created = await deps.lago.createCreditNote({
      invoice_id: invoice.lago_id,
      reason: 'other',
      description: `Refund ${refund.dodoRefundId} in Dodo Payments`,
      refund_amount_cents: amount,
      credit_amount_cents: 0,
      items: spreadRefund(amount, rests, worthOfWhole),
      metadata: { dodo_refund_id: refund.dodoRefundId, dodo_payment_id: payment.dodoPaymentId },
    })
    await finish(deps, subject, created)
  } catch (error) {
    if (isUnknown(error)) {
      const repeatableAt = repeatableAfterFailure(error, startedAt, deps.now())
      await deps.db.update(credits).set({ status: 'unknown', repeatableAt }).where(keyOf(subject))
      throw new Later(error.message, new Date(deps.now().getTime() + LOOK_AGAIN_MS))
    }
    await deps.db.delete(credits).where(and(keyOf(subject), eq(credits.status, 'intended')))
    if (!isRefused(error) || error.status === 401) throw error
    if (error.status !== 403) return giveUp(deps, subject, reasonOf(error))
    await rememberFreeLicense(deps)
    await giveUp(deps, subject, FREE_LICENSE, true)
  }
}

const LOOK_AGAIN_MS = 300

const restsOf = (invoice: LagoInvoice, notes: LagoCreditNote[]) =>
  feeRests(
    invoice.fees.map((fee) => ({
      feeId: fee.lago_id,
      amount: fee.amount_cents,
      coupons: fee.precise_coupons_amount_cents,
      taxPercent: fee.taxes_rate,
    })),
    notes
      .flatMap(({ items }) => items)
      .map(({ fee, amount_cents, precise_amount_cents }) => ({
        feeId: fee.lago_id,
        amount: amount_cents,
        preciseAmount: precise_amount_cents ?? amount_cents,
      })),
  )

async function intend(deps: Crediting, subject: Subject): Promise<Date> {
  const startedAt = deps.now()
  const intent = {
    status: 'intended' as const,
    amount: subject.amount,
    repeatableAt: repeatableAfterStart(startedAt),
  }
  await write(deps, subject, intent)
  return startedAt
}

/** The money has arrived at the customer, which Lago learns as the note's refund status. */
async function finish(deps: Crediting, subject: Subject, creditNote: LagoCreditNote) {
  const { invoice, refund, amount, payment } = subject
  if (creditNote.refund_status !== 'succeeded') {
    const ids = { dodo_refund_id: refund.dodoRefundId, dodo_payment_id: payment.dodoPaymentId }
    await deps.lago.setRefundStatus(
      creditNote.lago_id,
      'succeeded',
      creditNote.metadata?.['dodo_refund_id'] ? undefined : ids,
    )
  }
  const at = deps.now()
  const held = creditNote.refund_amount_cents
  const drift = held === amount ? '' : `; Lago rounded it to ${formatLago(held, invoice.currency)}`
  await deps.db.transaction(async (tx) => {
    const credited = {
      status: 'credited' as const,
      lagoCreditNoteId: creditNote.lago_id,
      creditedAt: at,
    }
    await write({ ...deps, db: tx }, subject, { amount: held, repeatableAt: at, ...credited })
    await tx
      .update(creditNotes)
      .set({ refundStatus: 'succeeded', reason: null })
      .where(eq(creditNotes.lagoCreditNoteId, creditNote.lago_id))
    const what = `refund ${refund.dodoRefundId} of ${formatLago(amount, invoice.currency)} credited in Lago (credit note ${creditNote.lago_id})${drift}`
    await note(tx, invoice.lago_id, what, at)
  })
  deps.log.info({ ...identityOf(subject), lagoCreditNoteId: creditNote.lago_id }, 'refund credited')
}

async function giveUp(deps: Crediting, subject: Subject, reason: string, needsLicense = false) {
  const at = deps.now()
  const { invoice, refund, amount } = subject
  await deps.db.transaction(async (tx) => {
    const impossible = { status: 'impossible' as const, reason, needsLicense }
    await write({ ...deps, db: tx }, subject, { amount, repeatableAt: at, ...impossible })
    const what = `refund ${refund.dodoRefundId} of ${formatLago(amount, invoice.currency)} not credited: ${reason}`
    await note(tx, invoice.lago_id, what, at)
  })
  deps.log.error(identityOf(subject), 'refund not credited')
}

type Values = Omit<typeof credits.$inferInsert, 'dodoRefundId' | 'lagoInvoiceId' | 'sequence'>

async function write({ db }: { db: Parameters<typeof note>[0] }, subject: Subject, values: Values) {
  await db
    .insert(credits)
    .values({ ...identityOf(subject), ...values, refunded: subject.refunded })
    .onConflictDoUpdate({
      target: [credits.dodoRefundId, credits.lagoInvoiceId, credits.sequence],
      set: { ...values, refunded: subject.refunded },
    })
}

const identityOf = ({ invoice, refund, sequence }: Subject) => ({
  dodoRefundId: refund.dodoRefundId,
  lagoInvoiceId: invoice.lago_id,
  sequence,
})

const keyOf = (subject: Subject) => {
  const { dodoRefundId, lagoInvoiceId, sequence } = identityOf(subject)
  return and(
    eq(credits.dodoRefundId, dodoRefundId),
    eq(credits.lagoInvoiceId, lagoInvoiceId),
    eq(credits.sequence, sequence),
  )
}

/** Dodo took a refund back that Lago had credited: the note says so, and a person decides. */
export async function reverseCredit(
  { db, lago, now }: Crediting,
  lagoInvoiceId: string,
  dodoRefundId: string,
): Promise<void> {
  const key = and(eq(credits.dodoRefundId, dodoRefundId), eq(credits.lagoInvoiceId, lagoInvoiceId))
  const credited = await db
    .select()
    .from(credits)
    .where(and(key, eq(credits.status, 'credited')))
  for (const { lagoCreditNoteId } of credited)
    if (lagoCreditNoteId) await lago.setRefundStatus(lagoCreditNoteId, 'failed')
  await db.transaction(async (tx) => {
    await tx
      .update(credits)
      .set({ status: 'reversed' })
      .where(and(key, eq(credits.status, 'credited')))
    await note(tx, lagoInvoiceId, `refund ${dodoRefundId} failed after it had been credited`, now())
  })
}
