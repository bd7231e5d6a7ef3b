import { isSupportedCurrency, toDodoMinor } from '../domain/money.ts'

/** An amount in the minor units of the service that it was read from. */
export type Money = { amount: number; currency: string }

/** What the bridge itself has written down about a payment or a refund. */
export type Knowledge =
  | { is: 'unknown' | 'seen' | 'begun' | 'done' }
  /** It must not, or cannot, be written into Lago as it is. */
  | { is: 'refused'; why: string }

/** One payment or refund as both services show it; null where one does not have it. */
export type Entry = {
  kind: 'payment' | 'refund'
  dodoPaymentId: string
  dodoRefundId: string | null
  lagoInvoiceId: string | null
  invoiceNumber: string | null
  /** When it was made in Dodo, or recorded in Lago where Dodo does not have it. */
  madeAt: Date
  dodo: Money | null
  lago: (Money & { id: string; times: number; isByStatus: boolean }) | null
  knowledge: Knowledge
}

/** Something about which the two services, or they and the bridge, do not say the same. */
export type Difference = { entry: Entry; why: string; isExplained: boolean }
type Sum = { count: number; amount: number }
type Side = { payments: Sum; refunds: Sum }
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
/** Credit notes are rounded once by fee and once by tax. */
const ROUNDING_MINOR = 1

/** Both ledgers side by side: a line for each currency, and every difference with its explanation. */
export function compareLedgers(entries: readonly Entry[], now: Date) {
  const lines = new Map<string, CurrencyLine>()
  for (const entry of entries) {
    addUp(lines, 'dodo', entry, entry.dodo)
    addUp(lines, 'lago', entry, entry.lago)
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
) {
  if (!money) return
  const line = lines.get(money.currency) ?? emptyLine(money.currency)
  const sum = line[side][kind === 'payment' ? 'payments' : 'refunds']
  sum.count += side === 'lago' ? (lago?.times ?? 1) : 1
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
  const [why, isExplained] =
    dodo && lago
      ? explainMismatch(entry, dodo, lago)
      : dodo
        ? explainMissingInLago(entry, now)
        : [explainMissingInDodo(entry), false]
  return why === undefined ? undefined : { entry, why, isExplained }
}

type Explanation = [why: string | undefined, isExplained: boolean]

function explainMissingInLago({ kind, knowledge, madeAt }: Entry, now: Date): Explanation {
  const record = kind === 'payment' ? 'recorded' : 'credited'
  const isRecent = now.getTime() - madeAt.getTime() < RECENT_MS
  switch (knowledge.is) {
    case 'refused':
      return [kind === 'payment' ? `held: ${knowledge.why}` : knowledge.why, true]
    case 'done':
      return [`the bridge has ${record} it, and Lago does not show it`, false]
    case 'begun':
      return [`being ${record}; whether Lago has done it is not known yet`, isRecent]
    case 'seen':
    case 'unknown': {
      const whose = knowledge.is === 'unknown' ? ', and unknown to the bridge' : ''
      return [`not yet ${record} in Lago${whose}: run reconcile`, isRecent]
    }
  }
}

const explainMissingInDodo = ({ lago }: Entry) =>
  lago
    ? 'Lago holds it, and Dodo does not show it as succeeded'
    : 'the bridge saw it succeed, and neither service shows it any more'

function explainMismatch(
  { kind, knowledge }: Entry,
  dodo: Money,
  lago: NonNullable<Entry['lago']>,
): Explanation {
  if (lago.times > 1) return [`Lago holds it ${lago.times} times`, false]
  if (lago.currency !== dodo.currency) {
    return [`Dodo holds it in ${dodo.currency}, Lago in ${lago.currency}`, false]
  }
  if (asDodo(lago) === dodo.amount) {
    const isNoted = knowledge.is === 'done' || knowledge.is === 'refused'
    return [
      isNoted ? undefined : 'both agree, but the bridge has not noted it: run reconcile',
      true,
    ]
  }
  const oneMinor = asDodo({ amount: ROUNDING_MINOR, currency: lago.currency })
  const isRounding = Math.abs(asDodo(lago) - dodo.amount) <= oneMinor
  if (kind === 'refund' && isRounding && knowledge.is === 'done') {
    return ['Lago rounded the credit note', true]
  }
  return ['the amounts differ', false]
}
