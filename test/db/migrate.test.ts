import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { drizzle } from 'drizzle-orm/postgres-js'
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator'
import path from 'node:path'
import { PgBoss } from 'pg-boss'
import pino from 'pino'
import postgres from 'postgres'

import { openDatabase } from '../../src/db/client.ts'
import { connect } from '../../src/db/connect.ts'
import { migrate } from '../../src/db/migrate.ts'
import { createQueue } from '../../src/queue/queue.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'

const databases: TestDatabase[] = []
let admin: postgres.Sql
const ROLE = `plain_${crypto.randomUUID().slice(0, 8)}`

const newDatabase = async (prepare: (url: string) => Promise<unknown> = async () => undefined) => {
  const database = await createTestDatabase(prepare)
  databases.push(database)
  return database.url
}

beforeAll(async () => {
  admin = connect(await newDatabase(), { max: 1 })
  await admin.unsafe(`create role ${ROLE} login password 'plain'`)
})
afterAll(async () => {
  await admin.end()
  for (const database of databases.slice(1)) await database.drop()
  const last = connect(databases[0]?.url ?? '', { max: 1 })
  await last.unsafe(`drop owned by ${ROLE}; drop role ${ROLE}`)
  await last.end()
  await databases[0]?.drop()
})

async function on(url: string, text: string): Promise<Record<string, unknown>[]> {
  const sql = connect(url, { max: 1 })
  const rows = await sql.unsafe(text)
  await sql.end()
  return [...rows]
}

const asPlainRole = (url: string) => {
  const plain = new URL(url)
  plain.username = ROLE
  plain.password = 'plain'
  return plain.href
}

const nameOf = (url: string) => new URL(url).pathname.slice(1)

/** As the server starts: the schema, then the queue, and a job through it. */
async function start(url: string) {
  const { queueSchema: schema } = await migrate(url)
  const { sql, db, close } = openDatabase(url, 3)
  const log = pino({ level: 'silent' })
  const queue = createQueue({ sql, log, kinds: ['start'], now: () => new Date(), schema })
  await queue.start()
  const done = Promise.withResolvers<string>()
  await queue.work('start', 1, async (key) => done.resolve(key))
  await db.transaction((tx) => queue.send(tx, 'start', [{ key: 'k' }]))
  expect(await done.promise).toBe('k')
  await queue.stop(1_000)
  await close()
  return schema
}

const refusalOf = (opening: Promise<unknown>) =>
  opening.then(
    () => 'none',
    (error: unknown) => (error instanceof Error ? error.message : 'no error'),
  )

describe('a database that is not ours alone', () => {
  test('keeps its own tables and its own Drizzle journal', async () => {
    const url = await newDatabase()
    await on(
      url,
      `create table public.invoices (id int); create table public.customers (id int); create schema drizzle;
       create table drizzle.__drizzle_migrations (id serial, hash text, created_at bigint);
       insert into drizzle.__drizzle_migrations (hash, created_at) values ('theirs', 99999999999999)`,
    )
    await start(url)
    await start(url)
    expect(await on(url, 'select hash from drizzle.__drizzle_migrations')).toEqual([
      { hash: 'theirs' },
    ])
    const [row] = await on(url, `select count(*)::int as n from dodo_bridge.deliveries`)
    expect(row).toEqual({ n: 0 })
  })

  test('keeps the pg-boss of another program, its jobs, and its release', async () => {
    const url = await newDatabase()
    const theirs = new PgBoss({ connectionString: url })
    await theirs.start()
    // By a name that we use, too.
    await theirs.createQueue('start')
    await theirs.send('start', { theirs: true })
    await theirs.stop({ close: true })
    await on(url, 'update pgboss.version set version = 20')

    const schemas = [await start(url), await start(url)]

    expect(schemas).toEqual(['dodo_bridge_queue', 'dodo_bridge_queue'])
    expect(await on(url, 'select state, data from pgboss.job')).toEqual([
      { state: 'created', data: { theirs: true } },
    ])
    expect(await on(url, 'select version from pgboss.version')).toEqual([{ version: 20 }])
  })

  test('keeps its queue where it is when another program comes to share that', async () => {
    const url = await newDatabase()
    const first = await start(url)
    const theirs = new PgBoss({ connectionString: url })
    await theirs.start()
    await theirs.createQueue('theirs')
    await theirs.stop({ close: true })

    expect([first, await start(url)]).toEqual(['pgboss', 'pgboss'])
  })

  test('that an older version made its tables in goes on in them', async () => {
    const url = await newDatabase()
    const sql = postgres(url, { max: 1, onnotice: () => undefined })
    await sql`set search_path = public`
    await applyMigrations(drizzle(sql), {
      migrationsFolder: path.join(import.meta.dir, '../../drizzle'),
    })
    await sql.end()
    await on(url, `insert into public.findings values ('kept', '1', now())`)
    await start(url)
    expect(await on(url, `select name from findings`)).toEqual([{ name: 'kept' }])
    expect(await on(url, `select 1 from pg_namespace where nspname = 'dodo_bridge'`)).toEqual([])
  })

  test('with settings of its own reads and writes the same', async () => {
    const url = await newDatabase()
    const settings = {
      datestyle: 'German',
      standard_conforming_strings: 'off',
      bytea_output: 'escape',
      timezone: 'Asia/Tokyo',
      default_transaction_isolation: 'serializable',
      intervalstyle: 'iso_8601',
      search_path: 'pg_catalog',
      client_encoding: 'LATIN1',
      default_tablespace: 'pg_default',
    }
    for (const [name, value] of Object.entries(settings)) {
      await admin.unsafe(`alter database ${nameOf(url)} set ${name} = '${value}'`)
    }
    await start(url)
    const [row] = await on(
      url,
      `select '\\x00ff'::bytea as bytes, '2026-02-03T04:05:06Z'::timestamptz as at`,
    )
    expect(row).toEqual({ bytes: Buffer.from([0, 255]), at: new Date('2026-02-03T04:05:06Z') })
  })

  test.each(['LATIN1', 'SQL_ASCII'])('in %s is refused in words', async (encoding) => {
    const url = await newDatabase()
    const name = `${nameOf(url)}_${encoding.toLowerCase()}`.slice(-60)
    await admin.unsafe(
      `create database ${name} encoding '${encoding}' locale 'C' locale_provider libc template template0`,
    )
    const other = new URL(url)
    other.pathname = `/${name}`
    expect(await refusalOf(migrate(other.href))).toMatch(/encoding 'UTF8' template template0/)
    await admin.unsafe(`drop database ${name} with (force)`)
  })

  test('that a newer release brought up to date is not worked on by an older one', async () => {
    const url = await newDatabase(migrate)
    await on(
      url,
      `insert into dodo_bridge.migrations (hash, created_at) values ('x', 99999999999999)`,
    )
    const refusal = await refusalOf(migrate(url))
    expect(refusal).toMatch(/brought up to date by a newer release: of its (\d+) migrations/)
    expect(refusal).toContain('restore the backup from before the upgrade')
  })

  test('that lost a table is not worked on', async () => {
    const url = await newDatabase(migrate)
    await on(url, 'drop table dodo_bridge.timeline')
    expect(await refusalOf(migrate(url))).toMatch(/missing.*timeline/)
  })
})

describe('a role without rights', () => {
  test('is told which statements an administrator has to say, and then may start', async () => {
    const url = await newDatabase()
    const refusal = await refusalOf(migrate(asPlainRole(url)))
    expect(refusal).toContain(ROLE)
    expect(refusal).toContain(`create schema dodo_bridge authorization "${ROLE}"`)
    for (const [statement] of refusal.matchAll(/create schema \w+ authorization "\w+";/g)) {
      await on(url, statement)
    }
    await start(asPlainRole(url))
    await start(asPlainRole(url))
  })

  test('that may only read and write is enough once the owner has migrated', async () => {
    const url = await newDatabase()
    await start(url)
    expect(await refusalOf(migrate(asPlainRole(url)))).toContain(`bridge migrate --grant ${ROLE}`)
    await migrate(url, { grantTo: ROLE })
    await start(asPlainRole(url))
  })

  test('on a read-only database is told so', async () => {
    const url = await newDatabase(migrate)
    await admin.unsafe(`alter database ${nameOf(url)} set default_transaction_read_only = on`)
    expect(await refusalOf(migrate(url))).toContain('default_transaction_read_only')
  })
})

describe('the migration lock in other hands', () => {
  test('is waited for in words, and not longer than we are wanted', async () => {
    const url = await newDatabase()
    const holder = connect(url, { max: 1 })
    await holder`select pg_advisory_lock(724051994)`
    const [row] = await holder<{ pid: number }[]>`select pg_backend_pid() as pid`
    const stop = new AbortController()
    const lines: unknown[] = []
    const log = {
      warn: (...line: unknown[]) => {
        lines.push(line)
        stop.abort(new Error('not wanted any more'))
      },
    }
    expect(await refusalOf(migrate(url, { log, stop: stop.signal }))).toBe('not wanted any more')
    expect(JSON.stringify(lines)).toMatch(new RegExp(`"pid":${row?.pid}.*migration lock`))
    await holder.end()
  })

  test('does not matter where there is nothing to migrate', async () => {
    const url = await newDatabase(migrate)
    const holder = connect(url, { max: 1 })
    await holder`select pg_advisory_lock(724051994)`
    expect(await refusalOf(migrate(url))).toBe('none')
    await holder.end()
  })
})
