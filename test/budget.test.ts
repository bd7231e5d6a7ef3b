import { describe, expect, test } from 'bun:test'

import { createBudget, type Urgency } from '../src/budget.ts'
import { Later } from '../src/errors.ts'

const NOW = new Date('2026-08-21T12:00:00Z')
const MINUTE_MS = 60_000
/** What was put off together comes back spread over this long. */
const SPREAD_MS = 2_000

const realTime = () => new Date()
const standingStill = (windows: { lengthMs: number; most: number }[]) =>
  createBudget('Dodo', windows, () => NOW)

/** What `spend` throws, or undefined when it lets the request through. */
const refusalOf = async (spend: () => Promise<void>) => {
  try {
    await spend()
    return undefined
  } catch (error) {
    return error
  }
}

/** How far ahead of now something was put off. */
function waitOf(at: unknown): number {
  if (at instanceof Later) return at.at.getTime() - NOW.getTime()
  return at instanceof Date ? at.getTime() - NOW.getTime() : Number.NaN
}

describe('spend', () => {
  test('what the limit allows goes at once', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 5 }])

    for (let spent = 0; spent < 5; spent += 1) {
      expect(await refusalOf(() => budget.spend('urgent'))).toBeUndefined()
    }
  })

  test('what must wait too long is put off until there is room, and not made', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 5 }])
    for (let spent = 0; spent < 5; spent += 1) await budget.spend('urgent')

    const refusal = await refusalOf(() => budget.spend('urgent'))

    expect(refusal).toBeInstanceOf(Later)
    expect(waitOf(refusal)).toBeWithin(MINUTE_MS, MINUTE_MS * 2)
  })

  test('the tightest of several windows decides', async () => {
    const budget = standingStill([
      { lengthMs: 1_000, most: 5 },
      { lengthMs: MINUTE_MS, most: 2 },
    ])
    await budget.spend('urgent')
    await budget.spend('urgent')

    expect(await refusalOf(() => budget.spend('urgent'))).toBeInstanceOf(Later)
  })

  test('sweeps leave room for live work, and that for money that moved', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 10 }])
    for (let spent = 0; spent < 5; spent += 1) await budget.spend('sweep')

    expect(await refusalOf(() => budget.spend('sweep'))).toBeInstanceOf(Later)
    for (let spent = 0; spent < 4; spent += 1) await budget.spend('live')
    expect(await refusalOf(() => budget.spend('live'))).toBeInstanceOf(Later)
    await budget.spend('urgent')
    expect(await refusalOf(() => budget.spend('urgent'))).toBeInstanceOf(Later)
  })

  test('what is put off does not come back all at once', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 60 }])
    for (let spent = 0; spent < 60; spent += 1) await budget.spend('urgent')

    const waits: number[] = []
    for (let nth = 0; nth < 5; nth += 1) {
      waits.push(waitOf(await refusalOf(() => budget.spend('live'))))
    }

    for (const [index, wait] of waits.entries()) {
      expect(wait - (waits[index - 1] ?? 0)).toBeGreaterThanOrEqual(1_000)
    }
  })

  test('a short wait is waited for, and no window ever holds more than it may', async () => {
    const lengthMs = 60
    const budget = createBudget('Dodo', [{ lengthMs, most: 5 }], realTime)
    const startedAt = Date.now()
    const at: number[] = []

    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await budget.spend('urgent')
        at.push(Date.now())
      }),
    )

    expect(at).toHaveLength(20)
    for (const [index, time] of at.entries()) {
      const fullWindowsBefore = Math.floor(index / 5)
      expect(time - startedAt).toBeGreaterThanOrEqual(fullWindowsBefore * lengthMs)
    }
  })

  test('urgent work goes before sweeps that have waited longer, and each kind in its order', async () => {
    const budget = createBudget('Dodo', [{ lengthMs: 40, most: 2 }], realTime)
    await Promise.all([budget.spend('urgent'), budget.spend('urgent')])
    const order: string[] = []
    const spend = async (urgency: Urgency, name: string) => {
      await budget.spend(urgency)
      order.push(name)
    }

    await Promise.all([
      spend('sweep', 'sweep 1'),
      spend('sweep', 'sweep 2'),
      spend('urgent', 'urgent 1'),
      spend('urgent', 'urgent 2'),
    ])

    expect(order).toEqual(['urgent 1', 'urgent 2', 'sweep 1', 'sweep 2'])
  })
})

describe('pause', () => {
  test.each([
    ['the seconds of Retry-After', { 'retry-after': '30' }, 30_000],
    ['the seconds of X-RateLimit-Reset', { 'x-ratelimit-reset': '12' }, 12_000],
    [
      'Retry-After before X-RateLimit-Reset',
      { 'retry-after': '3', 'x-ratelimit-reset': '9' },
      3_000,
    ],
    [
      'a reset that is a time of day',
      { 'x-ratelimit-reset': `${NOW.getTime() / 1_000 + 7}` },
      7_000,
    ],
    ['two seconds when nothing is said', {}, 2_000],
    ['two seconds when nobody can read it', { 'retry-after': 'soon' }, 2_000],
    ['a minute at most', { 'retry-after': '86400' }, 60_000],
    ['a moment when the reset has passed', { 'x-ratelimit-reset': '0' }, 200],
    ['a moment when the time is negative', { 'retry-after': '-5' }, 200],
  ])('keeps still for %s', (_, headers, pauseMs) => {
    const budget = standingStill([{ lengthMs: 1_000, most: 5 }])

    const until = budget.pause(new Headers(headers))

    expect(waitOf(until)).toBeWithin(pauseMs, pauseMs + SPREAD_MS)
  })

  test('nobody asks before a long pause is over', async () => {
    const budget = standingStill([{ lengthMs: 1_000, most: 5 }])
    budget.pause(new Headers({ 'retry-after': '30' }))

    const refusals = [
      await refusalOf(() => budget.spend('urgent')),
      await refusalOf(() => budget.spend('sweep')),
    ]

    for (const refusal of refusals) expect(waitOf(refusal)).toBeGreaterThanOrEqual(30_000)
  })

  test('a shorter pause does not cut a longer one', async () => {
    const budget = standingStill([{ lengthMs: 1_000, most: 5 }])
    budget.pause(new Headers({ 'retry-after': '40' }))
    budget.pause(new Headers({ 'retry-after': '1' }))

    expect(waitOf(await refusalOf(() => budget.spend('urgent')))).toBeGreaterThanOrEqual(40_000)
  })

  test('a short pause is waited out in place', async () => {
    const budget = createBudget('Dodo', [{ lengthMs: 10, most: 5 }], realTime)
    const until = Date.now() + 200
    budget.pause(new Headers({ 'retry-after': '0' }))

    await budget.spend('urgent')

    expect(Date.now()).toBeGreaterThanOrEqual(until)
  })
})
