import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import pino from 'pino'

import { openDatabase } from '../../src/db/client.ts'
import { Later, Unanswered } from '../../src/errors.ts'
import { createQueue, type Handler, type Job } from '../../src/queue/queue.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

/** Whoever had to be found by a look would wait for seconds. */
const MUCH_LESS_THAN_A_POLL_MS = 500
const PATIENCE_MS = 120_000

describe('the queue', () => {
  let database: TestDatabase
  const opened: { close: () => Promise<void> }[] = []
  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(async () => {
    await Promise.all(opened.map(({ close }) => close()))
    await database.drop()
  })

  /** The queue of one process. Each test has a kind of its own, so that none sees another's jobs. */
  async function openReplica(
    kind: string,
    options: { now?: () => Date; backoffMs?: () => number } = {},
  ) {
    const { sql: connection, db, close } = openDatabase(database.url, 6)
    const queue = createQueue({
      sql: connection,
      log: pino({ level: 'silent' }),
      kinds: [kind],
      now: () => new Date(),
      schema: 'pgboss',
      ...options,
    })
    await queue.start()
    const send = (...jobs: Job[]) => db.transaction((tx) => queue.send(tx, kind, jobs))
    const work = (concurrency: number, handler: Handler) => queue.work(kind, concurrency, handler)
    const replica = {
      db,
      queue,
      send,
      work,
      waiting: () =>
        db.execute(sql`
          select singleton_key as key, priority, data -> 'data' as data,
            greatest(round(extract(epoch from start_after - now()) / 60)::int, 0) as "startsInMin"
          from pgboss.job where name = ${kind} and state = 'created'`),
      close: async () => {
        await queue.stop(2_000)
        await close()
      },
    }
    opened.push(replica)
    return replica
  }

  async function until(isSo: () => boolean) {
    const deadline = performance.now() + PATIENCE_MS
    while (!isSo()) {
      if (performance.now() > deadline) throw new Error('it did not come to pass')
      await Bun.sleep(10)
    }
  }

  test('three replicas that start at once on one fresh database all come up', async () => {
    const started = await Promise.allSettled([1, 2, 3].map(() => openReplica('together')))

    expect(started.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled'])
  })

  test('of one key only one job runs at a time, over three replicas, and no wake is lost', async () => {
    const replicas = [
      await openReplica('alone'),
      await openReplica('alone'),
      await openReplica('alone'),
    ]
    const active = new Map<string, number>()
    const written = { a: 0, b: 0 }
    const seen = { a: 0, b: 0 }
    let most = 0
    for (const { work } of replicas) {
      await work(4, async (key) => {
        active.set(key, (active.get(key) ?? 0) + 1)
        most = Math.max(most, active.get(key) ?? 0)
        seen[key as 'a' | 'b'] = written[key as 'a' | 'b']
        await Bun.sleep(Math.random() * 10)
        active.set(key, (active.get(key) ?? 0) - 1)
      })
    }

    for (let count = 0; count < 100; count += 1) {
      const sent = replicas[count % 3]?.send({ key: 'a' }, { key: 'b' })
      await Bun.sleep(Math.random() * 4)
      await sent
      // What is written after the commit of the last wake has one of its own.
      written.a += 1
      written.b += 1
      await replicas[(count + 1) % 3]?.send({ key: 'b' }, { key: 'a' })
    }

    await until(() => seen.a === 100 && seen.b === 100)
    expect(most).toBe(1)
  })

  test('what a transaction writes is seen by the run that its wake causes, though a job waited before', async () => {
    const { db, queue, work, send } = await openReplica('visible')
    await db.execute(sql`create table said (key text)`)
    const seen: number[] = []
    await work(2, async () => {
      const [row] = await db.execute<{ count: number }>(sql`select count(*)::int from said`)
      seen.push(row?.count ?? 0)
    })

    for (let nth = 1; nth <= 30; nth += 1) {
      const waiting = send({ key: 'k' })
      await db.transaction(async (tx) => {
        await tx.execute(sql`insert into said values ('k')`)
        await queue.send(tx, 'visible', [{ key: 'k' }])
        await Bun.sleep(Math.random() * 20)
      })
      await waiting
      await until(() => seen.at(-1) === nth)
    }
  })

  test('a thousand wakes of a key that waits are one job', async () => {
    const { send, work, waiting } = await openReplica('thousand')

    for (let count = 0; count < 1_000; count += 1) await send({ key: 'k' })

    expect([...(await waiting())]).toEqual([{ key: 'k', priority: 0, startsInMin: 0, data: {} }])
    const done: string[] = []
    await work(1, async (key) => void done.push(key))
    await until(() => done.length === 1)
  })

  test('a wake that comes while its key is being worked leads to another run', async () => {
    const { send, work } = await openReplica('another')
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    let runs = 0
    await work(2, async () => {
      runs += 1
      await gates[runs - 1]?.promise
    })
    await send({ key: 'k' })
    await until(() => runs === 1)

    await send({ key: 'k' })
    await send({ key: 'k' })
    gates[0]?.resolve()
    await until(() => runs === 2)

    gates[1]?.resolve()
    await Bun.sleep(300)
    expect(runs).toBe(2)
  })

  test('a more urgent wake brings the waiting job forward, and keeps the causes of both', async () => {
    const { send, waiting } = await openReplica('forward')
    await send({ key: 'k', priority: 5, data: { cause: 'retry', note: 'kept' } })

    await send({ key: 'k', priority: 20, data: { cause: 'customer' } })
    await send({ key: 'k', priority: 10, data: {} })

    expect([...(await waiting())]).toEqual([
      { key: 'k', priority: 20, startsInMin: 0, data: { cause: 'customer', note: 'kept' } },
    ])
  })

  test('what was put off keeps its rank, starts at once for a wake, and not for a patient one', async () => {
    const { send, work, waiting, queue } = await openReplica('patient')
    let runs = 0
    await work(1, async () => {
      runs += 1
      throw new Later('in an hour', new Date(Date.now() + 3_600_000))
    })
    await send({ key: 'k', priority: 10, data: { cause: 'trace' } })
    await until(() => runs === 1)
    for (let look = 0; (await waiting()).length === 0 && look < 100; look += 1) await Bun.sleep(10)
    await queue.stop(1_000)
    const putOff = { key: 'k', priority: 10, startsInMin: 60, data: { cause: 'trace' } }
    expect([...(await waiting())]).toEqual([putOff])

    await send({ key: 'k', priority: 0, data: { cause: 'sweep' }, isPatient: true })
    expect([...(await waiting())]).toEqual([putOff])

    await send({ key: 'k', priority: 5 })
    expect([...(await waiting())]).toEqual([{ ...putOff, startsInMin: 0 }])
  })

  test('senders of the same keys in different orders do not stop each other', async () => {
    const replica = await openReplica('orders')
    const keys = Array.from({ length: 50 }, (_, index) => ({ key: String(index) }))
    await replica.send(...keys)

    const senders = Array.from({ length: 40 }, (_, index) =>
      replica.send(...(index % 2 === 0 ? keys : keys.toReversed())),
    )
    const sent = await Promise.allSettled(senders)

    expect(sent.filter(({ status }) => status === 'rejected')).toEqual([])
    const byKey = new Set((await replica.waiting()).map(({ key }) => key))
    expect(byKey.size).toBe(50)
  })

  test('a slow key holds up no other', async () => {
    const { send, work } = await openReplica('slow')
    const gate = Promise.withResolvers<void>()
    const done: string[] = []
    await work(3, async (key) => {
      if (key === 'slow') await gate.promise
      done.push(key)
    })

    await send({ key: 'slow' })
    await Bun.sleep(100)
    await send(...[1, 2, 3, 4, 5].map(() => ({ key: 'slow' })), { key: 'quick' })
    await until(() => done.includes('quick'))

    expect(done).toEqual(['quick'])
    gate.resolve()
    await until(() => done.length === 3)
  })

  test('a job starts within milliseconds of its commit, also on another replica', async () => {
    const [sender, worker] = [await openReplica('prompt'), await openReplica('prompt')]
    const waits: number[] = []
    await worker.work(2, async (_key, { sentAt }) => {
      waits.push(Date.now() - Number(sentAt))
    })
    await Bun.sleep(200)

    for (let count = 1; count <= 9; count += 1) {
      await sender.send({ key: String(count), data: { sentAt: Date.now() } })
      await until(() => waits.length === count)
    }

    expect(waits.toSorted((one, other) => one - other)[4]).toBeLessThan(MUCH_LESS_THAN_A_POLL_MS)
  })

  test('jobs of a transaction that is rolled back do not exist', async () => {
    const { db, queue, send, work } = await openReplica('rollback')
    const done: string[] = []
    await work(1, async (key) => void done.push(key))

    const rolledBack = db.transaction(async (tx) => {
      await queue.send(tx, 'rollback', [{ key: 'never' }])
      throw new Error('changed my mind')
    })
    expect(rolledBack).rejects.toThrow('changed my mind')
    await send({ key: 'after' })
    await until(() => done.includes('after'))
    await Bun.sleep(1_500)

    expect(done).toEqual(['after'])
  })

  test('what throws is run again after a wait, and a newer wake of its key does not wait for that', async () => {
    const { send, work } = await openReplica('repeat')
    const runs: number[] = []
    await work(1, async () => {
      runs.push(performance.now())
      if (runs.length !== 3 && runs.length < 5) throw new Error('not yet')
    })
    const waitBefore = (nth: number) => (runs[nth] ?? 0) - (runs[nth - 1] ?? 0)

    await send({ key: 'k' })
    await until(() => runs.length === 3)
    expect(waitBefore(1)).toBeGreaterThanOrEqual(450)
    expect(waitBefore(2)).toBeGreaterThanOrEqual(900)

    await send({ key: 'k' })
    await until(() => runs.length === 4)
    await Bun.sleep(50)
    await send({ key: 'k' })
    await until(() => runs.length === 5)
    expect(waitBefore(4)).toBeLessThan(400)
  })

  test('a clock an hour ahead of Postgres puts nothing off by an hour', async () => {
    const anHourAhead = () => new Date(Date.now() + 3_600_000)
    const { send, work } = await openReplica('clock-ahead', { now: anHourAhead })
    let runs = 0
    await work(1, async () => {
      runs += 1
      if (runs === 1) throw new Later('in a moment', new Date(anHourAhead().getTime() + 100))
      if (runs === 2) throw new Error('once more, after its backoff')
    })

    await send({ key: 'a' })

    await until(() => runs === 3)
  })

  test('Later runs again when it says, and uses up no run', async () => {
    const { send, work } = await openReplica('later')
    const runs: number[] = []
    const buried: string[] = []
    const { queue } = await openReplica('later')
    await queue.workDeadLetters('later', async (key) => void buried.push(key))
    await work(1, async () => {
      runs.push(performance.now())
      if (runs.length === 1) throw new Later('in a while', new Date(Date.now() + 1_500))
      if (runs.length < 15) throw new Later('at once', new Date())
    })

    await send({ key: 'k' })
    await until(() => runs.length === 15)

    expect((runs[1] ?? 0) - (runs[0] ?? 0)).toBeGreaterThanOrEqual(1_450)
    await Bun.sleep(300)
    expect(buried).toEqual([])
  })

  test('what is never answered is asked again after its backoff, and at last put before a person', async () => {
    const asked: number[] = []
    const { queue, send, work } = await openReplica('unanswered', {
      backoffMs: () => (asked.length < 3 ? 600 : 0),
    })
    const buried = Promise.withResolvers<string>()
    await queue.workDeadLetters('unanswered', async (_key, reason) => buried.resolve(reason))
    await work(1, async () => {
      asked.push(performance.now())
      throw new Unanswered('Dodo answered 500', new Date())
    })

    await send({ key: 'invoice' })

    expect(await buried.promise).toBe('Dodo answered 500')
    expect(asked).toHaveLength(12)
    const [first = 0, second = 0, third = 0] = asked
    expect(second - first).toBeLessThan(600)
    expect(third - second).toBeGreaterThan(500)
  })

  test('after its last run a job is buried, with the reason, and its key is free', async () => {
    const { queue, send, work } = await openReplica('bury', { backoffMs: () => 0 })
    const runs: unknown[] = []
    const told: string[][] = []
    await queue.workDeadLetters('bury', async (key, reason) => void told.push([key, reason]))
    await work(2, async (_key, { isFine }) => {
      runs.push(isFine)
      if (!isFine) throw new Error('the card reader is on fire')
    })

    await send({ key: 'k' })
    await until(() => told.length === 1)
    expect(told).toEqual([['k', 'the card reader is on fire']])
    expect(runs).toHaveLength(12)

    await send({ key: 'k', data: { isFine: true } })
    await until(() => runs.length === 13)
  })

  test.each([
    ['a NUL', 'the card \0 reader is on fire'],
    ['half a letter at its end', `${'x'.repeat(499)}💳`],
  ])(
    'a job is buried also where the reason has %s, which no JSON of Postgres holds',
    async (_what, reason) => {
      const kind = `bury-${reason.length}`
      const { queue, send, work } = await openReplica(kind, { backoffMs: () => 0 })
      let runs = 0
      const told: string[] = []
      await queue.workDeadLetters(kind, async (_key, why) => void told.push(why))
      await work(1, async () => {
        runs += 1
        throw new Error(reason)
      })

      await send({ key: 'k' })
      await until(() => told.length === 1)

      expect(runs).toBe(12)
      expect(told[0]).toStartWith(reason.slice(0, 8))
    },
  )

  test('what is in hand when a replica stops is finished; what does not end is handed to another', async () => {
    const [leaving, staying] = [await openReplica('stop'), await openReplica('stop')]
    const done: string[] = []
    const started: string[] = []
    await leaving.work(2, async (key) => {
      started.push(key)
      await Bun.sleep(key === 'short' ? 300 : 60_000)
      done.push(`${key} by the leaving one`)
    })
    await leaving.send({ key: 'short' }, { key: 'long' })
    await until(() => started.length === 2)

    await leaving.queue.stop(1_000)
    await staying.work(2, async (key) => void done.push(`${key} by the staying one`))

    await until(() => done.length === 2)
    expect(done).toEqual(['short by the leaving one', 'long by the staying one'])
  })
})
