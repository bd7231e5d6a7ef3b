import { and, eq } from 'drizzle-orm'

import { receivables, recordings } from '../../../db/schema.ts'
import type { Deps } from '../../../deps.ts'
import type { Disposition, Payment, Recording } from '../../../collect/ledger.ts'
import { findEntry } from '../decide/metadata.ts'
import { formatBooks, toBooksMinor } from '../../../collect/money.ts'
import {
  countElsewhere,
  findByHand,
  paidElsewhereOf,
  sumNamed,
  type BooksPayment,
} from '../decide/proof.ts'
import type { LagoInvoice } from '../../../lago/objects.ts'
import { asInvoice } from '../invoice.ts'
import { holdPayment as hold } from './record-payment.ts'
import type { InvoiceLedger } from '../decide/invoice.ts'
import { note } from '../../../collect/timeline.ts'

type Holding = Pick<Deps, 'db' | 'lago' | 'log' | 'now'>
type Subject = { invoice: LagoInvoice; ledger: InvoiceLedger; payment: Payment }
/** How Lago counts a payment: as a payment of its own, or by the status of the invoice. */
type Found = {
  through: 'payment' | 'status'
  amount: number
  booksPaymentId: string | null
  how: string
}

/**
 * Money that must not be recorded as it is stays visible until a person has dealt with it. Lago is asked first:
 * what it holds under the payment's reference is taken for what it is, whatever this ledger knows of it.
 */
export async function holdPayment(
  deps: Holding,
  subject: Subject,
  { disposition, why }: { disposition: Disposition; why: string },
): Promise<void> {
  const books = await readBooks(deps, subject.invoice)
  const found = findInBooks(subject, books)
  if (found) return adopt(deps, subject, found)
  const { invoice, payment } = subject
  await hold(deps, { invoice, payment, amount: 0 }, disposition, why)
  await keepLook(deps, subject, books)
}

/** Looks whether somebody has recorded held money since, and what else Lago counts for the invoice. */
export async function lookForPayment(
  deps: Holding,
  subject: Subject,
  { status, amount }: Recording,
): Promise<void> {
  const books = await readBooks(deps, subject.invoice)
  const found = status === 'held' ? findInBooks(subject, books) : findMore(subject, books, amount)
  if (found) return adopt(deps, subject, found)
  await keepLook(deps, subject, books)
}

async function readBooks({ lago }: Holding, invoice: LagoInvoice): Promise<BooksPayment[]> {
  const listed = await lago.listPayments(invoice.lago_id)
  return listed.map(({ lago_id, reference, amount_cents, created_at }) => ({
    booksPaymentId: lago_id,
    reference: reference ?? null,
    amount: amount_cents,
    madeAt: created_at ?? null,
  }))
}

function findNamed({ payment }: Subject, books: readonly BooksPayment[]): Found | undefined {
  const held = sumNamed(books, payment.dodoPaymentId, ({ amount }) => amount)
  if (!held) return undefined
  const { first, amount } = held
  const how = 'it holds it under this reference'
  return { through: 'payment', amount, booksPaymentId: first.booksPaymentId, how }
}

/** A person has written down another part since, of what seemed to be too much. */
function findMore(
  subject: Subject,
  books: readonly BooksPayment[],
  recorded: number,
): Found | undefined {
  const named = findNamed(subject, books)
  return named && named.amount > recorded ? named : undefined
}

function findInBooks(subject: Subject, books: readonly BooksPayment[]): Found | undefined {
  const { invoice, ledger, payment } = subject
  const { dodoPaymentId } = payment
  const named = findNamed(subject, books)
  if (named) return named
  const { metadata, paymentStatus, total } = asInvoice(invoice)
  const isNamed = findEntry(metadata, 'dodo_payment_id')?.value === dodoPaymentId
  if (isNamed && paymentStatus === 'succeeded' && books.length === 0) {
    const paid = toBooksMinor(payment.amount, payment.currency) ?? total
    const amount = Math.min(paid, total)
    return { through: 'status', amount, booksPaymentId: null, how: 'the paid invoice names it' }
  }
  const byHand = findByHand(payment, ledger, books)
  if (!byHand) return undefined
  const { amount, booksPaymentId, reference } = byHand
  const how = `it was recorded by hand${reference ? ` as ${reference}` : ''}`
  return { through: 'payment', amount, booksPaymentId, how }
}

/** Lago counts it, so there is nothing to be done about it. */
async function adopt(
  deps: Holding,
  { invoice, payment }: Subject,
  { through, amount, booksPaymentId, how }: Found,
) {
  const at = deps.now()
  const recorded = {
    disposition: 'applied' as const,
    status: 'recorded' as const,
    amount,
    through,
    booksPaymentId,
    reason: null,
    recordedAt: at,
  }
  const identity = { dodoPaymentId: payment.dodoPaymentId, receivableId: invoice.lago_id }
  await deps.db.transaction(async (tx) => {
    await tx
      .insert(recordings)
      .values({ ...identity, ...recorded, repeatableAt: at })
      .onConflictDoUpdate({
        target: [recordings.dodoPaymentId, recordings.receivableId],
        set: recorded,
      })
    const what = `Lago counts ${formatBooks(amount, invoice.currency)} of Dodo payment ${payment.dodoPaymentId}: ${how}`
    await note(tx, invoice.lago_id, what, at)
  })
  deps.log.info(identity, 'payment found in Lago')
}

/** What was found out about other money of the invoice, and when. */
async function keepLook(
  { db, now }: Holding,
  { invoice, ledger, payment }: Subject,
  books: readonly BooksPayment[],
) {
  const elsewhere = countElsewhere(payment, asInvoice(invoice), ledger, books)
  await db
    .update(recordings)
    .set({ lookedAt: now(), elsewhere })
    .where(
      and(
        eq(recordings.dodoPaymentId, payment.dodoPaymentId),
        eq(recordings.receivableId, invoice.lago_id),
      ),
    )
}

/** Remembers what Lago counts from elsewhere. More than before counts from now, less since when it was more. */
export async function notePaidElsewhere(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  invoice: LagoInvoice,
  ledger: InvoiceLedger,
): Promise<InvoiceLedger['paidElsewhere']> {
  const before = ledger.paidElsewhere
  const amount = paidElsewhereOf(asInvoice(invoice), ledger)
  if (amount === (before?.amount ?? 0)) return before
  const at = before && amount < before.amount ? before.at : now()
  await db
    .update(receivables)
    .set({ paidElsewhere: amount, paidElsewhereAt: at })
    .where(eq(receivables.receivableId, invoice.lago_id))
  return { amount, at }
}
