import { afterAll, beforeAll, expect, test } from 'bun:test'

import { findings } from '../../src/db/schema.ts'
import { openDatabase } from '../../src/db/client.ts'
import { createRefusedCount, findRefused, listRefused } from '../../src/inbox/refused.ts'
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
  createRefusedCount({ db, now: () => at })('lago', { at, from: '203.0.113.9', reason })
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
    latest: [
      { at: after(1), from: '203.0.113.9', reason: 'does not match' },
      { at: NOON, from: '203.0.113.9', reason: 'too old' },
    ],
  })
  expect(await findRefused(opened.db, 'dodo')).toBeUndefined()
})

test('a day without any begins a new count', async () => {
  expect(await refuse(after(26), 'is missing')).toMatchObject({
    count: 1,
    since: after(26),
    latest: [{ reason: 'is missing' }],
  })
  expect(await listRefused(opened.db, after(51))).toEqual([])
})

test('a flood is written down at once, and then every ten seconds at most', async () => {
  const { db } = opened
  let looks = 0
  const now = () => {
    looks += 1
    return after(27)
  }
  const count = createRefusedCount({ db, now })

  for (let index = 0; index < 1_000; index += 1) {
    count('dodo', { at: after(27), from: 'somebody', reason: 'x'.repeat(10_000) })
  }

  expect(looks).toBe(1)
  for (;;) {
    const found = await findRefused(db, 'dodo')
    if (found) {
      expect(found.count).toBe(1)
      expect(found.reason).toHaveLength(300)
      break
    }
    await Bun.sleep(5)
  }

  // Of another process, in the meantime; the newest hundred are kept.
  const other = createRefusedCount({ db, now: () => after(28) })
  other('dodo', { at: after(28), from: 'another', reason: 'first' })
  for (;;) {
    const found = await findRefused(db, 'dodo')
    if (found?.count === 2) {
      expect(found.latest.map(({ from }) => from)).toEqual(['another', 'somebody'])
      return
    }
    await Bun.sleep(5)
  }
})

test('the newest hundred are kept one by one', async () => {
  const { db } = opened
  const one = { at: after(30).toISOString(), from: 'x', reason: 'y' }
  const latest = Array.from({ length: 100 }, () => one)
  const value = { count: 100, since: after(30), reason: 'y', latest }
  await db.insert(findings).values({ name: 'refused:highlevel', value, foundAt: after(30) })
  const told = { at: after(31), from: 'z', reason: 'y' }
  createRefusedCount({ db, now: () => after(31) })('highlevel', told)
  for (;;) {
    const found = await findRefused(db, 'highlevel')
    if (found?.count === 101) {
      expect(found.latest).toHaveLength(100)
      expect(found.latest[0]?.from).toBe('z')
      return
    }
    await Bun.sleep(5)
  }
})
