import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import path from 'node:path'
import pino from 'pino'

import { openDatabase } from '../../src/db/client.ts'
import { createQueue } from '../../src/queue/queue.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const TAKEN_OVER_MS = 20_000

/** A process that takes a job and never lets go of it. */
const WORKER = `
  import pino from 'pino'
  import { openDatabase } from './src/db/client.ts'
  import { createQueue } from './src/queue/queue.ts'
  const { sql } = openDatabase(process.env.DATABASE_URL)
  const queue = createQueue({ sql, log: pino({ level: 'silent' }), kinds: ['crash'], now: () => new Date(), schema: 'pgboss' })
  await queue.start()
  await queue.work('crash', 1, async () => {
    process.stdout.write('working')
    await Bun.sleep(600_000)
  })
`

describe('a worker that dies', () => {
  let database: TestDatabase
  let worker: Bun.Subprocess<'ignore', 'pipe', 'inherit'> | undefined
  beforeAll(async () => {
    database = await createTestDatabase()
  })
  afterAll(async () => {
    worker?.kill('SIGKILL')
    await database.drop()
  })

  test('loses its job to another within seconds, and newer jobs of the key run too', async () => {
    const { sql, db, close } = openDatabase(database.url)
    const log = pino({ level: 'silent' })
    const queue = createQueue({
      sql,
      log,
      kinds: ['crash'],
      now: () => new Date(),
      schema: 'pgboss',
    })
    await queue.start()
    const send = (nth: number) =>
      db.transaction((tx) => queue.send(tx, 'crash', [{ key: 'k', data: { nth } }]))
    worker = Bun.spawn(['bun', '-e', WORKER], {
      cwd: path.join(import.meta.dir, '../..'),
      env: { ...process.env, DATABASE_URL: database.url },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'inherit',
    })
    await send(1)
    const reader = worker.stdout.getReader()
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('working')

    worker.kill('SIGKILL')
    const diedAt = performance.now()
    await send(2)
    const done: unknown[] = []
    await queue.work('crash', 2, async (_key, { nth }) => void done.push(nth))
    while (done.length < 2 && performance.now() - diedAt < TAKEN_OVER_MS) await Bun.sleep(100)

    expect(done).toEqual([1, 2])
    await queue.stop(1_000)
    await close()
  })
})
