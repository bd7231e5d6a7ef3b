import { DrizzleQueryError } from 'drizzle-orm'
import postgres from 'postgres'

/** The schema of a new installation. What began in `public` stays there: it is found by the same path. */
export const SCHEMA = 'dodo_bridge'

/** A statement that takes longer is stuck, and would hold up a settle for ever. */
export const STATEMENT_TIMEOUT_MS = 30_000

/**
 * Every setting on which reading and writing values, locks or transactions depend. A server, a database or
 * a role may bring others along. Not in the start-up packet, which poolers refuse.
 */
const SETTINGS: Record<string, string> = {
  application_name: 'lago-dodo-bridge',
  search_path: `${SCHEMA}, public`,
  // The database's own, said by name, is refused for the queue's partitioned tables.
  default_tablespace: '',
  client_encoding: 'UTF8',
  datestyle: 'ISO, YMD',
  intervalstyle: 'postgres',
  timezone: 'UTC',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  client_min_messages: 'warning',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '120000',
  idle_session_timeout: '0',
  transaction_timeout: '0',
  row_security: 'on',
}

/** The connection cannot be used: what kind of database it leads to, or what it may do, is not enough. */
export class UnfitDatabase extends Error {
  override name = 'UnfitDatabase' as const
  readonly code: string

  constructor(message: string, code = 'UNFIT') {
    super(message)
    this.code = code
  }
}

type Facts = { version: string; encoding: string; isReadOnly: string; isInRecovery: boolean }

const OLDEST_VERSION = 140_000

/** What a connection is told before its first query, and what is asked of it. `settings` give way to ours but where they are free. */
export function createSession(settings: Record<string, string>, timeoutMs: number) {
  const ours = { ...SETTINGS, statement_timeout: String(timeoutMs) }
  const wanted = { ...settings, ...ours, ...pick(settings, ['application_name']) }
  const rows = Object.entries(wanted).map((pair) => `(${pair.map(quote).join(', ')})`)
  // Only what this server knows; and a commit is only a commit when it is on disk.
  const text = `
    set statement_timeout = ${timeoutMs};
    select pg_catalog.set_config(wanted.name, wanted.value, false)
    from (values ${rows.join(', ')}) as wanted (name, value)
    where pg_catalog.current_setting(wanted.name, true) is not null;
    select pg_catalog.set_config('synchronous_commit', 'on', false)
    where pg_catalog.current_setting('synchronous_commit') = 'off'
      and pg_catalog.current_setting('fsync') = 'on';
    select pg_catalog.current_setting('server_version_num') as version,
      pg_catalog.current_setting('server_encoding') as encoding,
      pg_catalog.current_setting('transaction_read_only') as "isReadOnly",
      pg_catalog.pg_is_in_recovery() as "isInRecovery"`
  return { text, accept: (results: Facts[][]) => findUnfit(results.at(-1)?.[0]) }
}

function findUnfit(facts: Facts | undefined): UnfitDatabase | undefined {
  if (!facts) return new UnfitDatabase('it does not answer like a Postgres')
  const { version, encoding, isReadOnly, isInRecovery } = facts
  if (Number(version) < OLDEST_VERSION) {
    return new UnfitDatabase(`Postgres ${version} is too old: 14 or newer is needed`)
  }
  if (isInRecovery) {
    return new UnfitDatabase(
      'this server is a standby and takes no writes: use the primary',
      '25006',
    )
  }
  if (isReadOnly === 'on') {
    const remedy = 'look at default_transaction_read_only of the server, the database and the role'
    return new UnfitDatabase(`the database is read-only: ${remedy}`, '25006')
  }
  if (encoding !== 'UTF8') {
    return new UnfitDatabase(
      `the encoding of the database is ${encoding}, which cannot hold every name: make one with ` +
        `"create database … encoding 'UTF8' template template0"`,
    )
  }
  return undefined
}

const quote = (text: string) => `'${text.replaceAll("'", "''")}'`

const pick = (from: Record<string, string>, names: string[]) =>
  Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)))

/** True when nothing can be written over this connection, or to this server, though it answers. */
export function isReadOnlyError(error: unknown): boolean {
  const cause = error instanceof DrizzleQueryError ? error.cause : error
  const isKnown = cause instanceof postgres.PostgresError || cause instanceof UnfitDatabase
  return isKnown && cause.code === '25006'
}
