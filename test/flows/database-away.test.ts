import { describe, expect, test } from 'bun:test'
import { sql as query } from 'drizzle-orm'
import postgres from 'postgres'

import { shareWorld } from '../support/world.ts'

const AGAIN_MS = 15_000
const CROWD = 40
/** Within this the bridge has tried to write of its own accord. */
const TICK_MS = 4_000

describe('a database that comes and goes', () => {
  const shared = shareWorld()

  const asAdmin = async <Result>(act: (sql: postgres.Sql, name: string) => Promise<Result>) => {
    const server = new URL(shared.world.databaseUrl)
    const name = server.pathname.slice(1)
    server.pathname = '/postgres'
    const sql = postgres(server.href, { max: 1, onnotice: () => undefined })
    try {
      return await act(sql, name)
    } finally {
      await sql.end()
    }
  }
  const readiness = async () => {
    const response = await shared.world.get('/ready')
    return { status: response.status, text: await response.text() }
  }
  const until = async (check: (seen: { status: number; text: string }) => boolean) => {
    const deadline = performance.now() + AGAIN_MS
    for (;;) {
      const seen = await readiness()
      if (check(seen)) return seen
      if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(seen)}`)
      await Bun.sleep(50)
    }
  }

  test('works everything again within seconds after all sessions were ended, again and again', async () => {
    const { world } = shared
    const invoices = Array.from({ length: 4 }, (_, n) => world.bill(1_000 + n))
    await asAdmin(async (sql, name) => {
      for (let round = 0; round < 5; round += 1) {
        await sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`
        await Bun.sleep(200)
      }
    })
    for (const { lago_id } of invoices) await world.openCheckout(lago_id)
    expect((await until(({ status }) => status === 200)).status).toBe(200)
  })

  test('is not ready while it is read-only, also over connections that were left open, and says so', async () => {
    const { world } = shared
    await asAdmin((sql, name) =>
      sql.unsafe(`alter database ${name} set default_transaction_read_only = on`),
    )
    await asAdmin(
      (sql, name) =>
        sql`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`,
    )
    expect((await until(({ status }) => status === 503)).text).toContain('takes no writes')

    await asAdmin((sql, name) =>
      sql.unsafe(`alter database ${name} reset default_transaction_read_only`),
    )
    await until(({ status }) => status === 200)
    await world.openCheckout(world.bill(2_000).lago_id)
  })

  test('says that it is read-only also when no connection is left, and new ones are tried ever more seldom', async () => {
    const { world } = shared
    await until(({ status }) => status === 200)
    await asAdmin(async (admin, name) => {
      await admin.unsafe(`alter database ${name} set default_transaction_read_only = on`)
      await admin`select pg_terminate_backend(pid) from pg_stat_activity where datname = ${name}`
    })
    // Each attempt at a connection answers one of those that wait for one.
    const crowd = Array.from({ length: CROWD }, () =>
      world.bridge.db.execute(query`select 1`).catch(() => undefined),
    )
    await Bun.sleep(TICK_MS)
    expect((await readiness()).text).toContain('takes no writes')
    await Promise.all(crowd)

    await asAdmin((sql, name) =>
      sql.unsafe(`alter database ${name} reset default_transaction_read_only`),
    )
    await until(({ status }) => status === 200)
  })
})
