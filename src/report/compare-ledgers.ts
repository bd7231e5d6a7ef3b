import { formatDodo } from '../collect/money.ts'

/** An amount in the minor units of the service that it was read from. */
export type Money = { amount: number; currency: string }

/** What the bridge itself has written down about a payment or a refund. */
export type Knowledge =
  | { is: 'unknown' | 'seen' | 'begun' | 'done' }
  /** It must not, or cannot, be written into the books as it is. */
  | { is: 'refused'; why: string }
  /** Lago holds so much of it, in its own minor units, and is not to hold the rest. */
  | { is: 'partly'; amount: number; why: string }
  /** Lago wants money given back that Dodo has not given back. */
  | { is: 'owed'; why: string }

/** What the books hold of a payment or a refund, in all the places where it is written down. */
export type BooksSide = Money & {
  /** Their own, of each record; empty where they are our ledger. */
  id: string
  /** How many payments or credit notes it is. */
  records: number
  /** How often it is there on one invoice: more than once is a fault. */
  times: number
  isByStatus: boolean
}

/**
 * What of one payment or refund is for one receivable, as Dodo and the books show it; null where one does not have it. A
 * payment that pays several is as many entries.
 */
export type Entry = {
  kind: 'payment' | 'refund'
  dodoPaymentId: string | null
  dodoRefundId: string | null
  receivableId: string | null
  /** An invoice's number, or an order's key. */
  name: string | null
  /** When it was made in Dodo, or recorded in the books where Dodo does not have it. */
  madeAt: Date
  /** Empty where nobody says. */
  currency: string
  dodo: Money | null
  books: BooksSide | null
  /** Why a refund was made, or why not all of it is in Lago: one word each. */
  causes: readonly string[]
  /** The notes of the invoice that a refund is about: each is rounded by itself. */
  roundings: number
  knowledge: Knowledge
}

/** Why both sides are not alike, if they are not, and whether that is as it should be. */
export type Explanation = [why: string | undefined, isExplained: boolean]

/** The books that Dodo's are compared with: Lago's, or our own ledger of orders. */
export type Books = {
  name: 'Lago' | 'the ledger'
  /** What they call money that went back. */
  refunds: 'Credits' | 'Refunds'
  /** An amount of theirs in words. */
  format: (amount: number, currency: string) => string
  toDodo: (money: Money) => number
  explain: (entry: Entry, isRecent: boolean) => Explanation
}

/** Something about which Dodo, the books and the bridge do not say the same. */
export type Difference = Pick<Entry, 'dodoPaymentId' | 'dodoRefundId' | 'receivableId' | 'name'> & {
  kind: Entry['kind'] | 'order'
  /** What it was found by; absent where only something beside the books says so. */
  entry?: Entry
  /** What each side holds, in words. */
  sides: string
  why: string
  isExplained: boolean
}
export type Sum = { count: number; amount: number }
export type Side = { payments: Sum; refunds: Sum }
export type CurrencyLine = {
  currency: string
  dodo: Side
  books: Side
  /** Dodo's minor units: what Dodo holds, less what the books say was received. */
  difference: number
  /** Payments that a Lago without a premium licence holds as paid, without an amount. */
  byStatus: number
}

/** What is younger may still be on its way through the queue. */
const RECENT_MS = 3_600_000

/** Both ledgers side by side: a line for each currency, and every difference with its explanation. */
export function compareLedgers(entries: readonly Entry[], books: Books, now: Date) {
  const lines = new Map<string, CurrencyLine>()
  const lineOf = (currency: string) => {
    const line = lines.get(currency) ?? emptyLine(currency)
    lines.set(currency, line)
    return line
  }
  // Dodo has one payment, however many invoices it pays.
  const counted = new Set<string>()
  for (const entry of entries) {
    const sums = entry.kind === 'payment' ? 'payments' : 'refunds'
    if (entry.currency !== '') lineOf(entry.currency)
    if (entry.dodo) {
      const key = `${entry.dodoRefundId ?? entry.dodoPaymentId} ${entry.dodo.currency}`
      addUp(lineOf(entry.dodo.currency).dodo[sums], entry.dodo, counted.has(key) ? 0 : 1)
      counted.add(key)
    }
    if (!entry.books) continue
    const line = lineOf(entry.books.currency)
    addUp(line.books[sums], entry.books, entry.books.records)
    if (entry.books.isByStatus) line.byStatus += 1
  }
  const currencies = [...lines.values()]
    .map((line) => ({ ...line, difference: differenceOf(line, books) }))
    .toSorted((one, other) => one.currency.localeCompare(other.currency))
  const differences = entries.flatMap((entry) => findDifference(entry, books, now) ?? [])
  return { currencies, differences }
}

function addUp(sum: Sum, { amount }: Money, more: number) {
  sum.count += more
  sum.amount += amount
}

const emptySide = () => ({ payments: { count: 0, amount: 0 }, refunds: { count: 0, amount: 0 } })
const emptyLine = (currency: string): CurrencyLine => ({
  currency,
  dodo: emptySide(),
  books: emptySide(),
  difference: 0,
  byStatus: 0,
})

/** Payments less refunds. */
export const netOf = ({ payments, refunds }: Side) => payments.amount - refunds.amount

const differenceOf = ({ currency, dodo, books: held }: CurrencyLine, books: Books): number =>
  netOf(dodo) - books.toDodo({ amount: netOf(held), currency })

function findDifference(entry: Entry, books: Books, now: Date): Difference | undefined {
  const [why, isExplained] = books.explain(
    entry,
    now.getTime() - entry.madeAt.getTime() < RECENT_MS,
  )
  if (why === undefined) return undefined
  const { kind, dodoPaymentId, dodoRefundId, receivableId, name } = entry
  const about = { kind, receivableId, name, dodoPaymentId, dodoRefundId }
  return { entry, ...about, sides: describeSides(entry, books), why, isExplained }
}

function describeSides({ dodo, books: held }: Entry, books: Books): string {
  const inDodo = dodo ? formatDodo(dodo.amount, dodo.currency) : 'nothing'
  const inBooks = held ? books.format(held.amount, held.currency) : 'nothing'
  return `${inDodo} in Dodo, ${inBooks} in ${books.name}`
}
