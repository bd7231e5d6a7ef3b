import { formatDodo } from '../collect/money.ts'
import type { SourceDifference } from '../billers/orders/source.ts'
import type { Side, Sum } from './compare-ledgers.ts'
import type { OfOrder, OrderEntry } from './order-entries.ts'

export type OrderLine = {
  currency: string
  dodo: Side
  ledger: Side
  /** What Dodo holds, less what orders took. */
  difference: number
}

/** Something about which Dodo, the ledger and the source's own books do not say the same. */
export type OrderDifference = {
  kind: 'payment' | 'refund' | 'order'
  orderId: string | null
  key: string
  dodoPaymentId: string | null
  dodoRefundId: string | null
  /** What each side holds, in words. */
  sides: string
  why: string
  isExplained: boolean
}

/** What one tenant of a source collected in one mode. */
export type OrderSection = Pick<OfOrder, 'source' | 'tenant' | 'mode'> & {
  entries: readonly OrderEntry[]
  currencies: readonly OrderLine[]
  differences: readonly OrderDifference[]
}

/** What is younger may still be on its way through the queue. */
const RECENT_MS = 3_600_000

/** Dodo against the ledger: a line for each currency, and every difference with its explanation. */
export function compareOrders(entries: readonly OrderEntry[], now: Date) {
  const lines = new Map<string, OrderLine>()
  for (const entry of entries) {
    const line = lines.get(entry.currency) ?? emptyLine(entry.currency)
    lines.set(entry.currency, line)
    const part = entry.kind === 'payment' ? 'payments' : 'refunds'
    addUp(line.dodo[part], entry.dodo)
    addUp(line.ledger[part], entry.ledger)
  }
  const currencies = [...lines.values()]
    .map((line) => ({ ...line, difference: netOf(line.dodo) - netOf(line.ledger) }))
    .toSorted((one, other) => one.currency.localeCompare(other.currency))
  return { currencies, differences: entries.flatMap((entry) => explain(entry, now) ?? []) }
}

const addUp = (sum: Sum, amount: number | null) => {
  if (amount === null) return
  sum.count += 1
  sum.amount += amount
}

export const netOf = ({ payments, refunds }: Side) => payments.amount - refunds.amount

const emptySide = () => ({ payments: { count: 0, amount: 0 }, refunds: { count: 0, amount: 0 } })
const emptyLine = (currency: string): OrderLine => ({
  currency,
  dodo: emptySide(),
  ledger: emptySide(),
  difference: 0,
})

function explain(entry: OrderEntry, now: Date): OrderDifference | undefined {
  const isRecent = now.getTime() - entry.madeAt.getTime() < RECENT_MS
  const [why, isExplained] = explainSides(entry, isRecent)
  if (why === undefined) return undefined
  const { kind, orderId, key, dodoPaymentId, dodoRefundId } = entry
  return {
    kind,
    orderId,
    key,
    dodoPaymentId,
    dodoRefundId,
    sides: describeSides(entry),
    why,
    isExplained,
  }
}

function explainSides(
  { dodo, ledger, knowledge }: OrderEntry,
  isRecent: boolean,
): [why: string | undefined, isExplained: boolean] {
  if (dodo === null) return ['the ledger holds it, and Dodo does not show it as succeeded', false]
  if (ledger !== null) return dodo === ledger ? [undefined, true] : ['the amounts differ', false]
  switch (knowledge.is) {
    case 'refused':
      return [knowledge.why, true]
    case 'begun':
      return ['what it counts as is being decided: run reconcile', isRecent]
    case 'unseen':
    case 'done':
      return ['not in the ledger yet: run reconcile', isRecent]
  }
}

function describeSides({ dodo, ledger, currency }: OrderEntry): string {
  const write = (amount: number | null) =>
    amount === null ? 'nothing' : formatDodo(amount, currency)
  return `${write(dodo)} in Dodo, ${write(ledger)} in the ledger`
}

/** What a source's own books do not agree with, as a difference of its section. */
export const asDifference = (found: SourceDifference): OrderDifference => ({
  kind: 'order',
  dodoRefundId: null,
  ...found,
})
