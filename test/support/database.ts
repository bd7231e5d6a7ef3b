import { spawn } from 'node:child_process'
import { mkdtemp, statfs } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import postgres from 'postgres'

import { openDatabase } from '../../src/db/client.ts'
import { openEmbeddedPostgres } from '../../src/db/embedded.ts'
import { migrate as migrateToLatest } from '../../src/db/migrate.ts'
import { SCHEMA } from '../../src/db/session.ts'
import { JOB_KINDS } from '../../src/jobs.ts'
import { createQueue } from '../../src/queue/queue.ts'

export type TestDatabase = { url: string; drop(): Promise<void> }

const MEMORY = '/dev/shm'
const ROOM_BYTES = 4 * 1024 ** 3
const QUEUE_SCHEMA = 'pgboss'

type Migrate = (url: string) => Promise<unknown>

/** Nothing here has to last, so nothing waits for the disk. */
const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
}

/** Where the server is that all processes of a run share. It ends with the run, so templates may be left on it. */
export const SERVER_OF_THE_RUN = 'TEST_SERVER_OF_THE_RUN'

let server: Promise<string> | undefined
const templates = new Map<Migrate, Promise<string>>()

const administrators = new Map<string, postgres.Sql>()

/**
 * Returns a database of its own with the schema in place. The first call of a run starts the
 * server, unless the run has one, and migrates a template; the others copy it, which takes milliseconds.
 */
export async function createTestDatabase(
  migrate: Migrate = migrateToLatest,
): Promise<TestDatabase> {
  const own = process.env['TEST_DATABASE_URL']
  const serverUrl = own ?? process.env[SERVER_OF_THE_RUN] ?? (await (server ??= startServer()))
  const name = newName()
  const url = atDatabase(serverUrl, name)
  if (own) {
    // A template would be left behind on a server that outlives us, so each is migrated by itself.
    await command(serverUrl, `create database ${name}`)
    await migrate(url)
  } else {
    // Copying the files takes a quarter of the processor that copying page by page takes, and dropping them an eighth.
    await command(
      serverUrl,
      `create database ${name} template ${await template(serverUrl, migrate)} strategy file_copy`,
      // For those who look at the tables over a connection that is not the bridge's.
      `alter database ${name} set search_path = ${SCHEMA}, public`,
    )
  }
  return { url, drop: () => command(serverUrl, `drop database if exists ${name} with (force)`) }
}

function template(serverUrl: string, migrate: Migrate): Promise<string> {
  const existing = templates.get(migrate)
  if (existing) return existing

  const created = createTemplate(serverUrl, migrate)
  templates.set(migrate, created)
  return created
}

async function createTemplate(serverUrl: string, migrate: Migrate): Promise<string> {
  const name = newName()
  await command(serverUrl, `create database ${name}`)
  const url = atDatabase(serverUrl, name)
  await migrate(url)
  if (migrate === migrateToLatest) await createQueues(url)
  return name
}

/** What the first start on a new database makes, which every test would wait for. */
async function createQueues(url: string): Promise<void> {
  const { sql, close } = openDatabase(url, 2)
  const log = pino({ level: 'silent' })
  const now = () => new Date()
  const queue = createQueue({ sql, log, kinds: JOB_KINDS, now, schema: QUEUE_SCHEMA })
  await queue.start()
  await queue.stop(0)
  await close()
}

/** A Postgres that is gone when this process is. */
export async function startServer(): Promise<string> {
  const dataDir = await mkdtemp(join(await chooseFolder(), 'bridge-test-'))
  removeWhenWeEnd(dataDir)
  const { url } = await openEmbeddedPostgres({ dataDir, settings: SETTINGS })
  return url
}

/** In memory where there is room: hundreds of databases are made and dropped, and a disk takes five times as long. */
async function chooseFolder(): Promise<string> {
  const memory = await statfs(MEMORY).catch(() => undefined)
  return memory && memory.bavail * memory.bsize > ROOM_BYTES ? MEMORY : tmpdir()
}

/** A shell whose input ends when this process does, however it ends, sweeps up after it. */
function removeWhenWeEnd(dataDir: string): void {
  const sweep = `
    cat > /dev/null
    lock="$0/postgres-18/data/postmaster.pid"
    kill -QUIT "$(head -n 1 "$lock")"
    for i in 1 2 3 4 5 6 7 8 9 10; do test -e "$lock" && sleep 0.1; done
    rm -rf "$0"`
  const sweeper = spawn('/bin/sh', ['-c', sweep, dataDir], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  sweeper.unref()
}

async function command(url: string, ...texts: string[]): Promise<void> {
  const sql = administrators.get(url) ?? openAdministrator(url)
  for (const text of texts) await sql.unsafe(text)
}

/** A world costs a dozen connections; who makes and drops the databases keeps one for all of them. */
function openAdministrator(url: string): postgres.Sql {
  const sql = postgres(url, { max: 1, idle_timeout: 5, onnotice: () => undefined })
  administrators.set(url, sql)
  return sql
}

function newName(): string {
  return `bridge_test_${crypto.randomUUID().replaceAll('-', '')}`
}

function atDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  return url.href
}
