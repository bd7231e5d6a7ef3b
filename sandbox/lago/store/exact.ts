/** A rational number: shares of cents are added up without drifting, and rounded only where Lago rounds. */
export type Exact = { readonly numerator: bigint; readonly denominator: bigint }

export const ZERO: Exact = { numerator: 0n, denominator: 1n }

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?$/
/** JavaScript writes numbers below 1e-6 with an exponent; nothing here is meant that finely. */
const MAX_NUMBER_DIGITS = 15

/** The exact value of a decimal text or of a number as JSON would print it. */
export function exact(value: number | bigint | string): Exact {
  if (typeof value === 'bigint') return { numerator: value, denominator: 1n }

  const text = typeof value === 'string' ? value : plainDigits(value)
  const match = DECIMAL.exec(text)
  if (!match) throw new TypeError(`${text.slice(0, 40)} is not a decimal number`)

  const [, sign = '', whole = '0', fraction = ''] = match
  const digits = BigInt(whole + fraction)
  return reduce(sign ? -digits : digits, 10n ** BigInt(fraction.length))
}

/** The sum of any number of exact values. */
export function sum(values: Iterable<Exact>): Exact {
  let total = ZERO
  for (const value of values) total = add(total, value)
  return total
}

/** a + b. */
export function add(a: Exact, b: Exact): Exact {
  const numerator = a.numerator * b.denominator + b.numerator * a.denominator
  return reduce(numerator, a.denominator * b.denominator)
}

/** a - b. */
export function subtract(a: Exact, b: Exact): Exact {
  return add(a, { numerator: -b.numerator, denominator: b.denominator })
}

/** a · b. */
export function multiply(a: Exact, b: Exact): Exact {
  return reduce(a.numerator * b.numerator, a.denominator * b.denominator)
}

/** a / b, and zero for b = 0, as every share of nothing is nothing. */
export function divide(a: Exact, b: Exact): Exact {
  if (b.numerator === 0n) return ZERO
  return reduce(a.numerator * b.denominator, a.denominator * b.numerator)
}

/** The nearest whole number; halves go away from zero, as Ruby rounds. */
export function round({ numerator, denominator }: Exact): number {
  const magnitude = numerator < 0n ? -numerator : numerator
  const rounded = (2n * magnitude + denominator) / (2n * denominator)
  return Number(numerator < 0n ? -rounded : rounded)
}

/** The nearest value with so many decimal digits. */
export function roundTo(value: Exact, digits: number): Exact {
  const scale = 10n ** BigInt(digits)
  const scaled = multiply(value, exact(scale))
  return reduce(BigInt(round(scaled)), scale)
}

/** The text Rails gives a decimal: at least one digit after the point, no trailing zeros. */
export function decimalText(value: Exact, digits = 5): string {
  const scale = 10n ** BigInt(digits)
  const scaled = BigInt(round(multiply(value, exact(scale))))
  const magnitude = (scaled < 0n ? -scaled : scaled).toString().padStart(digits + 1, '0')
  const whole = magnitude.slice(0, magnitude.length - digits)
  const fraction = magnitude.slice(-digits).replace(/0+$/, '') || '0'
  return `${scaled < 0n ? '-' : ''}${whole}.${fraction}`
}

/** The nearest JSON number. */
export function toNumber(value: Exact, digits = 5): number {
  return Number(decimalText(value, digits))
}

function plainDigits(value: number): string {
  const text = String(value)
  return text.includes('e') ? value.toFixed(MAX_NUMBER_DIGITS) : text
}

function reduce(numerator: bigint, denominator: bigint): Exact {
  if (numerator === 0n) return ZERO
  const sign = denominator < 0n ? -1n : 1n
  let [a, b] = [numerator < 0n ? -numerator : numerator, denominator * sign]
  while (b !== 0n) [a, b] = [b, a % b]
  return { numerator: (numerator * sign) / a, denominator: (denominator * sign) / a }
}
