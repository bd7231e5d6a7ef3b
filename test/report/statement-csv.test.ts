import { describe, expect, test } from 'bun:test'

import { LAGO } from '../../src/report/books.ts'
import { createCalendar } from '../../src/report/calendar.ts'
import type { Entry } from '../../src/report/compare-ledgers.ts'
import { asCsv } from '../../src/report/statement-csv.ts'

const entry = (invoiceNumber: string | null, amount = 1_000): Entry => ({
  kind: 'payment',
  dodoPaymentId: 'pay_1',
  dodoRefundId: null,
  receivableId: 'inv_1',
  name: invoiceNumber,
  madeAt: new Date('2026-11-01T03:30:00Z'),
  currency: 'USD',
  dodo: { amount, currency: 'USD' },
  books: null,
  causes: [],
  roundings: 0,
  knowledge: { is: 'unknown' },
})

const csv = (one: Entry, tz = 'UTC') => {
  const of = { source: 'lago', tenant: '', mode: '', title: 'Lago', books: LAGO } as const
  const section = { ...of, differences: [], disputes: [], currencies: [], notes: [] }
  const sections = [{ ...section, entries: [one] }]
  return asCsv({ sections, hasSources: false }, createCalendar(tz))[1]
}

describe('a cell', () => {
  test.each([
    ['=1+2', "'=1+2"],
    ['@SUM(A1)', "'@SUM(A1)"],
    ['+49-17', "'+49-17"],
    ['-cmd|calc', "'-cmd|calc"],
    [' =1+2', "' =1+2"],
    ['\t=1', "'\t=1"],
    ['＝1+2', "'＝1+2"],
    ['=HYPERLINK("http://x")', `"'=HYPERLINK(""http://x"")"`],
    ['=1,2', `"'=1,2"`],
  ])('that begins a formula is made a text: %j', (number, cell) => {
    expect(csv(entry(number))).toContain(`,inv_1,${cell},,USD,10.00,`)
  })

  test.each(['ACM-001', 'Ärger 7', '2026/11', '12', '-12.50'])(
    'that begins none is as it was: %j',
    (number) => {
      expect(csv(entry(number))).toContain(`,inv_1,${number},,USD,10.00,`)
    },
  )

  test('with an amount below zero stays a number', () => {
    expect(csv(entry('ACM-001', -2_000))).toContain(',ACM-001,,USD,-20.00,')
  })

  test('with a time is of the time zone that was asked for, and says so', () => {
    expect(csv(entry('ACM-001'))).toStartWith('payment,2026-11-01T03:30:00.000Z,')
    expect(csv(entry('ACM-001'), 'America/New_York')).toStartWith(
      'payment,2026-10-31T23:30:00-04:00,',
    )
    expect(csv(entry('ACM-001'), 'Asia/Kathmandu')).toStartWith(
      'payment,2026-11-01T09:15:00+05:45,',
    )
  })
})
