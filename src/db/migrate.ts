import { getConstructionPlans } from 'pg-boss'
import type { Logger } from 'pino'
import type postgres from 'postgres'

import { connect } from './connect.ts'
import { type Installation, lookAtInstallation } from './installation.ts'
import { takeMigrationLock } from './migration-lock.ts'
import { refuseTransactionPooler } from './pooler.ts'
import { SCHEMA, UnfitDatabase } from './session.ts'

type Options = {
  log?: Pick<Logger, 'warn'> | undefined
  stop?: AbortSignal | undefined
  /** A role that shall be able to read and write everything, and to create nothing. */
  grantTo?: string | undefined
  /** Connections that are there already: what is current is looked at over them, and no others are made for it. */
  pool?: postgres.Sql | undefined
}

const ANSWER_SAY_MS = 3_000

/**
 * Brings the schema up to date, and makes sure that this database can be worked on. What is current is
 * only looked at: no lock is waited for and no right to create is needed. Tells where the queue lives.
 */
export async function migrate(
  url: string,
  options: Options = {},
): Promise<{ queueSchema: string }> {
  const { pool } = options
  const { promise: stopped, reject } = Promise.withResolvers<never>()
  const giveUp = () => reject(options.stop?.reason)
  options.stop?.addEventListener('abort', giveUp, { once: true })
  const saying = setInterval(
    () => options.log?.warn('waiting for the database to answer'),
    ANSWER_SAY_MS,
  )
  try {
    options.stop?.throwIfAborted()
    if (pool && options.grantTo === undefined) {
      await Promise.race([pool`select 1`.then(() => undefined), stopped])
      clearInterval(saying)
      const current = await Promise.race([findCurrent(url, pool), stopped])
      if (current) return current
    }
    return await Promise.race([prepareAlone(url, options, () => clearInterval(saying)), stopped])
  } finally {
    clearInterval(saying)
    options.stop?.removeEventListener('abort', giveUp)
  }
}

/** Undefined where there is something to bring up to date. */
async function findCurrent(url: string, pool: postgres.Sql) {
  const one = await pool.reserve()
  const listener = connect(url, { max: 1 })
  try {
    // Connecting is what takes longest: it goes on beside the first questions.
    void listener`select 1`.catch(() => undefined)
    await refuseTransactionPooler(one, pool, listener)
    const installation = await lookAtInstallation(one)
    refuseNewer(installation)
    if (!isCurrent(installation)) return undefined
    check(installation)
    return { queueSchema: installation.queueSchema }
  } finally {
    one.release()
    await listener.end({ timeout: 0 })
  }
}

/** On connections of its own: a lock is held on one, and a migration may take longer than any statement of ours. */
async function prepareAlone(url: string, options: Options, onAnswer: () => void) {
  const sql = connect(url, { max: 1, maxLifetime: null, isPatient: true })
  const other = connect(url, { max: 1, isPatient: true })
  const end = () => Promise.all([sql.end({ timeout: 0 }), other.end({ timeout: 0 })])
  const giveUp = () => void end()
  options.stop?.addEventListener('abort', giveUp, { once: true })
  try {
    await sql`select 1`
    onAnswer()
    await refuseTransactionPooler(sql, other)
    return await prepare(sql, options)
  } finally {
    options.stop?.removeEventListener('abort', giveUp)
    await end()
  }
}

async function prepare(sql: postgres.Sql, options: Options) {
  let installation = await lookAtInstallation(sql)
  refuseNewer(installation)
  if (!isCurrent(installation)) {
    await takeMigrationLock(sql, options)
    installation = await lookAtInstallation(sql)
    refuseNewer(installation)
    if (!isCurrent(installation)) {
      await createSchemas(sql, installation)
      await applyPending(sql, installation)
      if (!installation.hasQueue) {
        await sql.unsafe(getConstructionPlans(installation.queueSchema, { createSchema: false }))
      }
      installation = await lookAtInstallation(sql)
    }
  }
  if (options.grantTo !== undefined) await grant(sql, installation, options.grantTo)
  check(installation)
  return { queueSchema: installation.queueSchema }
}

/** What a newer program wrote down an older one would read wrongly, or not at all: it must not begin to work on it. */
function refuseNewer({ newer, known }: Installation): void {
  if (newer === 0) return
  throw new UnfitDatabase(
    `this database was brought up to date by a newer release: of its ${known + newer} migrations this program knows ` +
      `${known}. Run that release or a later one; to go back, restore the backup from before the upgrade ` +
      '(docs/upgrading.md)',
  )
}

const isCurrent = ({ pending, hasQueue }: Installation) => pending.length === 0 && hasQueue

const quote = (name: string) => `"${name.replaceAll('"', '""')}"`

/** The right to create schemas is asked for only where one is missing. */
async function createSchemas(sql: postgres.Sql, installation: Installation): Promise<void> {
  const { home, queueSchema, hasQueue, pending, role, schemas, mayCreateSchemas, database } =
    installation
  const wanted = [...(pending.length > 0 ? [home] : []), ...(hasQueue ? [] : [queueSchema])]
  const missing = wanted.filter((name) => !schemas.some((one) => one.name === name))
  if (missing.length > 0 && !mayCreateSchemas) {
    const statements = missing.map((name) => `create schema ${name} authorization ${quote(role)};`)
    throw new UnfitDatabase(
      `the role ${role} may not create schemas in ${database}, and ${missing.join(' and ')} are ` +
        `missing. Let an administrator say: ${statements.join(' ')} Or run "bridge migrate" as the owner.`,
    )
  }
  const closed = schemas.filter(({ name, mayCreate }) => wanted.includes(name) && !mayCreate)
  if (closed.length > 0) {
    const statements = closed.map(
      ({ name }) => `grant usage, create on schema ${name} to ${quote(role)};`,
    )
    throw new UnfitDatabase(
      `the role ${role} may not create tables in ${closed.map(({ name }) => name).join(' and ')}. ` +
        `Let an administrator say: ${statements.join(' ')} Or let the owner run "bridge migrate --grant ${role}".`,
    )
  }
  for (const name of missing) await sql.unsafe(`create schema ${quote(name)}`)
}

async function applyPending(
  sql: postgres.Sql,
  { home, journal, pending }: Installation,
): Promise<void> {
  const table = sql`${sql(journal.schema)}.${sql(journal.table)}`
  await sql.begin(async (transaction) => {
    await transaction.unsafe(`set local search_path = ${quote(home)}`)
    if (home === SCHEMA) {
      await transaction`
        create table if not exists ${table} (
          id serial primary key, hash text not null, created_at bigint not null unique
        )`
    }
    for (const { sql: statements, hash, folderMillis } of pending) {
      // Generated statements say where they expect their tables; they are where we live.
      for (const text of statements) await transaction.unsafe(text.replaceAll('"public".', ''))
      await transaction`
        insert into ${table} (hash, created_at) values (${hash}, ${folderMillis})`
    }
  })
}

async function grant(
  sql: postgres.Sql,
  { home, queueSchema }: Installation,
  role: string,
): Promise<void> {
  const to = quote(role)
  for (const name of [home, queueSchema].map(quote)) {
    await sql.unsafe(`
      grant usage on schema ${name} to ${to};
      grant select, insert, update, delete on all tables in schema ${name} to ${to};
      grant usage, select on all sequences in schema ${name} to ${to};
      grant execute on all functions in schema ${name} to ${to};
      alter default privileges in schema ${name} grant select, insert, update, delete on tables to ${to};
      alter default privileges in schema ${name} grant usage, select on sequences to ${to};
      alter default privileges in schema ${name} grant execute on functions to ${to}`)
  }
}

/** A journal may promise what is not there, and a role may not be allowed to use what is. */
function check({ home, missing, unusable, role }: Installation): void {
  if (missing.length > 0) {
    throw new UnfitDatabase(
      `tables are missing in schema ${home} (${missing.join(', ')}), though all migrations are noted as ` +
        'done: restore them from a backup, or give the bridge a database of its own',
    )
  }
  if (unusable.length > 0) {
    const names = unusable.map(({ schema, name }) => `${schema}.${name}`)
    throw new UnfitDatabase(
      `the role ${role} may not read and write ${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}: ` +
        `let the owner run "bridge migrate --grant ${role}"`,
    )
  }
}
