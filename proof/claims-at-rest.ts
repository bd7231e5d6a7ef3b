import { eq } from 'drizzle-orm'

import { amountsOf } from '../sandbox/lago/store/amounts.ts'
import type { Database } from '../src/db/client.ts'
import { dismissals, receivables, recordings } from '../src/db/schema.ts'
import { formatDodo } from '../src/collect/money.ts'
import {
  aliveRefundsOf,
  invoicesOf,
  ownMoney,
  recordedOf,
  refundsNamedBy,
  sumOf,
  textOf,
  type Books,
  type Violation,
} from './books.ts'
import { toDodo } from './units.ts'

type Payment = ReturnType<typeof ownMoney>[number]
type Invoice = ReturnType<typeof invoicesOf>[number]

const LOST = new Set(['dispute_lost', 'dispute_accepted', 'dispute_expired'])

/** What holds once all has come to rest, and everything was heard of. */
export async function atRest(db: Database, books: Books): Promise<Violation[]> {
  const shown = await shownToAPerson(db)
  return [
    ...(await keptSilently(db, books, shown)),
    ...disagreeing(books, shown),
    ...paidAndNotShown(books),
  ]
}

/** The receivables that a person is told to look at, or was. */
async function shownToAPerson(db: Database): Promise<ReadonlySet<string>> {
  const open = await db
    .select({ id: receivables.receivableId })
    .from(receivables)
    .where(eq(receivables.state, 'attention'))
  const aside = await db.select({ id: dismissals.receivableId }).from(dismissals)
  const accepted = await db
    .select({ id: recordings.receivableId })
    .from(recordings)
    .where(eq(recordings.ruling, 'accepted'))
  return new Set([...open, ...aside, ...accepted].map(({ id }) => id))
}

/**
 * I6: of every payment that came in through the bridge each minor unit is recorded on an invoice, was given back, went in
 * a dispute, or is shown to a person.
 */
async function keptSilently(
  db: Database,
  books: Books,
  shown: ReadonlySet<string>,
): Promise<Violation[]> {
  const found: Violation[] = []
  for (const payment of ownMoney(books)) {
    const { payment_id: id, total_amount: amount, currency, created_at, metadata } = payment
    const invoices = invoicesOf(books, payment)
    const orderId = textOf(metadata['bridge_order'])
    if (invoices.length === 0 && orderId === '') continue
    if (payment.disputes.some(({ dispute_status }) => LOST.has(dispute_status))) continue
    if ([orderId, ...invoices.map(({ lago_id }) => lago_id)].some((one) => shown.has(one))) continue
    const accounted = (await takenOf(db, books, payment)) + returnedSpareOf(books, payment)
    const missing = amount - accounted
    // Each note may be a unit off, by Lago's rounding of tax.
    const rounding = toDodo(notesOf(books, payment).length, currency)
    if (missing <= rounding) continue
    const of = orderId || invoices.map(({ number }) => number).join(', ')
    const money = formatDodo(missing, currency)
    found.push({
      rule: 'I6',
      story: `${money} of ${id}, paid for ${of} at ${created_at}, are neither recorded nor given back, and nobody is told`,
    })
  }
  return found
}

/** In Dodo's minor units, what the books hold of a payment, also where they were told by the status alone. */
async function takenOf(
  db: Database,
  books: Books,
  { payment_id, currency }: Payment,
): Promise<number> {
  const recorded = recordedOf(books).filter(({ reference }) => reference === payment_id)
  if (recorded.length > 0) return toDodo(sumOf(recorded.map((one) => one.amount_cents)), currency)
  const rows = await db.select().from(recordings).where(eq(recordings.dodoPaymentId, payment_id))
  const isTrue = (id: string) => {
    const invoice = books.lago.store.invoices.get(id)
    return !invoice || invoice.payment_status === 'succeeded'
  }
  const counted = rows.filter(
    ({ status, receivableId }) => status === 'recorded' && isTrue(receivableId),
  )
  return toDodo(sumOf(counted.map((one) => one.amount)), currency)
}

/** The notes that stand for refunds of a payment. */
function notesOf(books: Books, { payment_id }: Payment) {
  const refunds = new Set(aliveRefundsOf(books, payment_id).map(({ refund_id }) => refund_id))
  return books.lago.store.creditNotes.filter((note) =>
    refundsNamedBy(note).some((one) => refunds.has(one)),
  )
}

/** What went back of what no invoice took: a refund that a credit note stands for gave back what one had taken. */
function returnedSpareOf(books: Books, payment: Payment): number {
  const refunded = sumOf(aliveRefundsOf(books, payment.payment_id).map((one) => one.amount))
  const noted = sumOf(notesOf(books, payment).map((one) => one.refund_amount_cents))
  return refunded - toDodo(noted, payment.currency)
}

/** Both books say the same of an invoice: what Dodo keeps of its payments is what Lago holds less what it credited. */
function disagreeing(books: Books, shown: ReadonlySet<string>): Violation[] {
  if (!books.lago.isPremium()) return []
  return [...books.lago.store.invoices.values()].flatMap((invoice) => {
    const paid = recordedOf(books).filter((one) => one.invoice === invoice)
    if (paid.length === 0 || shown.has(invoice.lago_id)) return []
    const payments = paid.flatMap(({ reference }) => books.dodo.store.payments.get(reference) ?? [])
    const isOfOne = payments.every((one) => invoicesOf(books, one).length === 1)
    const isDisputed = payments.some(({ disputes }) => disputes.length > 0)
    if (!isOfOne || isDisputed || hasNamelessNotes(books, invoice)) return []
    return compare(books, invoice, payments)
  })
}

/** A Lago before 1.37 keeps no metadata of notes: what they are for nobody outside can tell. */
const hasNamelessNotes = ({ lago }: Books, invoice: Invoice) =>
  lago.store.creditNotes.some(
    (note) =>
      note.invoice === invoice && note.metadata === undefined && note.refund_amount_cents > 0,
  )

function compare(books: Books, invoice: Invoice, payments: readonly Payment[]): Violation[] {
  const { currency, number } = invoice
  const inLago = recordedOf(books).filter((one) => one.invoice === invoice)
  const notes = books.lago.store.creditNotes
    .filter((note) => note.invoice === invoice && note.refund_status === 'succeeded')
    .filter((note) => refundsNamedBy(note).length > 0)
  const held =
    sumOf(inLago.map((one) => one.amount_cents)) -
    sumOf(notes.map((one) => one.refund_amount_cents))
  const kept = sumOf(payments.map((one) => one.total_amount - succeededRefundsOf(books, one)))
  const apart = Math.abs(toDodo(held, currency) - kept)
  if (apart <= toDodo(notes.length, currency)) return []
  const story = `${number}: Lago holds ${formatDodo(toDodo(held, currency), currency)} of what Dodo keeps ${formatDodo(kept, currency)} of`
  return [{ rule: 'I6', story }]
}

const succeededRefundsOf = (books: Books, { payment_id }: Payment) =>
  sumOf(
    aliveRefundsOf(books, payment_id)
      .filter(({ status }) => status === 'succeeded')
      .map((one) => one.amount),
  )

/** I4, the other way round: an invoice that is paid through us is shown as paid. */
function paidAndNotShown(books: Books): Violation[] {
  const { lago } = books
  const invoices = new Set(recordedOf(books).map(({ invoice }) => invoice))
  return [...invoices].flatMap((invoice) => {
    const { total, offset } = amountsOf(invoice, lago.store)
    const isWhole = invoice.total_paid_amount_cents + offset === total
    const isWrong = invoice.status === 'finalized' && invoice.payment_status !== 'succeeded'
    const story = `${invoice.number} is paid in full, and Lago shows it as ${invoice.payment_status}`
    return isWhole && isWrong ? [{ rule: 'I4', story }] : []
  })
}
