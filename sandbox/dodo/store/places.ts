import type { CountryCode, Currency } from 'dodopayments/resources/misc'

/** Smallest amount a gateway takes, in major units; a currency that is not here cannot be charged. */
const MINIMUM_MAJOR: Readonly<Record<string, number>> = {
  USD: 0.5, AED: 2, ALL: 50, AMD: 500, ARS: 1000, AUD: 0.5, AWG: 2, AZN: 2, BAM: 2, BDT: 100,
  BMD: 1, BND: 1, BOB: 5, BRL: 0.5, BSD: 1, BWP: 15, BZD: 2, CAD: 0.5, CHF: 0.5, CLP: 1000,
  CNY: 4, CRC: 500, CZK: 15, DKK: 2.5, DOP: 100, EGP: 50, ETB: 100, EUR: 0.5, FJD: 2, GBP: 0.3,
  GEL: 3, GMD: 100, GTQ: 10, GYD: 200, HKD: 4, HNL: 25, HUF: 175, IDR: 8500, ILS: 3, INR: 5,
  JPY: 50, KRW: 50, KZT: 500, LKR: 300, LRD: 200, LSL: 20, MAD: 10, MKD: 50, MOP: 10, MUR: 50,
  MVR: 15, MWK: 2000, MXN: 10, MYR: 4, NGN: 2000, NOK: 3, NPR: 150, NZD: 1, PEN: 3, PGK: 4,
  PHP: 50, PLN: 2, PYG: 4000, QAR: 3, RON: 2, RSD: 60, SAR: 2, SBD: 10, SCR: 15, SEK: 3,
  SGD: 0.5, SZL: 20, THB: 25, TOP: 2, TRY: 20, TWD: 20, TZS: 3000, UYU: 50, VND: 12_000, WST: 2,
  XAF: 300, XOF: 300, ZAR: 20, ZMW: 30,
} satisfies Partial<Record<Currency, number>> // prettier-ignore

const ZERO_DECIMAL: ReadonlySet<string> = new Set<Currency>([
  'BIF',
  'CLP',
  'DJF',
  'GNF',
  'JPY',
  'KMF',
  'KRW',
  'MGA',
  'PYG',
  'RWF',
  'UGX',
  'VND',
  'VUV',
  'XAF',
  'XOF',
  'XPF',
])

const SERVED_COUNTRIES =
  'AL AD AG AR AM AW AU AT AZ BS BH BD BE BZ BJ BM BT BO BA BW BR BN BG BI KH CM CA CV TD CL CN CO ' +
  'KM CR CW CY CZ DK DJ DM DO EC EG SV GQ ER EE SZ ET FJ FI FR PF GA GM GE DE GH GR GL GD GT GN GW ' +
  'GY HT HN HK HU IS IN ID IQ IE IM IL IT JP KZ KI KW LA LV LS LR LI LT LU MO MG MY MV MT MH MR MU ' +
  'MX FM MC MN ME MA MZ NA NR NP NL NC NZ NE NG MK NO OM PK PW PA PG PY PE PH PL PT PR QA RO RW KN ' +
  'LC VC WS SM ST SA RS SC SL SG SX SK SI SB KR ES LK SR SE CH TW TJ TZ TH TL TG TO TN TR TV TC AE ' +
  'GB US UY UZ ZM'

/** Where Dodo sells, as `GET /checkout/supported_countries` answers. */
export const COUNTRIES: readonly string[] = SERVED_COUNTRIES.split(' ')

/** Tax Dodo adds or finds inside a price, in percent; elsewhere it collects none. */
const TAX_PERCENT: Readonly<Record<string, number>> = {
  AT: 20,
  BE: 21,
  BG: 20,
  CY: 19,
  CZ: 21,
  DE: 19,
  DK: 25,
  EE: 22,
  ES: 21,
  FI: 25.5,
  FR: 20,
  GR: 24,
  HU: 27,
  IE: 23,
  IT: 22,
  LT: 21,
  LU: 17,
  LV: 21,
  MT: 18,
  NL: 21,
  PL: 23,
  PT: 23,
  RO: 19,
  SE: 25,
  SI: 22,
  SK: 20,
  GB: 20,
  NO: 25,
  CH: 8.1,
  AU: 10,
  NZ: 15,
  IN: 18,
  JP: 10,
  KR: 10,
  SG: 9,
  TR: 20,
}

/** Whether money in this currency can be collected at all. */
export function isChargeable(currency: string): currency is Currency {
  return currency in MINIMUM_MAJOR
}

/** Whether the billing country is served. */
export function isServed(country: string): country is CountryCode {
  return COUNTRIES.includes(country)
}

/** The tax rate of a country, in percent. */
export function taxPercent(country: string): number {
  return TAX_PERCENT[country] ?? 0
}

function decimals(currency: string): number {
  return ZERO_DECIMAL.has(currency) ? 0 : 2
}

/** The smallest total a gateway accepts, in minor units. */
export function gatewayMinimumMinor(currency: string): number {
  const major = MINIMUM_MAJOR[currency] ?? 0
  return Math.round(major * 10 ** decimals(currency))
}

/** An amount as a person reads it. */
export function formatMoney(amountMinor: number, currency: string): string {
  const digits = decimals(currency)
  return `${(amountMinor / 10 ** digits).toFixed(digits)} ${currency}`
}
