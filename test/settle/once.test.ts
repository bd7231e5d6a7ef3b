import { describe, expect, test } from 'bun:test'

import { ApiError, Later } from '../../src/errors.ts'
import { once, type Call } from '../../src/collect/once.ts'
import { createTurn, type Turn } from '../../src/turn.ts'

const START = new Date('2026-08-01T00:00:00Z')
const seconds = (from: Date, to: Date | undefined) => to && (to.getTime() - from.getTime()) / 1_000

/** A clock that is moved by hand, and a call that writes down what happens to it, in order. */
function scene(changes: Partial<Call<string, string>> = {}) {
  let at = START.getTime()
  const now = () => new Date(at)
  const pass = (ms: number) => void (at += ms)
  const happened: string[] = []
  const say = (line: string) => void happened.push(line)
  let repeatableAt: Date | undefined
  const call: Call<string, string> = {
    what: 'whether it was made',
    find: async () => {
      say('look')
      return undefined
    },
    prepare: async () => {
      say('prepare')
      return 'body'
    },
    reserve: async () => {
      say('wait')
      return createTurn('Dodo', now)
    },
    intend: async (_body, until) => {
      say('intend')
      repeatableAt = until
      return true
    },
    make: async (_body, turn) => {
      turn.leave()
      say('send')
      return 'made'
    },
    keep: async (made) => say(`keep ${made}`),
    doubt: async (until) => {
      say('doubt')
      repeatableAt = until
    },
    forget: async () => say('forget'),
    refused: async ({ status }) => say(`refused ${status}`),
    ...changes,
  }
  return {
    now,
    pass,
    happened,
    say,
    run: () => once({ now }, { ...call, ...changes }),
    repeatableAt: () => repeatableAt,
  }
}

const failing = (fields: { outcome: 'refused' | 'unknown'; status?: number }) =>
  new ApiError({ service: 'Dodo', call: 'refund', ...fields })
const sendAndFail = (error: Error) => async (_body: string, turn: Turn) => {
  turn.leave()
  throw error
}

describe('a call that creates something', () => {
  test('is looked for, waits for its turn, is committed, is sent and is kept, in this order', async () => {
    const { run, happened } = scene()

    expect(await run()).toBe('made')

    expect(happened).toEqual(['look', 'prepare', 'wait', 'intend', 'send', 'keep made'])
  })

  test('is not made when what it creates is there', async () => {
    const { run, happened } = scene({ find: async () => 'found' })

    expect(await run()).toBe('found')

    expect(happened).toEqual(['keep found'])
  })

  test('is not made when it is not wanted any more, nor when somebody else changed what it starts from', async () => {
    const unwanted = scene({ prepare: async () => undefined })
    const overtaken = scene({ intend: async () => false })

    expect(await unwanted.run()).toBeUndefined()
    expect(await overtaken.run()).toBeUndefined()

    expect(unwanted.happened).toEqual(['look'])
    expect(overtaken.happened).toEqual(['look', 'prepare', 'wait'])
  })

  test('is not repeated before its time, and is looked for ever more seldom until then', async () => {
    const { run, happened, now, pass } = scene({
      repeatableAt: new Date(START.getTime() + 50_000),
    })
    const waits: number[] = []
    for (let look = 0; look < 12 && now().getTime() < START.getTime() + 50_000; look += 1) {
      const later = await run().catch((error: unknown) => error)
      const waitMs = later instanceof Later ? later.at.getTime() - now().getTime() : -1
      waits.push(waitMs)
      pass(waitMs)
    }

    expect(waits.every((wait, index) => wait > 0 && wait >= (waits[index - 1] ?? 0) / 2)).toBe(true)
    expect(waits.length).toBeLessThan(10)
    expect(new Set(happened)).toEqual(new Set(['look']))
    expect(await run()).toBe('made')
  })
})

describe('how long an unanswered call may still take effect', () => {
  test('is counted from when it left, however long it had to wait before', async () => {
    const { run, pass, say, now, repeatableAt } = scene({
      prepare: async () => {
        pass(15_000)
        return 'body'
      },
      reserve: async () => {
        pass(20_000)
        return createTurn('Dodo', now)
      },
      make: async (_body, turn) => {
        turn.leave()
        say(`left after ${seconds(START, now())} s`)
        pass(25_000)
        throw failing({ outcome: 'unknown' })
      },
    })

    expect(await run().catch((error: unknown) => error)).toBeInstanceOf(Later)

    expect(seconds(START, repeatableAt())).toBe(35 + 75)
  })

  test('is shorter once the service has answered with a 500', async () => {
    const { run, repeatableAt } = scene({
      make: sendAndFail(failing({ outcome: 'unknown', status: 500 })),
    })

    expect(await run().catch((error: unknown) => error)).toBeInstanceOf(Later)

    expect(seconds(START, repeatableAt())).toBe(5)
  })

  test('covers a process that is stopped between its intent and its request, which then is not sent', async () => {
    const { run, pass, happened, repeatableAt } = scene({
      make: async (_body, turn) => {
        pass(5_001)
        turn.leave()
        return 'made too late'
      },
    })

    expect(await run().catch((error: unknown) => error)).toBeInstanceOf(Later)

    expect(happened).toEqual(['look', 'prepare', 'wait', 'intend', 'forget'])
    expect(seconds(START, repeatableAt())).toBe(75 + 5)
  })
})

describe('an answer', () => {
  test('is kept although the ledger fails at first', async () => {
    let failures = 0
    const { run, happened, say } = scene({
      keep: async (made) => {
        failures += 1
        if (failures < 3) throw new Error('terminating connection due to administrator command')
        say(`keep ${made}`)
      },
    })

    expect(await run()).toBe('made')

    expect(happened.at(-1)).toBe('keep made')
  })

  test('that says no is an outcome, and is decided on by what it says', async () => {
    const { run, happened } = scene({
      make: sendAndFail(failing({ outcome: 'refused', status: 422 })),
    })

    expect(await run()).toBeUndefined()

    expect(happened.at(-1)).toBe('refused 422')
  })

  test('is not waited for when the request was turned away or never left', async () => {
    const cases = [failing({ outcome: 'refused' }), new Later('slow down', START)]
    for (const error of cases) {
      const { run, happened } = scene({ make: sendAndFail(error) })

      expect(await run().catch((thrown: unknown) => thrown)).toBe(error)

      expect(happened.at(-1)).toBe('forget')
    }
  })
})
