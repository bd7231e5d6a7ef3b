import type { CustomerBaseObject, InvoiceBaseObject } from 'lago-javascript-client'
import { invalid } from './refusal.ts'

export type Currency = InvoiceBaseObject['currency']
export type Country = NonNullable<CustomerBaseObject['country']>

/** Digits after the point as Lago counts them, where it is not two; HUF and MGA differ from ISO 4217. */
const EXPONENTS: Readonly<Record<string, number>> = {
  ...Object.fromEntries(
    'BIF CLP DJF GNF HUF ISK JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF'
      .split(' ')
      .map((code) => [code, 0]),
  ),
  BHD: 3,
  JOD: 3,
  KWD: 3,
  CLF: 4,
}

const CODES: ReadonlySet<string> = new Set([...Intl.supportedValuesOf('currency'), 'CLF'])

/** How many digits of a currency's minor unit stand after the point. */
export function exponentOf(currency: Currency): number {
  return EXPONENTS[currency] ?? 2
}

/** A currency, or Lago's refusal of what is not one. */
export function readCurrency(value: unknown): Currency {
  if (isCurrency(value)) return value
  throw invalid({ currency: ['value_is_invalid'] })
}

/** An amount as a person reads it. */
export function formatAmount(amountCents: number, currency: Currency): string {
  const digits = exponentOf(currency)
  return `${(amountCents / 10 ** digits).toFixed(digits)} ${currency}`
}

function isCurrency(value: unknown): value is Currency {
  return typeof value === 'string' && CODES.has(value)
}
