import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { whyNotRetried } from '../../src/billers/lago/retry-wish.ts'
import { ago, DAY_MS, HOUR_MS, NOW } from './builders.ts'

const SCHEDULE = [3 * DAY_MS, 7 * DAY_MS, 7 * DAY_MS]

describe('a merchant’s Retry', () => {
  test('counts when it is pressed for the first time, and again after an hour', () => {
    expect(whyNotRetried({ retriedAt: null, attemptsAt: [] }, SCHEDULE, NOW)).toBeUndefined()
    const once = { retriedAt: ago(HOUR_MS), attemptsAt: [ago(HOUR_MS)] }
    expect(whyNotRetried(once, SCHEDULE, NOW)).toBeUndefined()
    expect(whyNotRetried({ ...once, retriedAt: ago(HOUR_MS - 1) }, SCHEDULE, NOW)).toContain(
      'within the hour',
    )
  })

  test('counts once in a month where there is no schedule', () => {
    const once = { retriedAt: ago(DAY_MS), attemptsAt: [ago(DAY_MS)] }

    expect(whyNotRetried(once, [], NOW)).toContain('not counted')
    expect(whyNotRetried(once, [], new Date(NOW.getTime() + 29 * DAY_MS))).toBeUndefined()
  })

  test('however often it is repeated, counts once an hour and no more in a month than the schedule has', () => {
    const presses = fc.array(fc.integer({ min: 1, max: 20 * HOUR_MS }), { maxLength: 200 })
    fc.assert(
      fc.property(presses, fc.nat({ max: 5 }), (waits, length) => {
        const schedule = SCHEDULE.concat(SCHEDULE).slice(0, length)
        const counted: number[] = []
        let at = NOW.getTime()
        for (const wait of waits) {
          at += wait
          const last = counted.at(-1)
          const known = {
            retriedAt: last === undefined ? null : new Date(last),
            attemptsAt: counted.map((ms) => new Date(ms)),
          }
          if (whyNotRetried(known, schedule, new Date(at)) === undefined) counted.push(at)
        }
        for (const one of counted) {
          const isWithin = (ms: number) => (other: number) => other >= one && other - one < ms
          expect(counted.filter(isWithin(HOUR_MS))).toHaveLength(1)
          const inMonth = counted.filter(isWithin(30 * DAY_MS)).length
          expect(inMonth).toBeLessThanOrEqual(Math.max(1, length))
        }
      }),
    )
  })
})
