import { refundableOf, spareOf } from '../../../collect/decide/allocation.ts'
import { isLost, recordedPayments, type Payment, type Recording } from '../../../collect/ledger.ts'
import { isSupportedCurrency, toDodoMinor } from '../../../collect/money.ts'
import type { Invoice, InvoiceLedger } from './invoice.ts'

/** A payment as Lago holds it. `madeAt` is what was written down as its date, by whoever wrote it. */
export type BooksPayment = {
  booksPaymentId: string
  reference: string | null
  /** Lago's minor units. */
  amount: number
  madeAt: Date | null
}

/**
 * Whether what stands beside a payment in Lago names one of Dodo's, in whatever words and case: whoever writes its id
 * down means it.
 */
export const namesPayment = (reference: string | null | undefined, dodoPaymentId: string) =>
  reference === dodoPaymentId ||
  (reference ?? '').toLowerCase().split(/\W+/u).includes(dodoPaymentId.toLowerCase())

/** All that Lago holds of a payment under its id: a person may have written it down in parts. */
export function sumNamed<Held extends { reference?: string | null | undefined }>(
  books: readonly Held[],
  dodoPaymentId: string,
  amountOf: (held: Held) => number,
): { first: Held; amount: number } | undefined {
  const named = books.filter(({ reference }) => namesPayment(reference, dodoPaymentId))
  const [first] = named
  return first && { first, amount: named.reduce((sum, held) => sum + amountOf(held), 0) }
}

const namesOneOf = (reference: string | null, { payments }: InvoiceLedger) =>
  payments.some(({ dodoPaymentId }) => namesPayment(reference, dodoPaymentId))

/** Two of three clocks are compared, and each may be off by five minutes, one forward and the other back. */
const CLOCKS_APART_MS = 10 * 60_000
/** What was written down by its day alone may have been any hour of it, in any time zone. */
const DAY_APART_MS = 38 * 3_600_000
/** What was written down after a payment and is nearly as much may be the payment, less Dodo's fee. */
const NEARLY_ALL = 0.8

/**
 * What Lago counts for an invoice that cannot be this payment written down in other words, in Lago's minor
 * units: it was counted before the payment was made, or is another sum. Only that proves a payment to be too much.
 */
export function countElsewhere(
  payment: Payment,
  invoice: Invoice,
  ledger: InvoiceLedger,
  books: readonly BooksPayment[],
): number {
  const others = books.filter(({ reference }) => !namesOneOf(reference, ledger))
  const taken = takenByHand(ledger)
  const counted = others
    .filter(({ booksPaymentId }) => !taken.has(booksPaymentId))
    .filter((one) => wasMadeBefore(one, payment) || isOtherSum(one, payment, ledger))
    .reduce((sum, { amount }) => sum + amount, 0)
  // A credit note that is offset against the invoice leaves less to be paid, and is no payment at all.
  const offset =
    invoice.status === 'finalized' &&
    invoice.due >= 0 &&
    invoice.paid + invoice.due <= invoice.total
      ? invoice.total - invoice.paid - invoice.due
      : 0
  return Math.max(counted + offset, countedBefore(payment, ledger))
}

/**
 * What Lago counts for the invoice and we have not recorded: that it was counted by now may prove a later payment to
 * be too much.
 */
export function paidElsewhereOf(invoice: Invoice, { recordings }: InvoiceLedger): number {
  if (invoice.status !== 'finalized') return 0
  const ours = recordings
    .filter(({ status }) => status !== 'held')
    .reduce((sum, { amount }) => sum + amount, 0)
  const { total, due, paymentStatus } = invoice
  const counted = paymentStatus === 'succeeded' ? total : total - due
  return Math.max(0, counted - ours)
}

/** What we saw Lago count before the payment was made: by its checkout, which nobody had paid yet, or by the clock. */
function countedBefore(payment: Payment, { attempts, paidElsewhere }: InvoiceLedger): number {
  if (!paidElsewhere) return 0
  const unpaidAt = attempts.find(({ id }) => id === payment.attemptId)?.unpaidAt
  const wasUnpaid = unpaidAt !== null && unpaidAt !== undefined && unpaidAt >= paidElsewhere.at
  const isLongBefore = payment.madeAt.getTime() - paidElsewhere.at.getTime() > CLOCKS_APART_MS
  return wasUnpaid || isLongBefore ? paidElsewhere.amount : 0
}

/** Midnight somewhere: time zones begin at a full quarter of an hour of UTC. */
const isDayOnly = (madeAt: Date) =>
  madeAt.getUTCMinutes() % 15 === 0 && madeAt.getUTCSeconds() === 0

function wasMadeBefore({ madeAt }: BooksPayment, payment: Payment): boolean {
  if (!madeAt) return false
  const apartMs = isDayOnly(madeAt) ? DAY_APART_MS : CLOCKS_APART_MS
  return payment.madeAt.getTime() - madeAt.getTime() > apartMs
}

const isOtherSum = ({ amount }: { amount: number }, payment: Payment, ledger: InvoiceLedger) =>
  toDodo(amount, payment) < shareOf(payment, ledger) * NEARLY_ALL

const toDodo = (amount: number, { currency }: Payment) =>
  isSupportedCurrency(currency) ? toDodoMinor(amount, currency) : amount

const shareOf = ({ parts, amount }: Payment, { receivableId }: InvoiceLedger) =>
  parts.find((part) => part.receivableId === receivableId)?.share ?? amount

const takenByHand = ({ recordings }: InvoiceLedger) =>
  new Set(recordings.flatMap(({ booksPaymentId }) => booksPaymentId ?? []))

/** Whoever writes a payment of Dodo's down says so; a transfer of the same amount may have come as well. */
const SPEAKS_OF_DODO = /dodo|pay_/iu

/**
 * The payment of Lago's that is this very payment, written down by a person under another name: the very amount,
 * written after it was made, as one of Dodo's. Not when Lago is known to have counted that much before.
 */
export function findByHand(
  payment: Payment,
  ledger: InvoiceLedger,
  books: readonly BooksPayment[],
): BooksPayment | undefined {
  const attempt = ledger.attempts.find(({ id }) => id === payment.attemptId)
  if (!attempt || countedBefore(payment, ledger) > 0) return undefined
  const taken = takenByHand(ledger)
  const madeInSecond = Math.floor(payment.madeAt.getTime() / 1_000) * 1_000
  return books.find(
    ({ booksPaymentId, reference, amount, madeAt }) =>
      !taken.has(booksPaymentId) &&
      !namesOneOf(reference, ledger) &&
      SPEAKS_OF_DODO.test(reference ?? '') &&
      toDodo(amount, payment) === shareOf(payment, ledger) &&
      madeAt !== null &&
      madeAt.getTime() >= madeInSecond,
  )
}

/**
 * How much of the spare money of a payment is proven to be too much, in Dodo's minor units: what the invoice could
 * not have taken of it, given what else Lago counts and what other payments of ours it holds.
 */
export function provenSpareOf(
  payment: Payment,
  recording: Recording,
  invoice: Invoice,
  ledger: InvoiceLedger,
): number {
  const { receivableId } = ledger
  const spare = spareOf(payment, receivableId)
  // What was given back of another payment by credit notes is not owed any more, unless nothing of it is left.
  const ofOthers = recordedPayments(ledger)
    .filter(({ dodoPaymentId }) => dodoPaymentId !== payment.dodoPaymentId)
    .filter((other) => !other.disputes.some(isLost) && refundableOf(other, receivableId) > 0)
    .reduce((sum, other) => sum + takenOf(other, ledger), 0)
  const elsewhere = Math.max(
    toDodo(recording.elsewhere, payment),
    otherSum(payment, invoice, ledger),
  )
  const counted = elsewhere + ofOthers + takenOf(payment, ledger)
  const missing = Math.max(0, toDodo(invoice.total, payment) - counted)
  return Math.max(0, spare - missing)
}

/** What Lago counts from elsewhere, where that is another sum. */
function otherSum(payment: Payment, invoice: Invoice, ledger: InvoiceLedger): number {
  const amount = paidElsewhereOf(invoice, ledger)
  return isOtherSum({ amount }, payment, ledger) ? toDodo(amount, payment) : 0
}

const takenOf = ({ parts }: Payment, { receivableId }: InvoiceLedger) =>
  parts.find((part) => part.receivableId === receivableId)?.taken ?? 0
