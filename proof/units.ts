/**
 * The two services' units, written down a second time on purpose: whoever is to notice a mistake in the bridge's table
 * must not read it. They differ on the forint, of which Lago counts whole ones (the Ruby gem `money`) and Dodo hundredths.
 */
const HUNDREDTHS_AT_DODO_ONLY = new Set(['HUF'])

const factor = (currency: string) => (HUNDREDTHS_AT_DODO_ONLY.has(currency) ? 100 : 1)

/** Lago's minor units in Dodo's. */
export const toDodo = (amount: number, currency: string) => amount * factor(currency)

/** Dodo's minor units in Lago's; undefined where Lago has none so small. */
export function toLago(amount: number, currency: string): number | undefined {
  const inLago = amount / factor(currency)
  return Number.isInteger(inLago) ? inLago : undefined
}
