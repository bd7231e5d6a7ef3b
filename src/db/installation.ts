import { getTableName, is } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { PgTable } from 'drizzle-orm/pg-core'
import path from 'node:path'
import type postgres from 'postgres'

import { ROOT } from '../root.ts'
import * as schema from './schema.ts'
import { SCHEMA } from './session.ts'

/** Where pg-boss lives unless told otherwise: ours, where nobody was there before us. */
const SHARED_QUEUE = 'pgboss'
/** Ours, where another program already has its pg-boss there: we would work its jobs, and move its tables on. */
const OWN_QUEUE = 'dodo_bridge_queue'

const MIGRATIONS_FOLDER = path.join(ROOT, 'drizzle')
/** Where every Drizzle program keeps its journal unless told otherwise; ours did, too, at first. */
const SHARED_JOURNAL = { schema: 'drizzle', table: '__drizzle_migrations' }
const OWN_JOURNAL = { schema: SCHEMA, table: 'migrations' }

type Table = { schema: string; name: string; isReadable: boolean; isUsable: boolean }
type Schema = { name: string; isUsable: boolean; mayCreate: boolean }

/** What is there, what is missing, and what this role may do about it. */
export type Installation = Awaited<ReturnType<typeof lookAtInstallation>>

/** Looks at the catalogue only, so that any role may look. */
export async function lookAtInstallation(sql: postgres.Sql) {
  const [session] = await sql<{ role: string; database: string; mayCreate: boolean }[]>`
    select current_user as role, current_database() as database,
      has_database_privilege(current_database(), 'CREATE') as "mayCreate"`
  const schemas = await sql<Schema[]>`
    select nspname as name, has_schema_privilege(oid, 'USAGE') as "isUsable",
      has_schema_privilege(oid, 'CREATE') as "mayCreate"
    from pg_namespace where nspname in (${SCHEMA}, ${SHARED_QUEUE}, ${OWN_QUEUE}, 'public')`
  const tables = await sql<Table[]>`
    select n.nspname as schema, c.relname as name,
      has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT') as "isReadable",
      has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT')
        and has_table_privilege(c.oid, 'INSERT') and has_table_privilege(c.oid, 'UPDATE')
        and has_table_privilege(c.oid, 'DELETE') as "isUsable"
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in (${SCHEMA}, ${SHARED_QUEUE}, ${OWN_QUEUE}, ${SHARED_JOURNAL.schema}, 'public')
      and c.relkind in ('r', 'p')`

  const { home, journal, applied } = await findHome(sql, tables)
  const queueSchema = schemas.some(({ name }) => name === OWN_QUEUE)
    ? OWN_QUEUE
    : await findQueue(sql, tables, home)
  const has = (where: string, name: string) =>
    tables.some((one) => one.schema === where && one.name === name)
  return {
    role: session?.role ?? '',
    database: session?.database ?? '',
    mayCreateSchemas: session?.mayCreate === true,
    schemas,
    home,
    queueSchema,
    journal,
    /** How many migrations this program has. */
    known: readMigrations().length,
    /** How many were applied by a newer program; none is told where other programs keep their journal, too. */
    newer: journal === OWN_JOURNAL ? applied.filter(isNewer).length : 0,
    pending: readMigrations().filter(({ folderMillis }) => !applied.includes(folderMillis)),
    missing: expectedTables().filter((name) => !has(home, name)),
    hasQueue: has(queueSchema, 'version'),
    unusable: tables.filter(
      ({ schema: where, name, isUsable }) =>
        !isUsable && (where === queueSchema || (where === home && expectedTables().includes(name))),
    ),
  }
}

/** A schema of our own; but what began in `public`, with the shared journal, stays where it is. */
async function findHome(sql: postgres.Sql, tables: Table[]) {
  const read = async ({ schema: where, table }: typeof OWN_JOURNAL) => {
    const isThere = tables.some(
      (one) => one.schema === where && one.name === table && one.isReadable,
    )
    if (!isThere) return []
    const rows = await sql<{ at: string }[]>`
      select created_at::text as at from ${sql(where)}.${sql(table)}`
    return rows.map(({ at }) => Number(at))
  }
  const own = await read(OWN_JOURNAL)
  if (own.length > 0) return { home: SCHEMA, journal: OWN_JOURNAL, applied: own }
  const shared = await read(SHARED_JOURNAL)
  const [first] = readMigrations()
  // Another program's journal holds other dates; the tables tell that ours has not been moved away.
  const isOurs = first !== undefined && shared.includes(first.folderMillis)
  const isThere = tables.some((one) => one.schema === 'public' && one.name === 'deliveries')
  return isOurs && isThere
    ? { home: 'public', journal: SHARED_JOURNAL, applied: shared }
    : { home: SCHEMA, journal: OWN_JOURNAL, applied: [] }
}

/** The queue that is there is ours if it holds our queues, or none yet beside a ledger of ours. */
async function findQueue(sql: postgres.Sql, tables: Table[], home: string): Promise<string> {
  const find = (where: string, name: string) =>
    tables.find((one) => one.schema === where && one.name === name)
  if (!find(SHARED_QUEUE, 'version')) return SHARED_QUEUE
  const queues = find(SHARED_QUEUE, 'queue')
  if (!queues || !find(home, 'deliveries')) return OWN_QUEUE
  if (!queues.isReadable) return SHARED_QUEUE
  const rows = await sql<{ isOurs: boolean }[]>`
    select policy = 'key_strict_fifo' and dead_letter = name || '-dead' as "isOurs"
    from ${sql(SHARED_QUEUE)}.queue where not starts_with(name, '__pgboss')`
  return rows.length === 0 || rows.some(({ isOurs }) => isOurs) ? SHARED_QUEUE : OWN_QUEUE
}

let migrations: ReturnType<typeof readMigrationFiles> | undefined
const readMigrations = () =>
  (migrations ??= readMigrationFiles({ migrationsFolder: MIGRATIONS_FOLDER }))

const isNewer = (appliedAt: number) => appliedAt > (readMigrations().at(-1)?.folderMillis ?? 0)

/** The names of all tables that a current schema holds. */
const expectedTables = (): string[] =>
  Object.values(schema)
    .filter((value) => is(value, PgTable))
    .map((table) => getTableName(table))
