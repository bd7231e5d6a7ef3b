import { execFile } from 'node:child_process'
import { mkdtemp, open, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import postgres from 'postgres'

import { openEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate } from '../../src/db/migrate.ts'
import { SCHEMA } from '../../src/db/session.ts'
import { openCutProxy } from '../../test/support/cut-proxy.ts'

const run = promisify(execFile)
/** What a cluster takes, and some megabytes. */
const SMALL = 'size=320m,mode=755'
const BLOCK_BYTES = 1_048_576
const FITS = [() => true, () => false] as const

/** Why no small disk can be made here; undefined where one can. */
export async function whyNoSmallDisk(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'bridge-disk-'))
  try {
    await mount(folder)
    await run('umount', [folder])
    return undefined
  } catch {
    return 'a small disk cannot be mounted here, which takes root'
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const mount = (folder: string) => run('mount', ['-t', 'tmpfs', '-o', SMALL, 'tmpfs', folder])

export type OwnDatabase = Awaited<ReturnType<typeof openOwnDatabase>>

/** What a database may do here: it lasts, but nobody pulls the plug of this machine. */
const SETTINGS = { fsync: 'off', max_connections: '200' }

/**
 * A Postgres of its own that may be killed, behind a proxy that may cut its connections or be silent. The bridge comes
 * through the proxy; who looks at the ledger does not.
 */
export async function openOwnDatabase({ isMigrated = true, isOnSmallDisk = false } = {}) {
  const dataDir = await mkdtemp(join(tmpdir(), 'bridge-crash-'))
  if (isOnSmallDisk) await mount(dataDir)
  const ballast = join(dataDir, 'ballast')
  const server = await openEmbeddedPostgres({ dataDir, settings: SETTINGS })
  const { url } = server
  const socket = decodeURIComponent(new URL(url).hostname)
  const proxy = await openCutProxy({ path: join(socket, '.s.PGSQL.5432') })
  const admin = postgres(url, { max: 1, onnotice: () => undefined })
  const name = `proof_${crypto.randomUUID().replaceAll('-', '')}`
  await command(
    `create database ${name}`,
    `alter database ${name} set search_path = ${SCHEMA}, public`,
  )

  const at = (database: string) => {
    const inside = new URL(url)
    inside.pathname = `/${database}`
    const outside = new URL(inside)
    outside.search = ''
    outside.hostname = '127.0.0.1'
    outside.port = String(proxy.port)
    return { inside: inside.href, outside: outside.href }
  }

  /** What a server says that is about to be gone, or has just come back, is no word of its own. */
  async function command(...texts: string[]) {
    for (const text of texts)
      for (let tries = 0; ; tries += 1) {
        try {
          await admin.unsafe(text)
          break
        } catch (error) {
          if (tries === 20) throw error
          await Bun.sleep(250)
        }
      }
  }

  if (isMigrated) await migrate(at(name).inside)
  return {
    proxy,
    name,
    at,
    command,
    /** Ends one session of the bridge's, whichever the database names first. */
    async endOneSession(nth: number) {
      const rows = await admin<{ pid: number }[]>`
        select pid from pg_stat_activity where datname = ${name} and pid <> pg_backend_pid()
        order by pid`
      const victim = rows[nth % Math.max(1, rows.length)]
      if (victim) await admin`select pg_terminate_backend(${victim.pid})`
      return victim !== undefined
    },
    /** Stops the server; whoever holds it starts it again a moment later. */
    async stopServer(how: 'SIGINT' | 'SIGQUIT') {
      const lock = await readFile(join(dataDir, 'postgres-18/data/postmaster.pid'), 'utf8')
      process.kill(Number(lock.split('\n')[0]), how)
    },
    /** Writes until nothing more fits. */
    async fillDisk() {
      const file = await open(ballast, 'w')
      const block = Buffer.alloc(BLOCK_BYTES, 1)
      for (let size = BLOCK_BYTES; size >= 1; size = Math.floor(size / 16))
        while (await file.write(block, 0, size).then(...FITS));
      await file.close()
    },
    makeRoom: () => rm(ballast, { force: true }),
    async close() {
      proxy.close()
      await admin.end({ timeout: 1 })
      await server.release()
      if (isOnSmallDisk) await run('umount', ['-l', dataDir])
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}
