import type { BooksSide, Entry, Money } from './compare-ledgers.ts'

/** One record of Lago's, and the invoices that it is on. */
export type Held = Money & { id: string; on: string; isByStatus?: boolean }

/** What Lago holds in several places, as one; null where it holds nothing. */
export function asLagoSide(held: readonly Held[]): BooksSide | null {
  const [first] = held
  if (!first) return null
  const places = Map.groupBy(held, ({ on }) => on)
  return {
    id: held.map(({ id }) => id).join(', '),
    amount: held.reduce((sum, { amount }) => sum + amount, 0),
    currency: first.currency,
    records: held.length,
    times: Math.max(...[...places.values()].map(({ length }) => length)),
    isByStatus: held.some(({ isByStatus }) => isByStatus),
  }
}

/** An entry of an invoice, in the currency of the side that has it. */
export const asLagoEntry = (entry: Omit<Entry, 'currency'>): Entry => ({
  ...entry,
  currency: entry.dodo?.currency ?? entry.books?.currency ?? '',
})
