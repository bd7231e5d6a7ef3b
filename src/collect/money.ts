/**
 * How many decimals an amount's minor units have in the books and at Dodo. The books (Lago's) follow the Ruby `money` gem, Dodo
 * the card industry: they differ on HUF. A currency that is not here is refused, never guessed: the
 * three-decimal ones, because Dodo's handling of them is unproven, and those that only one side knows.
 */
type Decimals = { books: 0 | 2; dodo: 0 | 2 }

const TWO_DECIMALS =
  'AED ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BWP BYN BZD CAD CHF CNY COP CRC CVE CZK ' +
  'DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG IDR ILS INR JMD KES KGS KHR KYD KZT ' +
  'LAK LBP LKR LRD LSL MAD MDL MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR ' +
  'PLN QAR RON RSD RUB SAR SBD SCR SEK SGD SHP SLL SOS SRD SZL THB TOP TRY TTD TWD TZS UAH USD UYU UZS WST XCD YER ZAR ZMW'
const NO_DECIMALS = 'BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF'

const each = (codes: string, decimals: Decimals) =>
  codes.split(' ').map((code) => [code, decimals] as const)

const CURRENCIES: ReadonlyMap<string, Decimals> = new Map([
  ...each(TWO_DECIMALS, { books: 2, dodo: 2 }),
  ...each(NO_DECIMALS, { books: 0, dodo: 0 }),
  ...each('HUF', { books: 0, dodo: 2 }),
])

/** The currencies that can be collected, for documentation and tests. */
export const SUPPORTED_CURRENCIES: readonly string[] = [...CURRENCIES.keys()].toSorted()

/**
 * The least Dodo collects, in major units (its adaptive-currency table of August 2026). CLP's row is
 * printed with decimals there; it is read as whole pesos.
 */
const MINIMUM_MAJOR_UNITS: Readonly<Record<string, number>> = {
  USD: 0.5,
  AED: 2,
  ALL: 50,
  AMD: 500,
  ARS: 1000,
  AUD: 0.5,
  AWG: 2,
  AZN: 2,
  BAM: 2,
  BDT: 100,
  BMD: 1,
  BND: 1,
  BOB: 5,
  BRL: 0.5,
  BSD: 1,
  BWP: 15,
  BZD: 2,
  CAD: 0.5,
  CHF: 0.5,
  CLP: 1000,
  CNY: 4,
  CRC: 500,
  CZK: 15,
  DKK: 2.5,
  DOP: 100,
  EGP: 50,
  ETB: 100,
  EUR: 0.5,
  FJD: 2,
  GBP: 0.3,
  GEL: 3,
  GMD: 100,
  GTQ: 10,
  GYD: 200,
  HKD: 4,
  HNL: 25,
  HUF: 175,
  IDR: 8500,
  ILS: 3,
  INR: 5,
  JPY: 50,
  KRW: 50,
  KZT: 500,
  LKR: 300,
  LRD: 200,
  LSL: 20,
  MAD: 10,
  MKD: 50,
  MOP: 10,
  MUR: 50,
  MVR: 15,
  MWK: 2000,
  MXN: 10,
  MYR: 4,
  NGN: 2000,
  NOK: 3,
  NPR: 150,
  NZD: 1,
  PEN: 3,
  PGK: 4,
  PHP: 50,
  PLN: 2,
  PYG: 4000,
  QAR: 3,
  RON: 2,
  RSD: 60,
  SAR: 2,
  SBD: 10,
  SCR: 15,
  SEK: 3,
  SGD: 0.5,
  SZL: 20,
  THB: 25,
  TOP: 2,
  TRY: 20,
  TWD: 20,
  TZS: 3000,
  UYU: 50,
  VND: 12000,
  WST: 2,
  XAF: 300,
  XOF: 300,
  ZAR: 20,
  ZMW: 30,
}

/**
 * What is not carried is shown all the same, and not a thousand for a hundred: how the books count it (Ruby `money` 7.0.2),
 * and what Dodo's SDK says of thousandths.
 */
const SHOWN_DECIMALS: Readonly<Record<string, { books: number; dodo: number }>> = {
  BHD: { books: 3, dodo: 3 },
  JOD: { books: 3, dodo: 3 },
  KWD: { books: 3, dodo: 3 },
  IQD: { books: 3, dodo: 3 },
  LYD: { books: 3, dodo: 3 },
  OMR: { books: 3, dodo: 3 },
  TND: { books: 3, dodo: 3 },
  ISK: { books: 0, dodo: 2 },
  CLF: { books: 4, dodo: 2 },
}
const HUNDREDTHS = { books: 2, dodo: 2 }
const shownDecimalsOf = (currency: string) =>
  CURRENCIES.get(currency) ?? SHOWN_DECIMALS[currency] ?? HUNDREDTHS

/** Whether an amount in this currency can be carried between the two services without guessing. */
export const isSupportedCurrency = (currency: string) => CURRENCIES.has(currency)

/** How many decimals an amount has at Dodo; undefined for a currency that is not supported. */
export const decimalsAtDodo = (currency: string): 0 | 2 | undefined =>
  CURRENCIES.get(currency)?.dodo

/** The books' minor units as Dodo's. Throws a RangeError for a currency that is not supported. */
export function toDodoMinor(amountBooksMinor: number, currency: string): number {
  const { books, dodo } = decimalsOf(currency)
  return amountBooksMinor * 10 ** (dodo - books)
}

/** Dodo's minor units as the books', or undefined when they have no unit that small for the currency. */
export function toBooksMinor(amountDodoMinor: number, currency: string): number | undefined {
  const { books, dodo } = decimalsOf(currency)
  const amount = amountDodoMinor / 10 ** (dodo - books)
  return Number.isInteger(amount) ? amount : undefined
}

/** A decimal of major units, as wallets write them, in the books' minor units. */
export const toBooksMinorOf = (majorUnits: string, currency: string): number =>
  Math.round(Number(majorUnits) * 10 ** decimalsOf(currency).books)

/** The least amount Dodo collects in this currency, in Dodo's minor units. */
export function minimumDodoMinor(currency: string): number {
  const { dodo } = decimalsOf(currency)
  return Math.ceil((MINIMUM_MAJOR_UNITS[currency] ?? 1) * 10 ** dodo)
}

/** Units of which a dollar buys thousands, and for which Dodo names no minimum. */
const SMALL_UNITS = new Set(
  'BIF COP DJF GNF KHR KMF LAK MGA MMK MNT RWF SLL UGX UZS VUV XPF YER'.split(' '),
)

/**
 * A price safely above the dollar or so that Dodo wants of a recurring product, in Dodo's minor units. An
 * on-demand subscription never charges it.
 */
export function recurringPriceDodoMinor(currency: string): number {
  const { dodo } = decimalsOf(currency)
  const least = MINIMUM_MAJOR_UNITS[currency]
  const major = least === undefined ? (SMALL_UNITS.has(currency) ? 100_000 : 5_000) : least * 50
  return Math.ceil(major * 10 ** dodo)
}

/** "108.00 USD" for an amount in the books' minor units. */
export const formatBooks = (amountBooksMinor: number, currency: string) =>
  format(amountBooksMinor, digitsOf(currency), currency)

/** "108.00 USD" for an amount in Dodo's minor units. */
export const formatDodo = (amountDodoMinor: number, currency: string) =>
  format(amountDodoMinor, shownDecimalsOf(currency).dodo, currency)

/** What was formatted without its currency, where that has a column of its own. */
export const withoutCurrency = (formatted: string) => formatted.split(' ')[0] ?? ''

/** How many decimals an amount of the books has. */
export const digitsOf = (currency: string) => shownDecimalsOf(currency).books

const format = (amount: number, decimals: number, currency: string) =>
  `${(amount / 10 ** decimals).toFixed(decimals)} ${currency}`

function decimalsOf(currency: string): Decimals {
  const decimals = CURRENCIES.get(currency)
  if (!decimals) throw new RangeError(`${currency} cannot be carried between Lago and Dodo`)
  return decimals
}
