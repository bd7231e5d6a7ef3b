import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'

/** Where a PgBouncer is installed, if one is. */
export const PGBOUNCER = [
  '/usr/sbin/pgbouncer',
  '/usr/bin/pgbouncer',
  '/opt/homebrew/bin/pgbouncer',
].find(existsSync)

/** Starts PgBouncers before a test's database, with their own defaults but for the mode. */
export function createPoolers() {
  const poolers: ChildProcess[] = []
  const folders: string[] = []

  async function open(databaseUrl: string, mode: string, settings = ''): Promise<string> {
    const folder = await mkdtemp(join(tmpdir(), 'bridge-pooler-'))
    folders.push(folder)
    await chmod(folder, 0o755)
    const url = new URL(databaseUrl)
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
    poolers.push(spawn(PGBOUNCER ?? '', [...user, ini], { stdio: 'ignore' }))
    const pooled = `postgres://${url.username}:${url.password}@127.0.0.1:${port}${url.pathname}`
    await answer(pooled)
    return pooled
  }

  async function close() {
    for (const pooler of poolers) pooler.kill('SIGKILL')
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  }
  return { open, close }
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
