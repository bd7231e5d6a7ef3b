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
  ])('%j is whole days in UTC, both ends included', (given, from, until) => {
    const period = readPeriod(given, NOW)

    expect([period.from.toISOString(), period.until.toISOString()]).toEqual([from, until])
  })

  test.each([
    [{ from: 'yesterday' }, '--from yesterday is not a date'],
    [{ to: '2026-02-30' }, '--to 2026-02-30 is not a date'],
    [{ from: '2026-8-1' }, '--from 2026-8-1 is not a date'],
    [{ from: '2026-08-20', to: '2026-08-01' }, 'is later than'],
  ])('%j is refused with the reason', (given, message) => {
    expect(() => readPeriod(given, NOW)).toThrow(message)
  })
})
