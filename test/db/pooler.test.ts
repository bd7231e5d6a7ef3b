import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'

import { migrate } from '../../src/db/migrate.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const PROGRAM = ['/usr/sbin/pgbouncer', '/usr/bin/pgbouncer', '/opt/homebrew/bin/pgbouncer'].find(
  existsSync,
)

let database: TestDatabase
const poolers: ChildProcess[] = []
const folders: string[] = []
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(async () => {
  for (const pooler of poolers) pooler.kill('SIGKILL')
  for (const folder of folders) await rm(folder, { recursive: true, force: true })
  await database.drop()
})

/** A PgBouncer before the test's server, with its own defaults but for the mode. */
async function openPooler(mode: string, settings = ''): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bridge-pooler-'))
  folders.push(folder)
  await chmod(folder, 0o755)
  const url = new URL(database.url)
  const port = 20_000 + Math.floor(Math.random() * 20_000)
  const users = join(folder, 'users')
  await writeFile(users, `"${url.username}" "${url.password}"\n`)
  const ini = join(folder, 'pgbouncer.ini')
  await writeFile(
    ini,
    `[databases]\n* = host=${decodeURIComponent(url.hostname)} port=${url.port || 5432}\n` +
      `[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nunix_socket_dir =\n` +
      `auth_type = plain\nauth_file = ${users}\npool_mode = ${mode}\n${settings}`,
  )
  for (const file of [users, ini]) await chmod(file, 0o644)
  const user = process.getuid?.() === 0 ? ['-u', 'postgres'] : []
  poolers.push(spawn(PROGRAM ?? '', [...user, ini], { stdio: 'ignore' }))
  const pooled = `postgres://${url.username}:${url.password}@127.0.0.1:${port}${url.pathname}`
  await answer(pooled)
  return pooled
}

async function answer(url: string): Promise<void> {
  const deadline = performance.now() + 10_000
  for (;;) {
    const sql = postgres(url, { max: 1, connect_timeout: 2 })
    try {
      await sql`select 1`
      return
    } catch (error) {
      if (performance.now() > deadline) throw error
      await Bun.sleep(50)
    } finally {
      await sql.end({ timeout: 0 })
    }
  }
}

const refusalOf = (opening: Promise<unknown>) =>
  opening.then(
    () => 'none',
    (error: unknown) => (error instanceof Error ? error.message : 'no error'),
  )

describe.if(PROGRAM !== undefined)('behind PgBouncer', () => {
  test('in session mode all is well, with the settings it comes with', async () => {
    expect(await refusalOf(migrate(await openPooler('session')))).toBe('none')
  })

  test.each(['', 'server_round_robin = 1', 'default_pool_size = 2'])(
    'transaction mode is refused in words that name the remedy (%s)',
    async (settings) => {
      const refusal = await refusalOf(migrate(await openPooler('transaction', settings)))
      expect(refusal).toMatch(/transaction mode.*direct address/)
    },
  )

  test('statement mode, too', async () => {
    expect(await refusalOf(migrate(await openPooler('statement')))).toMatch(
      /(statement|transaction) mode.*direct address/,
    )
  })
})

test('without one in between nothing is refused', async () => {
  expect(await refusalOf(migrate(database.url))).toBe('none')
})
