import { isSupportedCurrency, toDodoMinor } from '../collect/money.ts'
import type { listHeld } from './counts.ts'

type Row = Awaited<ReturnType<typeof listHeld>>[number]

/** Payments that hold money which no invoice takes, each once, with how much of it, in Dodo's minor units. */
export function heldOf(rows: readonly Row[]): (Row & { held: number })[] {
  const byPayment = new Map<string, Row & { held: number }>()
  for (const row of rows) {
    const { amount, recorded, refunded, currency } = row
    const taken = isSupportedCurrency(currency) ? toDodoMinor(recorded, currency) : recorded
    const held = amount - taken - refunded
    const known = byPayment.get(row.dodo_payment_id)
    // One that is held for an invoice says more than one that another invoice took a part of.
    if (held > 0 && (!known || known.disposition === 'overpaid'))
      byPayment.set(row.dodo_payment_id, { ...row, held })
  }
  return [...byPayment.values()]
}
