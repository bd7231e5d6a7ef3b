import { describe, expect, test } from 'bun:test'

import { createBudget, type Urgency } from '../src/budget.ts'
import { Later } from '../src/errors.ts'

const NOW = new Date('2026-08-21T12:00:00Z')
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** What was put off together comes back spread over this long. */
const SPREAD_MS = 2_000

const URGENCIES = ['urgent', 'live', 'sweep'] as const
const DODO_WINDOWS = [
  { lengthMs: 1_000, most: 36 },
  { lengthMs: MINUTE_MS, most: 230 },
]

/** Nobody waits in these tests: what is not let through at once is refused. */
const within = (spending: Promise<void>) =>
  Promise.race([
    spending,
    new Promise<void>((_, reject) => setTimeout(() => reject(new Error('it waits')), 0)),
  ])

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
  test('what its part of the limit allows goes at once', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 10 }])

    for (let spent = 0; spent < 6; spent += 1) {
      expect(await refusalOf(() => budget.spend('urgent'))).toBeUndefined()
    }
  })

  test('what must wait too long is put off until there is room, and not made', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 5 }])
    for (let spent = 0; spent < 3; spent += 1) await budget.spend('urgent')

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

    for (let spent = 0; spent < 4; spent += 1) await budget.spend('live')
    expect(await refusalOf(() => budget.spend('live'))).toBeInstanceOf(Later)
    await budget.spend('urgent')
    expect(await refusalOf(() => budget.spend('urgent'))).toBeInstanceOf(Later)
  })

  test.each(URGENCIES)('%s has a share that the others together cannot take', async (urgency) => {
    const budget = standingStill(DODO_WINDOWS)
    for (const other of URGENCIES.filter((one) => one !== urgency)) {
      for (let asked = 0; asked < 300; asked += 1) {
        await refusalOf(() => within(budget.spend(other)))
      }
    }

    expect(await refusalOf(() => within(budget.spend(urgency)))).toBeUndefined()
  })

  test('a sweep goes on at its own pace while live work wants more than there is', async () => {
    const budget = createBudget('Dodo', [{ lengthMs: 100, most: 20 }], realTime)
    const until = Date.now() + 1_000
    let swept = 0
    const live = async () => {
      while (Date.now() < until) {
        await refusalOf(() => budget.spend('live'))
        await Bun.sleep(1)
      }
    }
    const sweep = async () => {
      while (Date.now() < until) {
        await budget.spend('sweep')
        swept += 1
      }
    }

    await Promise.all([...Array.from({ length: 40 }, live), sweep()])

    // A fifth of the limit: four in each of ten windows.
    expect(swept).toBeGreaterThanOrEqual(30)
  })

  test('a clock that is set back does not make what was spent ahead of it count any longer', async () => {
    let nowMs = NOW.getTime() + HOUR_MS
    const budget = createBudget('Dodo', [{ lengthMs: MINUTE_MS, most: 5 }], () => new Date(nowMs))
    while (!(await refusalOf(() => within(budget.spend('urgent')))));
    nowMs = NOW.getTime()

    const refusal = await refusalOf(() => within(budget.spend('urgent')))
    expect(waitOf(refusal)).toBeWithin(0, 5 * MINUTE_MS)
    nowMs += 2 * MINUTE_MS
    expect(await refusalOf(() => within(budget.spend('urgent')))).toBeUndefined()
  })

  test('where a window is too small to be divided, whoever has waited too long goes first', async () => {
    let nowMs = 0
    const budget = createBudget('Dodo', [{ lengthMs: 50, most: 1 }], () => new Date(nowMs))
    await budget.spend('urgent')
    const order: Urgency[] = []
    const swept = budget.spend('sweep').then(() => order.push('sweep'))
    nowMs += 31_000
    const paid = budget.spend('urgent').then(() => order.push('urgent'))
    for (let turn = 0; turn < 20 && order.length < 2; turn += 1) {
      await Bun.sleep(10)
      nowMs += 50
    }

    await Promise.all([swept, paid])
    expect(order).toEqual(['sweep', 'urgent'])
  })

  test('ten thousand that want money put off nothing that is more urgent', async () => {
    let nowMs = NOW.getTime()
    const budget = createBudget('Dodo', DODO_WINDOWS, () => new Date(nowMs))
    for (let second = 0; second < 20; second += 1) {
      for (let asked = 0; asked < 30; asked += 1)
        await refusalOf(() => within(budget.spend('live')))
      nowMs += 1_000
    }
    const waits = []
    for (let asked = 0; asked < 10_000; asked += 1) {
      waits.push(waitOf(await refusalOf(() => within(budget.spend('live')))))
    }
    let refusal: unknown
    while (!(refusal instanceof Later)) {
      refusal = await refusalOf(() => within(budget.spend('urgent')))
    }

    expect(Math.max(...waits.filter(Number.isFinite))).toBeGreaterThan(3_600_000)
    expect(refusal.at.getTime() - nowMs).toBeLessThanOrEqual(MINUTE_MS)
  })

  test('what is put off waits behind what is more urgent and was put off before it', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 60 }])
    for (const urgency of ['urgent', 'live'] as const) {
      while (!(await refusalOf(() => budget.spend(urgency))));
    }

    const urgent = waitOf(await refusalOf(() => budget.spend('urgent')))

    expect(waitOf(await refusalOf(() => budget.spend('live')))).toBeGreaterThan(urgent)
  })

  test('what is put off does not come back all at once', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 60 }])
    while (!(await refusalOf(() => budget.spend('urgent'))));

    const waits: number[] = []
    for (let nth = 0; nth < 5; nth += 1) {
      waits.push(waitOf(await refusalOf(() => budget.spend('urgent'))))
    }

    for (const [index, wait] of waits.entries()) {
      expect(wait - (waits[index - 1] ?? 0)).toBeGreaterThanOrEqual(1_000)
    }
  })

  test('a slot that was waited for may be used a little later', async () => {
    const budget = createBudget('Dodo', [{ lengthMs: 40, most: 4 }], realTime)

    await budget.spend('urgent')
    await Bun.sleep(60)

    expect(await refusalOf(() => budget.spend('urgent'))).toBeUndefined()
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
      await refusalOf(() => budget.spend('live')),
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

describe('resize', () => {
  test('a smaller share counts what was spent before', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 40 }])
    for (let spent = 0; spent < 20; spent += 1) await budget.spend('live')

    budget.resize([{ lengthMs: MINUTE_MS, most: 20 }])

    expect(await refusalOf(() => budget.spend('live'))).toBeInstanceOf(Later)
  })

  test('a larger share is used by those who wait', async () => {
    const budget = standingStill([{ lengthMs: MINUTE_MS, most: 10 }])
    for (let spent = 0; spent < 5; spent += 1) await budget.spend('sweep')
    const waiting = budget.spend('sweep')

    budget.resize([{ lengthMs: MINUTE_MS, most: 20 }])

    expect(await refusalOf(() => within(waiting))).toBeUndefined()
  })
})

test('when the process ends, whoever waits is put off', async () => {
  const budget = standingStill([{ lengthMs: MINUTE_MS, most: 10 }])
  for (let spent = 0; spent < 5; spent += 1) await budget.spend('sweep')
  const waiting = budget.spend('sweep')

  budget.close()

  expect(await refusalOf(() => waiting)).toBeInstanceOf(Later)
  expect(await refusalOf(() => budget.spend('urgent'))).toBeInstanceOf(Later)
})
