import { afterAll, beforeAll, expect, test } from 'bun:test'

import { openDatabase } from '../../src/db/client.ts'
import { createRefusedCount, findRefused } from '../../src/inbox/refused.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

let database: TestDatabase
let opened: ReturnType<typeof openDatabase>
beforeAll(async () => {
  database = await createTestDatabase()
  opened = openDatabase(database.url, 2)
})
afterAll(async () => {
  await opened.close()
  await database.drop()
})

const NOON = new Date('2026-11-28T12:00:00.000Z')
const after = (hours: number) => new Date(NOON.getTime() + hours * 3_600_000)

/** What a process that hears of one refusal leaves behind. */
async function refuse(at: Date, reason: string) {
  const { db } = opened
  createRefusedCount({ db, now: () => at })('lago', reason)
  for (;;) {
    const found = await findRefused(db, 'lago')
    if (found?.lastAt.getTime() === at.getTime()) return found
    await Bun.sleep(5)
  }
}

test('refusals of several processes are one count, with the first, the last and its reason', async () => {
  await refuse(NOON, 'too old')

  expect(await refuse(after(1), 'does not match')).toEqual({
    count: 2,
    since: NOON,
    lastAt: after(1),
    reason: 'does not match',
  })
  expect(await findRefused(opened.db, 'dodo')).toBeUndefined()
})

test('a day without any begins a new count', async () => {
  expect(await refuse(after(26), 'is missing')).toMatchObject({ count: 1, since: after(26) })
})

test('a flood is written down at once, and then every ten seconds at most', async () => {
  const { db } = opened
  let looks = 0
  const now = () => {
    looks += 1
    return after(27)
  }
  const count = createRefusedCount({ db, now })

  for (let index = 0; index < 1_000; index += 1) count('dodo', 'x'.repeat(10_000))

  expect(looks).toBe(1)
  for (;;) {
    const found = await findRefused(db, 'dodo')
    if (found) {
      expect(found.count).toBe(1)
      expect(found.reason).toHaveLength(300)
      return
    }
    await Bun.sleep(5)
  }
})
