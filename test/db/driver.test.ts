import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import postgres from 'postgres'

import { connect } from '../../src/db/connect.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { openCutProxyTo } from '../support/cut-proxy.ts'

const SOON_MS = 4_000

let database: TestDatabase
let admin: postgres.Sql
beforeAll(async () => {
  database = await createTestDatabase(async () => undefined)
  admin = connect(database.url, { max: 1 })
  await admin`create table halves (run int, half text)`
})
afterAll(async () => {
  await admin.end()
  await database.drop()
})

const killAll = () => admin`
  select pg_terminate_backend(pid) from pg_stat_activity
  where datname = current_database() and pid <> pg_backend_pid()`

const halvesOf = async (run: number) =>
  (await admin<{ half: string }[]>`select half from halves where run = ${run}`).map(
    (row) => row.half,
  )

const settle = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  )

describe('a session that ends in the middle of a transaction', () => {
  test('takes the whole transaction with it, though others wait for the connection', async () => {
    const sql = connect(database.url, { max: 1 })
    const transaction = settle(
      sql.begin(async (tx) => {
        await tx`insert into halves values (1, 'first')`
        const waiting = sql`select 1`.then(() => undefined)
        await killAll()
        await waiting
        await tx`insert into halves values (1, 'second')`
      }),
    )
    expect(await transaction).toContain('CONNECTION_CLOSED')
    expect(await halvesOf(1)).toEqual([])
    await sql.end()
  })

  test('rejects the statement and the release of a reserved connection, and nobody else suffers', async () => {
    const sql = connect(database.url, { max: 1 })
    const reserved = await sql.reserve()
    await reserved`begin`
    await reserved`insert into halves values (2, 'first')`
    const waiting = sql`select 1 as one`.then((rows) => rows[0]?.['one'] as number)
    await killAll()
    expect(await waiting).toBe(1)
    expect(
      await settle(Promise.resolve(reserved`insert into halves values (2, 'second')`)),
    ).toContain('CONNECTION_CLOSED')
    reserved.release()
    expect(await Promise.all([1, 2, 3].map((n) => sql`select ${n}::int as n`))).toHaveLength(3)
    expect(await halvesOf(2)).toEqual([])
    await sql.end()
  })

  test('never leaves half of it, between whichever statements sessions are killed under load', async () => {
    const sql = connect(database.url, { max: 3 })
    const over = new AbortController()
    let next = 100
    const claimed: number[] = []
    const work = async () => {
      while (!over.signal.aborted) {
        const run = (next += 1)
        const isDone = await settle(
          run % 2
            ? sql.begin(async (tx) => {
                await tx`insert into halves values (${run}, 'first')`
                await Bun.sleep(Math.random() * 4)
                await tx`insert into halves values (${run}, 'second')`
              })
            : reservedHalves(sql, run),
        )
        if (isDone === 'done') claimed.push(run)
      }
    }
    const workers = Array.from({ length: 9 }, work)
    for (let kill = 0; kill < 20; kill += 1) {
      await Bun.sleep(20 + Math.random() * 250)
      await killAll()
    }
    over.abort()
    await Promise.all(workers)

    const broken = await admin`
      select run, count(*) from halves where run > 100 group by run having count(*) <> 2`
    expect([...broken]).toEqual([])
    const kept = await admin<{ run: number }[]>`select distinct run from halves where run > 100`
    const lost = new Set(kept.map(({ run }) => run))
    expect(claimed.filter((run) => !lost.has(run))).toEqual([])
    expect(claimed.length).toBeGreaterThan(5)
    await settle(Promise.resolve(sql`select 1`))
    expect(await sql`select 1`).toHaveLength(1)
    await sql.end()
  }, 60_000)
})

async function reservedHalves(sql: postgres.Sql, run: number) {
  const reserved = await sql.reserve()
  try {
    await reserved`begin`
    await reserved`insert into halves values (${run}, 'first')`
    await Bun.sleep(Math.random() * 4)
    await reserved`insert into halves values (${run}, 'second')`
    await reserved`commit`
  } finally {
    reserved.release()
  }
}

describe('a socket that is cut', () => {
  test.each([false, true])(
    'at any byte of what we send costs that query and no other (reset: %p)',
    async (isReset) => {
      const proxy = await openCutProxyTo(database.url)
      const sql = connect(proxy.url, { max: 1 })
      await sql`select 1`
      for (let bytes = 1; bytes <= 300; bytes += isReset ? 29 : 17) {
        Object.assign(proxy.behaviour, { cutAfter: bytes, isReset })
        proxy.cut()
        await settle(Promise.resolve(sql`select ${'x'.repeat(40)} as text`))
        await settle(Promise.resolve(sql`select ${'x'.repeat(40)} as text`))
        proxy.behaviour.cutAfter = Infinity
        const startedAt = performance.now()
        while ((await settle(Promise.resolve(sql`select 1`))) !== 'done') {
          if (performance.now() - startedAt > SOON_MS) throw new Error(`poisoned at ${bytes}`)
        }
      }
      await sql.end({ timeout: 1 })
      proxy.close()
    },
    60_000,
  )

  test('between a write and its flush leaves nothing behind for the next connection', async () => {
    const proxy = await openCutProxyTo(database.url)
    const sql = connect(proxy.url, { max: 1 })
    for (let round = 0; round < 12; round += 1) {
      await sql`select 1`
      proxy.cut()
      // Now in one tick after the other, so that one of them meets the moment.
      for (let tick = 0; tick < round; tick += 1) await Promise.resolve()
      const first = settle(Promise.resolve(sql`select 1`))
      if (round % 2) await new Promise((resolve) => setImmediate(resolve))
      const second = settle(Promise.resolve(sql`select 2`))
      await Promise.all([first, second])
      const startedAt = performance.now()
      expect(await settle(Promise.resolve(sql`select 3`))).toBe('done')
      expect(performance.now() - startedAt).toBeLessThan(SOON_MS)
    }
    await sql.end({ timeout: 1 })
    proxy.close()
  }, 60_000)

  test('a server that accepts and closes is given up within bounds', async () => {
    const server = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: { data: (socket) => void socket.end(), open: () => undefined },
    })
    const sql = connect(`postgres://u:p@127.0.0.1:${server.port}/d`, { max: 1 })
    expect(await settle(Promise.resolve(sql`select 1`))).toContain('CONNECTION_CLOSED')
    await sql.end({ timeout: 0 })
    server.stop(true)
  })
})

describe('a connection that answers and cannot work', () => {
  test('is given up after the first refused write, in pool and transaction', async () => {
    const sql = connect(database.url, { max: 2 })
    const pids = async () => {
      const rows = await Promise.all(
        [1, 2].map(() => sql`select pg_backend_pid() as pid, pg_sleep(0.05)`),
      )
      return rows.map(([row]) => Number(row?.['pid']))
    }
    const before = await pids()
    await sql`select set_config('default_transaction_read_only', 'on', false), pg_sleep(0.05)`
    await sql.begin((tx) => tx`select set_config('default_transaction_read_only', 'on', false)`)
    await Promise.all(
      [1, 2].map(
        () => sql`select set_config('default_transaction_read_only', 'on', false), pg_sleep(0.05)`,
      ),
    )
    const refused = await Promise.all([
      settle(Promise.resolve(sql`insert into halves values (3, 'plain')`)),
      settle(sql.begin((tx) => tx`insert into halves values (3, 'in transaction')`)),
    ])
    expect(refused.every((text) => text.includes('read-only'))).toBe(true)
    await sql`insert into halves values (3, 'anew')`
    const after = await pids()
    expect(after.filter((pid) => before.includes(pid))).toEqual([])
    await sql.end()
  })

  test('a read-only database is refused when a connection is made', async () => {
    const name = new URL(database.url).pathname.slice(1)
    await admin.unsafe(`alter database ${name} set default_transaction_read_only = on`)
    const sql = connect(database.url, { max: 1 })
    expect(await settle(Promise.resolve(sql`select 1`))).toContain('read-only')
    await admin.unsafe(`alter database ${name} reset default_transaction_read_only`)
    expect(await settle(Promise.resolve(sql`select 1`))).toBe('done')
    await sql.end()
  })
})

describe('fewer connections than wished for', () => {
  test('make it slower, and nothing fails', async () => {
    const url = new URL(database.url)
    const role = `few_${crypto.randomUUID().slice(0, 8)}`
    await admin.unsafe(`create role ${role} login password 'few' connection limit 2`)
    await admin.unsafe(`grant all on halves to ${role}`)
    url.username = role
    url.password = 'few'
    const sql = connect(url.href, { max: 8 })
    await sql`select 1`
    const runs = Array.from({ length: 40 }, (_, n) =>
      settle(
        n % 3
          ? Promise.resolve(sql`select pg_sleep(0.01)`)
          : sql.begin((tx) => tx`insert into halves values (4, ${String(n)})`),
      ),
    )
    expect(new Set(await Promise.all(runs))).toEqual(new Set(['done']))
    await sql.end()
    await admin.unsafe(`drop owned by ${role}; drop role ${role}`)
  })
})
