import { isSupportedCurrency, toDodoMinor } from '../collect/money.ts'

/** An amount in the minor units of the service that it was read from. */
export type Money = { amount: number; currency: string }

/** What the bridge itself has written down about a payment or a refund. */
export type Knowledge =
  | { is: 'unknown' | 'seen' | 'begun' | 'done' }
  /** It must not, or cannot, be written into Lago as it is. */
  | { is: 'refused'; why: string }
  /** Lago holds so much of it, in its own minor units, and is not to hold the rest. */
  | { is: 'partly'; amount: number; why: string }
  /** Lago wants money given back that Dodo has not given back. */
  | { is: 'owed'; why: string }

/** What Lago holds of a payment or a refund, in all the places where it is written down. */
export type LagoSide = Money & {
  id: string
  /** How many payments or credit notes it is. */
  records: number
  /** How often it is there on one invoice: more than once is a fault. */
  times: number
  isByStatus: boolean
}

/**
 * What of one payment or refund is for one invoice, as both services show it; null where one does not have it. A payment
 * that pays several is as many entries.
 */
export type Entry = {
  kind: 'payment' | 'refund'
  dodoPaymentId: string | null
  dodoRefundId: string | null
  lagoInvoiceId: string | null
  invoiceNumber: string | null
  /** When it was made in Dodo, or recorded in Lago where Dodo does not have it. */
  madeAt: Date
  dodo: Money | null
  lago: LagoSide | null
  /** Why a refund was made, or why not all of it is in Lago: one word each. */
  causes: readonly string[]
  /** The notes of the invoice that a refund is about: each is rounded by itself. */
  roundings: number
  knowledge: Knowledge
}

/** Something about which the two services, or they and the bridge, do not say the same. */
export type Difference = { entry: Entry; why: string; isExplained: boolean }
export type Sum = { count: number; amount: number }
export type Side = { payments: Sum; refunds: Sum }
export type CurrencyLine = {
  currency: string
  dodo: Side
  lago: Side
  /** Dodo's minor units: what Dodo holds, less what Lago says was received. */
  difference: number
  /** Payments that a Lago without a premium licence holds as paid, without an amount. */
  byStatus: number
}

/** What is younger may still be on its way through the queue. */
const RECENT_MS = 3_600_000
/** A credit note is rounded once by fee and once by tax; the last of several makes up for them all. */
const ROUNDING_MINOR = 1

/** Both ledgers side by side: a line for each currency, and every difference with its explanation. */
export function compareLedgers(entries: readonly Entry[], now: Date) {
  const lines = new Map<string, CurrencyLine>()
  // Dodo has one payment, however many invoices it pays.
  const counted = new Set<string>()
  for (const entry of entries) {
    const key = `${entry.dodoRefundId ?? entry.dodoPaymentId} ${entry.dodo?.currency}`
    addUp(lines, 'dodo', entry, entry.dodo, counted.has(key) ? 0 : 1)
    counted.add(key)
    addUp(lines, 'lago', entry, entry.lago, entry.lago?.records ?? 0)
  }
  const currencies = [...lines.values()]
    .map((line) => ({ ...line, difference: differenceOf(line) }))
    .toSorted((one, other) => one.currency.localeCompare(other.currency))
  const differences = entries.flatMap((entry) => explainDifference(entry, now) ?? [])
  return { currencies, differences }
}

function addUp(
  lines: Map<string, CurrencyLine>,
  side: 'dodo' | 'lago',
  { kind, lago }: Entry,
  money: Money | null,
  more: number,
) {
  if (!money) return
  const line = lines.get(money.currency) ?? emptyLine(money.currency)
  const sum = line[side][kind === 'payment' ? 'payments' : 'refunds']
  sum.count += more
  sum.amount += money.amount
  if (side === 'lago' && lago?.isByStatus) line.byStatus += 1
  lines.set(money.currency, line)
}

const emptySide = () => ({ payments: { count: 0, amount: 0 }, refunds: { count: 0, amount: 0 } })
const emptyLine = (currency: string): CurrencyLine => ({
  currency,
  dodo: emptySide(),
  lago: emptySide(),
  difference: 0,
  byStatus: 0,
})

function differenceOf({ currency, dodo, lago }: CurrencyLine): number {
  const inLago = lago.payments.amount - lago.refunds.amount
  return dodo.payments.amount - dodo.refunds.amount - asDodo({ amount: inLago, currency })
}

/** A currency that cannot be carried over never leaves one service, and so is only ever shown. */
const asDodo = ({ amount, currency }: Money) =>
  isSupportedCurrency(currency) ? toDodoMinor(amount, currency) : amount

function explainDifference(entry: Entry, now: Date): Difference | undefined {
  const { dodo, lago } = entry
  const isRecent = now.getTime() - entry.madeAt.getTime() < RECENT_MS
  const [why, isExplained] =
    dodo && lago
      ? explainMismatch(entry, { dodo, lago, isRecent })
      : dodo
        ? explainMissingInLago(entry, isRecent)
        : explainMissingInDodo(entry, isRecent)
  return why === undefined ? undefined : { entry, why, isExplained }
}

type Explanation = [why: string | undefined, isExplained: boolean]

function explainMissingInLago({ kind, knowledge }: Entry, isRecent: boolean): Explanation {
  const record = kind === 'payment' ? 'recorded' : 'credited'
  switch (knowledge.is) {
    case 'refused':
      return [kind === 'payment' ? `held: ${knowledge.why}` : knowledge.why, true]
    case 'partly':
      if (knowledge.amount === 0) return [knowledge.why, true]
      return [`the bridge has ${record} part of it, and Lago does not show it`, false]
    case 'done':
      return [`the bridge has ${record} it, and Lago does not show it`, false]
    case 'begun':
      return [`being ${record}; whether Lago has done it is not known yet`, isRecent]
    case 'owed':
      return [knowledge.why, true]
    case 'seen':
    case 'unknown': {
      const whose = knowledge.is === 'unknown' ? ', and unknown to the bridge' : ''
      return [`not yet ${record} in Lago${whose}: run reconcile`, isRecent]
    }
  }
}

function explainMissingInDodo(
  { kind, dodoRefundId, lago, knowledge }: Entry,
  isRecent: boolean,
): Explanation {
  if (knowledge.is === 'owed') return [knowledge.why, true]
  if (!lago) return ['the bridge saw it succeed, and neither service shows it any more', false]
  if (kind === 'refund' && dodoRefundId === null) {
    return ['Lago wants it given back, and the bridge does not know: run reconcile', isRecent]
  }
  return ['Lago holds it, and Dodo does not show it as succeeded', false]
}

function explainMismatch(
  { kind, knowledge, roundings }: Entry,
  { dodo, lago, isRecent }: { dodo: Money; lago: LagoSide; isRecent: boolean },
): Explanation {
  const { currency } = lago
  if (currency !== dodo.currency) {
    return [`Dodo holds it in ${dodo.currency}, Lago in ${currency}`, false]
  }
  const missing = dodo.amount - asDodo(lago)
  const isAsKnown = knowledge.is !== 'partly' || knowledge.amount === lago.amount
  // A person may have written it down in parts.
  const areParts = missing === 0 && isAsKnown
  if (lago.times > 1 && !areParts) return [`Lago holds it ${lago.times} times`, false]
  if (missing === 0) return explainAgreement(knowledge)
  if (knowledge.is === 'partly' && lago.amount === knowledge.amount) return [knowledge.why, true]

  const most = asDodo({ amount: ROUNDING_MINOR * Math.max(roundings, 1), currency })
  if (kind === 'refund' && Math.abs(missing) <= most && knowledge.is === 'done') {
    return ['Lago rounded the credit note', true]
  }
  const isUnderWay = knowledge.is === 'begun' || knowledge.is === 'seen'
  if (isUnderWay && missing > 0) return ['only part of it is in Lago yet', isRecent]
  return ['the amounts differ', false]
}

/** What a person wrote down by hand, against the bridge's own judgement, is as good. */
const explainAgreement = ({ is }: Knowledge): Explanation => [
  is === 'unknown' || is === 'seen' || is === 'begun'
    ? 'both agree, but the bridge has not noted it: run reconcile'
    : undefined,
  true,
]
