import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import pino from 'pino'

import { openDatabase } from '../../src/db/client.ts'
import { Later } from '../../src/errors.ts'
import { createQueue, type Handler, type Job } from '../../src/queue/queue.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const PATIENCE_MS = 20_000

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
  async function openReplica(kind: string, now = () => new Date()) {
    const { sql, db, close } = openDatabase(database.url, 6)
    const queue = createQueue({ sql, log: pino({ level: 'silent' }), kinds: [kind], now })
    await queue.start()
    const send = (...jobs: Job[]) => db.transaction((tx) => queue.send(tx, kind, jobs))
    const work = (concurrency: number, handler: Handler) => queue.work(kind, concurrency, handler)
    const replica = {
      db,
      queue,
      send,
      work,
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

  test('of one key only one job runs at a time, over three replicas, and none is lost', async () => {
    const replicas = [
      await openReplica('alone'),
      await openReplica('alone'),
      await openReplica('alone'),
    ]
    const active = new Map<string, number>()
    let most = 0
    let done = 0
    for (const { work } of replicas) {
      await work(4, async (key) => {
        active.set(key, (active.get(key) ?? 0) + 1)
        most = Math.max(most, active.get(key) ?? 0)
        await Bun.sleep(20)
        active.set(key, (active.get(key) ?? 0) - 1)
        done += 1
      })
    }

    for (let count = 0; count < 10; count += 1) {
      await replicas[count % 3]?.send({ key: 'a' }, { key: 'b' })
    }

    await until(() => done === 20)
    expect(most).toBe(1)
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
    await until(() => done.length === 7)
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

    expect(waits.toSorted((one, other) => one - other)[4]).toBeLessThan(100)
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

  test('what throws is run again after a wait, and newer jobs of its key do not wait with it', async () => {
    const { send, work } = await openReplica('repeat')
    const runs: { what: unknown; at: number }[] = []
    await work(1, async (_key, { what }) => {
      runs.push({ what, at: performance.now() })
      const failures = runs.filter((run) => run.what === 'bad').length
      if (what === 'bad' && failures < 3) throw new Error('not yet')
    })

    await send({ key: 'k', data: { what: 'bad' } })
    await until(() => runs.length === 1)
    await send({ key: 'k', data: { what: 'good' } })
    await until(() => runs.length === 4)

    expect(runs.map(({ what }) => what)).toEqual(['bad', 'good', 'bad', 'bad'])
    const [first, , second, third] = runs.map(({ at }) => at)
    expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(450)
    expect((third ?? 0) - (second ?? 0)).toBeGreaterThanOrEqual(900)
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

  test('after its last run a job is buried, with the reason, and its key is free', async () => {
    // A clock that is late makes every backoff one that is over.
    const { queue, send, work } = await openReplica('bury', () => new Date(Date.now() - 3_600_000))
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
