import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'

import { createBudget, type Window } from '../../src/budget.ts'
import { openDatabase } from '../../src/db/client.ts'
import { Later } from '../../src/errors.ts'
import { joinReplicas, partOf } from '../../src/net/replicas.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const DODO: Window[] = [
  { lengthMs: 1_000, most: 36 },
  { lengthMs: 60_000, most: 230 },
]
const now = () => new Date()

describe('joinReplicas', () => {
  let database: TestDatabase
  let connection: ReturnType<typeof openDatabase>
  const leaving: (() => Promise<void>)[] = []
  beforeAll(async () => {
    database = await createTestDatabase()
    connection = openDatabase(database.url, 4)
  })
  afterEach(async () => {
    await Promise.all(leaving.splice(0).map((leave) => leave()))
  })
  afterAll(async () => {
    await connection.close()
    await database.drop()
  })

  async function join() {
    const budget = createBudget('Dodo', DODO, now)
    const services = [{ name: 'Dodo', limits: DODO, budget }]
    const replica = await joinReplicas({ db: connection.db, services, now })
    leaving.push(replica.leave)
    return { budget, ...replica }
  }

  /** How many urgent requests go through at once, up to so many. */
  async function burst({ budget }: { budget: ReturnType<typeof createBudget> }, asked = 50) {
    let through = 0
    const spending = Array.from({ length: asked }, async () => {
      await budget.spend('urgent')
      through += 1
    })
    await Promise.race([Promise.allSettled(spending), Bun.sleep(30)])
    budget.close()
    await Promise.allSettled(spending)
    return through
  }

  test('one that is alone asks at once, and for all', async () => {
    expect(await burst(await join())).toBe(22)
  })

  test('one that joins others asks for nothing until they have noticed it', async () => {
    const [first, second] = [await join(), await join()]

    expect(await burst(second)).toBe(0)
    expect(await first.beat()).toBe(1)
    expect(await burst(first)).toBe(12)
  })

  test('three divide the limit', async () => {
    const three = [await join(), await join(), await join()]
    for (const { beat } of three) await beat()

    const part = await burst(three[0] ?? (await join()))

    expect(part).toBe(Math.floor(36 / 3) - 2 - 2)
  })

  test('the part of one that leaves is the others’ at once, of one that dies when it is missed', async () => {
    const [first, second] = [await join(), await join()]
    expect(await first.beat()).toBe(1)

    await second.leave()
    expect(await first.beat()).toBe(0)

    await connection.db.execute(sql`
      insert into replicas values (gen_random_uuid(), '{}', now() - interval '14 s')`)
    expect(await first.beat()).toBe(1)
    await connection.db.execute(sql`
      update replicas set beat_at = now() - interval '16 s' where beat_at < now() - interval '10 s'`)
    expect(await first.beat()).toBe(0)
    expect([...(await connection.db.execute(sql`select from replicas`))]).toHaveLength(1)
  })

  test('what one spent while it was alone is taken off the part of the next', async () => {
    const first = await join()
    for (let spent = 0; spent < 20; spent += 1) await first.budget.spend('urgent')
    await connection.db.execute(sql`update replicas set spent = '{"Dodo": 138}'`)

    const second = await join()
    let refusal: unknown
    for (let asked = 0; asked < 300 && !refusal; asked += 1) {
      try {
        void second.budget.spend('urgent').catch(() => undefined)
      } catch (error) {
        refusal = error
      }
    }

    // 115 less the 23 too many.
    expect(refusal).toBeInstanceOf(Later)
    expect(partOf(DODO, [138])[1]).toEqual({ lengthMs: 60_000, most: 92 })
    second.budget.close()
  })
})

describe('partOf', () => {
  test.each([
    [[], [36, 230]],
    [[0], [18, 115]],
    [
      [0, 0],
      [12, 76],
    ],
    [
      [200, 30],
      [12, 1],
    ],
  ])('beside others who spent %p', (others, parts) => {
    expect(partOf(DODO, others).map(({ most }) => most)).toEqual(parts)
  })

  test('less than one request is one in a longer time', () => {
    expect(partOf([{ lengthMs: 1_000, most: 2 }], [0, 0, 0, 0])).toEqual([
      { lengthMs: 2_500, most: 1 },
    ])
  })
})
