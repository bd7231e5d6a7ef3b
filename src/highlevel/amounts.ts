const MAX_DIGITS = 12

/**
 * A decimal of major units, as a number or as text, in hundredths; undefined when it has more decimals, is
 * negative, or is no number. On text, since 19.99 × 100 is 1998.9999999999998.
 */
export function toHundredths(amount: unknown): number | undefined {
  if (typeof amount !== 'number' && typeof amount !== 'string') return undefined
  const match = /^(\d+)(?:\.(\d{0,2})0*)?$/.exec(String(amount).trim())
  const [, whole = '', fraction = ''] = match ?? []
  if (!match || whole.length > MAX_DIGITS) return undefined
  return Number(`${whole}${fraction.padEnd(2, '0')}`)
}

/** Hundredths as the decimal number that HighLevel writes. */
export const toMajor = (hundredths: number): number => Number((hundredths / 100).toFixed(2))
