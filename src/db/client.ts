import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'

import * as schema from './schema.ts'

const POOL_SIZE = 12
const CONNECT_TIMEOUT_SECONDS = 10
/** A statement that takes longer is stuck, and would hold up a settle for ever. */
const STATEMENT_TIMEOUT_MS = 30_000

export type Database = ReturnType<typeof openDatabase>['db']
/** What a query runs on: the pool or a transaction. */
export type Executor = Database | Parameters<Parameters<Database['transaction']>[0]>[0]

/** Opens a pool on `url`. Connections are made on demand and made again after Postgres restarts. */
export function openDatabase(url: string, poolSize = POOL_SIZE) {
  const sql = postgres(url, {
    max: poolSize,
    connect_timeout: CONNECT_TIMEOUT_SECONDS,
    onnotice: () => undefined,
    backoff: (retries: number) => Math.min(0.1 * 2 ** retries, 2),
    connection: { application_name: 'lago-dodo-bridge', statement_timeout: STATEMENT_TIMEOUT_MS },
  })
  return { sql, db: drizzle(sql, { schema }), close: () => sql.end({ timeout: 2 }) }
}

/** One connection that is never exchanged for another, for locks that live as long as it does. */
export function openLockConnection(url: string) {
  const sql = postgres(url, { max: 1, max_lifetime: null, onnotice: () => undefined })
  return { sql, close: () => sql.end({ timeout: 2 }) }
}
