import { describe, expect, test } from 'bun:test'

import { readPeriod } from '../../src/report/period.ts'

const NOW = new Date('2026-08-31T12:34:56Z')

describe('readPeriod', () => {
  test.each([
    [{}, '2026-08-02T00:00:00.000Z', '2026-08-31T23:59:59.999Z'],
    [{ from: '2026-08-30' }, '2026-08-30T00:00:00.000Z', '2026-08-31T23:59:59.999Z'],
    [{ to: '2026-02-28' }, '2026-01-30T00:00:00.000Z', '2026-02-28T23:59:59.999Z'],
    [
      { from: '2026-07-01', to: '2026-07-01' },
      '2026-07-01T00:00:00.000Z',
      '2026-07-01T23:59:59.999Z',
    ],
    [{ month: '2026-02' }, '2026-02-01T00:00:00.000Z', '2026-02-28T23:59:59.999Z'],
    [{ month: '2025-12' }, '2025-12-01T00:00:00.000Z', '2025-12-31T23:59:59.999Z'],
    [{ to: '2027-01-01' }, '2026-08-02T00:00:00.000Z', '2027-01-01T23:59:59.999Z'],
  ])('%j is whole days in UTC, both ends included', (given, from, until) => {
    const period = readPeriod(given, NOW)

    expect([period.from.toISOString(), period.until.toISOString()]).toEqual([from, until])
  })

  test.each([
    ['America/Los_Angeles', '2026-08-01T07:00:00.000Z', '2026-09-01T06:59:59.999Z'],
    ['Asia/Tokyo', '2026-07-31T15:00:00.000Z', '2026-08-31T14:59:59.999Z'],
    ['Asia/Kathmandu', '2026-07-31T18:15:00.000Z', '2026-08-31T18:14:59.999Z'],
    ['Pacific/Kiritimati', '2026-07-31T10:00:00.000Z', '2026-08-31T09:59:59.999Z'],
    ['Pacific/Pago_Pago', '2026-08-01T11:00:00.000Z', '2026-09-01T10:59:59.999Z'],
  ])('August in %s is its own', (tz, from, until) => {
    const period = readPeriod({ month: '2026-08', tz }, NOW)

    expect([period.from.toISOString(), period.until.toISOString()]).toEqual([from, until])
  })

  test.each([
    'Europe/Paris',
    'America/Santiago',
    'Africa/Cairo',
    'Asia/Beirut',
    'America/Havana',
    'Australia/Lord_Howe',
  ])('the months of a year in %s leave no moment out, and count none twice', (tz) => {
    const later = new Date('2027-02-01T00:00:00Z')
    const months = Array.from(
      { length: 12 },
      (_, index) => `2026-${String(index + 1).padStart(2, '0')}`,
    )
    const periods = months.map((month) => readPeriod({ month, tz }, later))

    for (const [index, { from }] of periods.entries()) {
      const before = periods[index - 1]
      if (before) expect(from.getTime()).toBe(before.until.getTime() + 1)
    }
  })

  test('today is a day of the time zone too', () => {
    const night = new Date('2026-08-31T20:00:00Z')

    expect(readPeriod({ tz: 'Asia/Tokyo' }, night).until.toISOString()).toBe(
      '2026-09-01T14:59:59.999Z',
    )
  })

  test.each([
    [{ from: 'yesterday' }, '--from yesterday is not a date'],
    [{ to: '2026-02-30' }, '--to 2026-02-30 is not a date'],
    [{ from: '2026-8-1' }, '--from 2026-8-1 is not a date'],
    [{ from: '2026-08-20', to: '2026-08-01' }, 'is later than'],
    [{ from: '2026-09-01' }, 'later than'],
    [{ from: '2026-09-01', to: '2026-09-30' }, 'has not come yet'],
    [{ month: '2026-09' }, 'has not come yet'],
    [{ month: '2026-13' }, '--month 2026-13 is not a month'],
    [{ month: '08/2026' }, 'is not a month'],
    [{ month: '2026-07', to: '2026-07-03' }, 'leave --from and --to out'],
    [{ to: '9999-12-31' }, '--to 9999-12-31 is no day of any books'],
    [{ from: '0001-01-01' }, '--from 0001-01-01 is no day of any books'],
    [{ tz: 'Paris' }, '--tz Paris is not a time zone'],
  ])('%j is refused with the reason', (given, message) => {
    expect(() => readPeriod(given, NOW)).toThrow(message)
  })
})
