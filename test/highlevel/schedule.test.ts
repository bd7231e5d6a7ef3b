import { describe, expect, test } from 'bun:test'

import {
  afterTrial,
  cycleAt,
  isOver,
  isTooLate,
  nextAt,
} from '../../src/billers/highlevel/decide/schedule.ts'

const at = (text: string) => new Date(text)
const monthly = { interval: 'month', intervalCount: 1 } as const
const days = (dates: Date[]) => dates.map((date) => date.toISOString().slice(0, 10))

describe('the cycles of a subscription', () => {
  test('that began on the 31st fall on the last day of shorter months', () => {
    const dates = [1, 2, 3, 4, 5].map((cycle) => cycleAt(at('2027-01-31T10:00Z'), monthly, cycle))
    expect(days(dates)).toEqual([
      '2027-01-31',
      '2027-02-28',
      '2027-03-31',
      '2027-04-30',
      '2027-05-31',
    ])
    expect(dates[1]?.toISOString()).toEndWith('T10:00:00.000Z')
  })

  test('that began on the 29th of February fall on the 28th in other years', () => {
    const yearly = { interval: 'year', intervalCount: 1 } as const
    const dates = [1, 2, 5].map((cycle) => cycleAt(at('2028-02-29T00:00Z'), yearly, cycle))
    expect(days(dates)).toEqual(['2028-02-29', '2029-02-28', '2032-02-29'])
  })

  test.each([
    ['day', 10, '2027-01-11'],
    ['week', 2, '2027-01-15'],
    ['month', 3, '2027-04-01'],
    ['year', 1, '2028-01-01'],
  ] as const)('every so many of a %s', (interval, intervalCount, second) => {
    const date = cycleAt(at('2027-01-01T00:00Z'), { interval, intervalCount }, 2)
    expect(days([date])).toEqual([second])
  })

  test('begin when a trial ends', () => {
    expect(days([afterTrial(at('2027-01-25T00:00Z'), { trialDays: 14 })])).toEqual(['2027-02-08'])
  })

  test('end after the last, if there is one', () => {
    const schedule = { ...monthly, anchorAt: at('2027-01-31T00:00Z'), totalCycles: 3 }
    expect(days([nextAt({ ...schedule, nextCycle: 3 }) ?? at('')])).toEqual(['2027-03-31'])
    expect(isOver({ ...schedule, nextCycle: 4 })).toBe(true)
    expect(nextAt({ ...schedule, nextCycle: 4 })).toBeUndefined()
    expect(isOver({ ...schedule, totalCycles: null, nextCycle: 400 })).toBe(false)
  })

  test('are too late once the next one is due', () => {
    const schedule = { ...monthly, anchorAt: at('2027-01-31T00:00Z'), totalCycles: null }
    expect(isTooLate({ ...schedule, nextCycle: 2 }, at('2027-03-30T00:00Z'))).toBe(false)
    expect(isTooLate({ ...schedule, nextCycle: 2 }, at('2027-03-31T00:00:01Z'))).toBe(true)
  })
})
