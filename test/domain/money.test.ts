import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import {
  formatDodo,
  formatBooks,
  isSupportedCurrency,
  minimumDodoMinor,
  SUPPORTED_CURRENCIES,
  toDodoMinor,
  toBooksMinor,
} from '../../src/collect/money.ts'

/** Lago's whole-unit currencies (Ruby `money` 7.0.2) and Dodo's (card industry). */
const WHOLE_AT_LAGO = 'BIF CLP DJF GNF HUF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF'
const WHOLE_AT_DODO = 'BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF UGX VND VUV XAF XOF XPF'

const factorOf = (currency: string) => {
  const lago = WHOLE_AT_LAGO.split(' ').includes(currency) ? 1 : 100
  const dodo = WHOLE_AT_DODO.split(' ').includes(currency) ? 1 : 100
  return dodo / lago
}

describe('toDodoMinor and toBooksMinor', () => {
  test.each([...SUPPORTED_CURRENCIES])('%s is carried both ways and back unchanged', (currency) => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 20_000_000 }), (amount) => {
        const there = toDodoMinor(amount, currency)

        expect(there).toBe(amount * factorOf(currency))
        expect(toBooksMinor(there, currency)).toBe(amount)
      }),
      { numRuns: 20 },
    )
  })

  test.each([
    ['USD', 10_800, 10_800],
    ['JPY', 1_200, 1_200],
    ['KRW', 50_000, 50_000],
    ['HUF', 45_000, 4_500_000],
    ['UGX', 7_000, 7_000],
    ['MGA', 7_000, 7_000],
  ])('%s: %i at Lago is %i at Dodo', (currency, lago, dodo) => {
    expect(toDodoMinor(lago, currency)).toBe(dodo)
    expect(toBooksMinor(dodo, currency)).toBe(lago)
  })

  test('fillér that Lago cannot hold are refused, not rounded', () => {
    expect(toBooksMinor(4_500_050, 'HUF')).toBeUndefined()
    expect(toBooksMinor(1, 'HUF')).toBeUndefined()
  })

  test.each([
    'BHD',
    'KWD',
    'JOD',
    'OMR',
    'TND',
    'IQD',
    'LYD',
    'CLF',
    'ISK',
    'MRO',
    'XXX',
    'usd',
    '',
  ])('%p is refused with its name, never guessed', (currency) => {
    expect(isSupportedCurrency(currency)).toBe(false)
    expect(() => toDodoMinor(100, currency)).toThrow(RangeError)
    expect(() => toBooksMinor(100, currency)).toThrow(currency)
    expect(() => minimumDodoMinor(currency)).toThrow(RangeError)
  })

  test('names that every object has are not currencies', () => {
    expect(isSupportedCurrency('constructor')).toBe(false)
    expect(isSupportedCurrency('__proto__')).toBe(false)
  })

  test('the table is sorted, without doubles, and of three capitals each', () => {
    expect([...SUPPORTED_CURRENCIES]).toEqual([...new Set(SUPPORTED_CURRENCIES)].toSorted())
    expect(SUPPORTED_CURRENCIES.every((code) => /^[A-Z]{3}$/.test(code))).toBe(true)
  })
})

describe('minimumDodoMinor', () => {
  test.each([
    ['USD', 50],
    ['GBP', 30],
    ['DKK', 250],
    ['INR', 500],
    ['IDR', 850_000],
    ['JPY', 50],
    ['KRW', 50],
    ['CLP', 1_000],
    ['VND', 12_000],
    ['XOF', 300],
    ['HUF', 17_500],
  ])('%s is collected from %i of its minor units', (currency, least) => {
    expect(minimumDodoMinor(currency)).toBe(least)
  })

  test.each([...SUPPORTED_CURRENCIES])('%s has a least amount of whole minor units', (currency) => {
    const least = minimumDodoMinor(currency)

    expect(Number.isInteger(least)).toBe(true)
    expect(least).toBeGreaterThan(0)
  })
})

describe('formatBooks and formatDodo', () => {
  test.each([
    [formatBooks, 10_800, 'USD', '108.00 USD'],
    [formatBooks, 5, 'EUR', '0.05 EUR'],
    [formatBooks, 0, 'EUR', '0.00 EUR'],
    [formatBooks, -150, 'EUR', '-1.50 EUR'],
    [formatBooks, 1_200, 'JPY', '1200 JPY'],
    [formatBooks, 45_000, 'HUF', '45000 HUF'],
    [formatDodo, 4_500_000, 'HUF', '45000.00 HUF'],
    [formatDodo, 4_500_050, 'HUF', '45000.50 HUF'],
    [formatDodo, 1_200, 'JPY', '1200 JPY'],
    [formatDodo, 10_800, 'USD', '108.00 USD'],
    // Not collected, and shown all the same.
    [formatBooks, 1_500, 'KWD', '1.500 KWD'],
    [formatBooks, 1_500, 'ISK', '1500 ISK'],
    [formatBooks, 15_000, 'CLF', '1.5000 CLF'],
    [formatDodo, 1_500, 'KWD', '1.500 KWD'],
    [formatDodo, 1_500, 'OMR', '1.500 OMR'],
  ])('%p of %i %s reads %s', (format, amount, currency, text) => {
    expect(format(amount, currency)).toBe(text)
  })

  test('a currency that is not carried can still be named in a reason', () => {
    expect(formatDodo(1_000, 'KWD')).toContain('KWD')
  })
})
