import { describe, expect, test } from 'bun:test'

import { writeBooks, writeDate, writeDay, today } from '../../src/customer/format.ts'
import {
  chooseSpeech,
  fill,
  LANGUAGE_NAMES,
  LANGUAGES,
  type Language,
} from '../../src/customer/language.ts'

/** Every text of a language, by where it stands. */
function textsOf(value: object, path = ''): [string, string][] {
  return Object.entries(value).flatMap(([key, inner]): [string, string][] =>
    typeof inner === 'string' ? [[`${path}${key}`, inner]] : textsOf(inner, `${path}${key}.`),
  )
}
const placeholders = (text: string) =>
  [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).toSorted()
/** Forms of a plural differ by language; what is asked of them is asked apart. */
const isForm = (path: string) => path.startsWith('account.pay.')

describe.each(LANGUAGE_NAMES)('the texts in %s', (language: Language) => {
  const english = new Map(textsOf(LANGUAGES.en))
  const own = new Map(textsOf(LANGUAGES[language]))
  const fixed = [...own].filter(([path]) => !isForm(path))

  test('are all there, none empty, none of another time', () => {
    expect(fixed.map(([path]) => path).toSorted()).toEqual(
      [...english.keys()].filter((path) => !isForm(path)).toSorted(),
    )
    expect(fixed.filter(([, text]) => text.trim() !== text || text === '')).toEqual([])
  })

  test('are filled with the same as in English', () => {
    const of = ([path, text]: [string, string]) => [path, placeholders(text)]
    const others = fixed.map(of)
    const same = fixed.map(([path]) => of([path, english.get(path) ?? '']))

    expect(others).toEqual(same)
  })

  test('have a form for every number that the language tells apart, each with number and sum', () => {
    const forms = new Intl.PluralRules(language).resolvedOptions().pluralCategories
    const { pay } = LANGUAGES[language].account
    const counted = forms.filter((form) => form !== 'many' || language === 'pl')

    expect(Object.keys(pay)).toEqual(expect.arrayContaining(['other']))
    for (const form of counted)
      expect([form, Object.keys(pay)]).toEqual([form, expect.arrayContaining([form])])
    for (const text of Object.values(pay)) expect(placeholders(text)).toEqual(['{count}', '{sum}'])
  })

  test('are another language than English, but for names', () => {
    if (language === 'en') return
    const same = fixed.filter(([path, text]) => english.get(path) === text && /\s/.test(text))

    expect(same).toEqual([])
  })
})

describe('money', () => {
  // What stands between number and sign is a space that does not break.
  const plain = (text: string) => text.replaceAll(/[\u00a0\u202f]/g, ' ')

  test.each([
    ['en-US', 'USD', 10_800, '$108.00'],
    ['de', 'EUR', 123_456, '1.234,56 €'],
    ['fr', 'EUR', 123_456, '1 234,56 €'],
    ['ja', 'JPY', 1_080, '￥1,080'],
    ['sv', 'SEK', 10_050, '100,50 kr'],
    ['pl', 'PLN', 10_050, '100,50 zł'],
    ['en-GB', 'GBP', 99, '£0.99'],
    ['pt-BR', 'BRL', 10_050, 'R$ 100,50'],
    ['en', 'KRW', 1_234, '₩1,234'],
    ['nl', 'EUR', 10_800, '€ 108,00'],
  ])('in %s: %s %i is %s', (locale, currency, amount, written) => {
    expect(plain(writeBooks(amount, currency, locale))).toBe(written)
  })

  test('of what is no currency is written as it is', () => {
    expect(writeBooks(100, 'usd!', 'en')).not.toContain('$')
  })
})

describe('a day', () => {
  test('is that of the customer’s place, and of none that is none', () => {
    const at = new Date('2026-12-03T23:30:00Z')

    expect(writeDate(at, 'en', 'UTC')).toBe('Dec 3, 2026')
    expect(writeDate(at, 'en', 'Asia/Tokyo')).toBe('Dec 4, 2026')
    expect(writeDate(at, 'de', 'Asia/Tokyo')).toBe('04.12.2026')
    expect(writeDate(at, 'en', 'America/Los_Angeles')).toBe('Dec 3, 2026')
    expect(writeDate(at, 'en', 'Moon/Tranquility')).toBe('Dec 3, 2026')
    expect([today(at, 'Asia/Tokyo'), today(at, null)]).toEqual(['2026-12-04', '2026-12-03'])
  })

  test('that is due is the same everywhere', () => {
    expect(writeDay('2026-12-17', 'en')).toBe('Dec 17, 2026')
    expect(writeDay('2026-12-17', 'ja')).toBe('2026/12/17')
  })
})

describe('a language', () => {
  test('is that which was chosen, else the browser’s, else the books’, else English', () => {
    const speak = (wishes: Parameters<typeof chooseSpeech>[0]) => chooseSpeech(wishes).locale

    expect(speak({ chosen: ['sv'], acceptLanguage: 'de', known: 'fr' })).toBe('sv')
    expect(speak({ acceptLanguage: 'tlh, de-AT;q=0.8, fr;q=0.9', known: 'it' })).toBe('fr')
    expect(speak({ acceptLanguage: 'tlh', known: 'pt_BR' })).toBe('pt-BR')
    expect(speak({ known: 'tlh' })).toBe('en')
    expect(speak({ known: 'de-u-ca-buddhist-nu-thai' })).toBe('de')
  })

  test('is filled, and what is not given is seen', () => {
    expect(fill('{a} and {b}', { a: '{b}' })).toBe('{b} and {b}')
    expect(fill('{toString}', {})).toBe('{toString}')
  })
})
