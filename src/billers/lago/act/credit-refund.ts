import { and, eq, inArray } from 'drizzle-orm'

import type { Executor } from '../../../db/client.ts'
import { creditNotes, credits } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import { amountToCredit, feeRests, spreadRefund } from '../spread-refund.ts'
import type { Payment, Refund } from '../../../collect/ledger.ts'
import { formatDodo, formatBooks, toBooksMinor } from '../../../collect/money.ts'
import { meaningOf } from '../../../refusals.ts'
import { Later, reasonOf } from '../../../errors.ts'
import type { NewCreditNote } from '../../../lago/client.ts'
import type { LagoCreditNote, LagoInvoice } from '../../../lago/objects.ts'
import { isAsSeen } from '../../../collect/fence.ts'
import { isFreeLicense, rememberFreeLicense } from '../license.ts'
import { refundCreditedBy } from './observe-credit-note.ts'
import { once } from '../../../collect/once.ts'
import { explainSettings } from '../../../collect/explain-settings.ts'
import { note } from '../../../collect/timeline.ts'
import { isRefused } from '../../../collect/unknown-outcome.ts'

type Row = typeof credits.$inferSelect
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
  const amount = toBooksMinor(given, currency)
  const subject = { invoice, payment, refund, sequence, amount: amount ?? 0, refunded: amount ?? 0 }
  if (amount === undefined || currency !== invoice.currency) {
    return giveUp(
      deps,
      subject,
      `Lago cannot hold ${formatDodo(given, currency)} on an invoice in ${invoice.currency}`,
    )
  }

  const [begun] = await deps.db.select().from(credits).where(keyOf(subject))
  const isUnderWay = begun?.status === 'intended' || begun?.status === 'unknown'
  // Until then our own may still come, and the refund would have two.
  const isInDoubt = isUnderWay && begun.repeatableAt !== null && begun.repeatableAt > deps.now()
  let notes: LagoCreditNote[] = []
  await once<NewCreditNote, LagoCreditNote>(deps, {
    what: `whether Lago credited ${refund.dodoRefundId}`,
    repeatableAt: isUnderWay ? begun.repeatableAt : undefined,
    async find() {
      notes = await deps.lago.listCreditNotes(invoice)
      const unclaimed = await withoutClaimed(deps, subject, notes)
      return (
        findOwn(unclaimed, subject, begun?.creditNoteId) ??
        (isInDoubt ? undefined : findByHand(unclaimed, subject))
      )
    },
    prepare: () => prepare(deps, subject, notes),
    reserve: deps.lago.reserve,
    intend: (body, repeatableAt) => intend(deps, subject, { begun, body, repeatableAt }),
    make: (body, turn) => deps.lago.createCreditNote(body, turn),
    keep: (creditNote) => keep(deps, subject, creditNote),
    doubt: (repeatableAt) => doubt(deps, subject, repeatableAt),
    forget: () => forget(deps, subject),
    async refused(refusal) {
      await forget(deps, subject)
      const explained = explainSettings(refusal)
      if (explained) throw explained
      if (meaningOf(refusal) === 'later') throw new Later(refusal.message, soon(deps.now()))
      await giveUp(deps, subject, reasonOf(refusal))
    },
  })
}

const BUSY_MS = 5_000
const soon = (now: Date) => new Date(now.getTime() + BUSY_MS)
const FREE_LICENSE = 'a Lago without a premium licence holds no credit notes made through its API'

/** The notes that stand for no other refund, nor for another part of this one. */
async function withoutClaimed({ db }: Crediting, subject: Subject, notes: LagoCreditNote[]) {
  const { dodoRefundId, receivableId, sequence } = identityOf(subject)
  const rows = await db.select().from(credits).where(eq(credits.receivableId, receivableId))
  const claimed = new Set(
    rows
      .filter((one) => one.dodoRefundId !== dodoRefundId || one.sequence !== sequence)
      .filter(({ status }) => status === 'credited')
      .map(({ creditNoteId }) => creditNoteId),
  )
  return notes.filter((one) => !claimed.has(one.lago_id) || refundsNamedBy(one).length > 1)
}

/** A merchant's note that several refunds carried out names them all. */
const refundsNamedBy = (creditNote: LagoCreditNote) =>
  refundCreditedBy(creditNote)?.split(',') ?? []

/** The note of this refund, if there is one that says so. */
const findOwn = (
  notes: readonly LagoCreditNote[],
  { refund }: Subject,
  creditNoteId: string | null | undefined,
) =>
  notes.find(({ lago_id }) => lago_id === creditNoteId) ??
  notes.find((one) => refundsNamedBy(one).includes(refund.dodoRefundId))

/** One of the merchant's for the same amount that nobody has answered for, which then is why they refunded it in Dodo by hand. */
const findByHand = (notes: readonly LagoCreditNote[], { payment, amount }: Subject) =>
  notes.find(
    (one) =>
      !refundCreditedBy(one) &&
      one.refund_amount_cents === amount &&
      (one.refund_status === 'pending' || one.refund_status === 'failed') &&
      !isBeingCarriedOut(one.lago_id, payment),
  )

const isBeingCarriedOut = (creditNoteId: string, { orders, refunds }: Payment) =>
  orders.some(
    (order) =>
      order.creditNoteId === creditNoteId &&
      order.status !== 'refused' &&
      !refunds.some(
        ({ dodoRefundId, status }) => dodoRefundId === order.dodoRefundId && status === 'failed',
      ),
  )

/** What Lago would take for exactly the refund. Undefined when it can hold no note for it, which is written down. */
async function prepare(
  deps: Crediting,
  subject: Subject,
  notes: LagoCreditNote[],
): Promise<NewCreditNote | undefined> {
  const { invoice, payment, refund } = subject
  const cannot = (reason: string, needsLicense = false) =>
    giveUp(deps, subject, reason, needsLicense).then(() => undefined)
  if (await isFreeLicense(deps, 'credit_notes')) return cannot(FREE_LICENSE, true)
  const amount = amountToCredit(subject.amount, {
    paid: invoice.total_paid_amount_cents,
    notes: notes.map(({ refund_amount_cents }) => ({ refunded: refund_amount_cents })),
  })
  const rests = restsOf(invoice, notes)
  if (rests.length === 0) return cannot('earlier credit notes used up all fees of the invoice')
  const estimate = await deps.lago
    .estimateCreditNote({
      invoice_id: invoice.lago_id,
      items: rests.map(({ feeId, whole }) => ({ fee_id: feeId, amount_cents: whole })),
    })
    .catch(async (error: unknown) => {
      if (!isRefused(error)) throw error
      const meaning = meaningOf(error)
      // Estimating needs the licence that crediting needs, and depends on nothing else of the invoice's.
      if (meaning === 'licence') {
        await rememberFreeLicense(deps, 'credit_notes')
        return cannot(FREE_LICENSE, true)
      }
      const explained = explainSettings(error)
      if (explained) throw explained
      if (meaning === 'later') throw new Later(error.message, soon(deps.now()))
      return cannot(reasonOf(error))
    })
  if (!estimate) return undefined
  const worthOfWhole =
    rests.reduce((sum, { whole }) => sum + whole, 0) -
    estimate.precise_coupons_adjustment_amount_cents +
    estimate.precise_taxes_amount_cents
  return {
    invoice_id: invoice.lago_id,
    reason: 'other',
    description: describe(refund),
    refund_amount_cents: amount,
    credit_amount_cents: 0,
    items: spreadRefund(amount, rests, worthOfWhole),
    metadata: { dodo_refund_id: refund.dodoRefundId, dodo_payment_id: payment.dodoPaymentId },
  }
}

/** Also how a note of ours is known again where Lago keeps no metadata of notes (before 1.37). */
const describe = ({ dodoRefundId }: Refund) => `Refund ${dodoRefundId} in Dodo Payments`

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

const isOpen = inArray(credits.status, ['intended', 'unknown'])

/** False when somebody else has begun, credited or given it up since it was seen. */
async function intend(
  deps: Crediting,
  subject: Subject,
  {
    begun,
    body,
    repeatableAt,
  }: { begun: Row | undefined; body: NewCreditNote; repeatableAt: Date },
): Promise<boolean> {
  const { refunded } = subject
  const amount = body.refund_amount_cents
  const intent = { status: 'intended' as const, amount, refunded, repeatableAt }
  const rows = await deps.db
    .insert(credits)
    .values({ ...identityOf(subject), ...intent })
    .onConflictDoUpdate({
      target: [credits.dodoRefundId, credits.receivableId, credits.sequence],
      set: intent,
      setWhere: isAsSeen(credits, begun),
    })
    .returning({ status: credits.status })
  return rows.length > 0
}

const doubt = async ({ db }: Crediting, subject: Subject, repeatableAt: Date): Promise<void> =>
  void (await db
    .update(credits)
    .set({ status: 'unknown', repeatableAt })
    .where(and(keyOf(subject), isOpen)))

const forget = async ({ db }: Crediting, subject: Subject): Promise<void> =>
  void (await db.delete(credits).where(and(keyOf(subject), isOpen)))

/** The note is there, with the amount that Lago gave it. That the money has arrived is told it next. */
async function keep(deps: Crediting, subject: Subject, creditNote: LagoCreditNote) {
  const { invoice, refund, amount } = subject
  const at = deps.now()
  const held = creditNote.refund_amount_cents
  const drift = held === amount ? '' : `; Lago rounded it to ${formatBooks(held, invoice.currency)}`
  await deps.db.transaction(async (tx) => {
    await write({ db: tx }, subject, {
      status: 'credited',
      amount: held,
      creditNoteId: creditNote.lago_id,
      reason: null,
      repeatableAt: at,
      creditedAt: at,
      toldAt: creditNote.refund_status === 'succeeded' ? at : null,
    })
    await tx
      .update(creditNotes)
      .set({ reason: null })
      .where(eq(creditNotes.creditNoteId, creditNote.lago_id))
    const what = `refund ${refund.dodoRefundId} of ${formatBooks(amount, invoice.currency)} credited in Lago (credit note ${creditNote.lago_id})${drift}`
    await note(tx, invoice.lago_id, what, at)
  })
  deps.log.info({ ...identityOf(subject), creditNoteId: creditNote.lago_id }, 'refund credited')
}

/** The money has arrived at the customer, which Lago learns as the note's refund status. */
export async function tellCredit(
  { db, lago, now }: Pick<Crediting, 'db' | 'lago' | 'now'>,
  receivableId: string,
  credit: { dodoRefundId: string; dodoPaymentId: string; sequence: number },
): Promise<void> {
  const { dodoRefundId, dodoPaymentId, sequence } = credit
  const key = and(
    eq(credits.dodoRefundId, dodoRefundId),
    eq(credits.receivableId, receivableId),
    eq(credits.sequence, sequence),
  )
  const [row] = await db.select().from(credits).where(key)
  const creditNoteId = row?.creditNoteId
  if (!creditNoteId) return
  await lago.setRefundStatus(creditNoteId, 'succeeded', {
    dodo_refund_id: dodoRefundId,
    dodo_payment_id: dodoPaymentId,
  })
  await db.transaction(async (tx) => {
    await tx.update(credits).set({ toldAt: now() }).where(key)
    await tx
      .update(creditNotes)
      .set({ refundStatus: 'succeeded', reason: null })
      .where(eq(creditNotes.creditNoteId, creditNoteId))
  })
}

async function giveUp(deps: Crediting, subject: Subject, reason: string, needsLicense = false) {
  const at = deps.now()
  const { invoice, refund, amount } = subject
  await deps.db.transaction(async (tx) => {
    const impossible = { status: 'impossible' as const, reason, needsLicense }
    await write({ db: tx }, subject, { amount, repeatableAt: at, ...impossible })
    const what = `refund ${refund.dodoRefundId} of ${formatBooks(amount, invoice.currency)} not credited: ${reason}`
    await note(tx, invoice.lago_id, what, at)
  })
  deps.log.error(identityOf(subject), 'refund not credited')
}

type Values = Omit<typeof credits.$inferInsert, 'dodoRefundId' | 'receivableId' | 'sequence'>

async function write({ db }: { db: Executor }, subject: Subject, values: Values) {
  await db
    .insert(credits)
    .values({ ...identityOf(subject), ...values, refunded: subject.refunded })
    .onConflictDoUpdate({
      target: [credits.dodoRefundId, credits.receivableId, credits.sequence],
      set: { ...values, refunded: subject.refunded },
    })
}

const identityOf = ({ invoice, refund, sequence }: Subject) => ({
  dodoRefundId: refund.dodoRefundId,
  receivableId: invoice.lago_id,
  sequence,
})

const keyOf = (subject: Subject) => {
  const { dodoRefundId, receivableId, sequence } = identityOf(subject)
  return and(
    eq(credits.dodoRefundId, dodoRefundId),
    eq(credits.receivableId, receivableId),
    eq(credits.sequence, sequence),
  )
}

/** Dodo took a refund back that Lago had credited: the note says so, and a person decides. */
export async function reverseCredit(
  { db, lago, now }: Crediting,
  receivableId: string,
  dodoRefundId: string,
): Promise<void> {
  const key = and(eq(credits.dodoRefundId, dodoRefundId), eq(credits.receivableId, receivableId))
  const credited = await db
    .select()
    .from(credits)
    .where(and(key, eq(credits.status, 'credited')))
  for (const { creditNoteId } of credited)
    if (creditNoteId) await lago.setRefundStatus(creditNoteId, 'failed')
  await db.transaction(async (tx) => {
    await tx
      .update(credits)
      .set({ status: 'reversed' })
      .where(and(key, eq(credits.status, 'credited')))
    await note(tx, receivableId, `refund ${dodoRefundId} failed after it had been credited`, now())
  })
}
