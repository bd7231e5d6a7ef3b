import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pino from 'pino'

import { openDatabase } from '../../src/db/client.ts'
import { createClock } from '../../src/db/clock.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const MINUTE_MS = 60_000

describe('the clock of a process', () => {
  let database: TestDatabase
  let opened: ReturnType<typeof openDatabase>
  beforeAll(async () => {
    database = await createTestDatabase()
    opened = openDatabase(database.url, 2, () => undefined)
  })
  afterAll(async () => {
    await opened.close()
    await database.drop()
  })

  /** As on a machine whose clock is off: `Date.now` and `new Date()` alike. */
  async function onMachine<Done>(aheadMs: number, act: () => Promise<Done>): Promise<Done> {
    const { now } = Date
    Date.now = () => now() + aheadMs
    try {
      return await act()
    } finally {
      Date.now = now
    }
  }

  test.each([-5, -1, 1, 5])(
    'is the database’s, also where the machine is %d minutes off',
    async (minutes) => {
      const log = pino({ level: 'silent' })
      const apartMs = await onMachine(minutes * MINUTE_MS, async () => {
        const clock = createClock(opened.db, log, () => new Date(Date.now()))
        await clock.adjust()
        return clock.now().getTime() - Date.now()
      })

      expect(Math.abs(apartMs + minutes * MINUTE_MS)).toBeLessThan(1_000)
    },
  )

  test.each([-60, 60])(
    'goes on as before when the machine’s is set by %d minutes',
    async (minutes) => {
      const clock = createClock(opened.db, pino({ level: 'silent' }), () => new Date(Date.now()))
      await clock.adjust()
      const before = clock.now().getTime()

      const [atOnce, adjusted] = await onMachine(minutes * MINUTE_MS, async () => {
        const first = clock.now().getTime()
        await clock.adjust()
        return [first, clock.now().getTime()]
      })

      expect(atOnce - before).toBeWithin(-1, 1_000)
      expect((adjusted ?? 0) - before).toBeWithin(-1_000, 2_000)
      expect(clock.now().getTime() - before).toBeWithin(-1_000, 2_000)
    },
  )

  test('is the machine’s where both agree, to the millisecond', async () => {
    const fixed = new Date('2026-08-01T00:00:00.123Z')
    const clock = createClock(opened.db, pino({ level: 'silent' }), () => fixed)

    await clock.adjust()

    expect(clock.now()).toEqual(fixed)
  })
})
