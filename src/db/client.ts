import { drizzle } from 'drizzle-orm/postgres-js'

import { connect, type Fault } from './connect.ts'
import { prepared } from './prepared.ts'
import * as schema from './schema.ts'

const POOL_SIZE = 10

export type Database = ReturnType<typeof openDatabase>['db']
/** What a query runs on: the pool or a transaction. */
export type Executor = Database | Parameters<Parameters<Database['transaction']>[0]>[0]

/** Opens a pool on `url`. Connections are made on demand and made again after Postgres restarts. */
export function openDatabase(url: string, poolSize = POOL_SIZE, onfault?: (fault: Fault) => void) {
  const sql = connect(url, { max: poolSize, ...(onfault && { onfault }) })
  return { sql, db: drizzle(prepared(sql), { schema }), close: () => sql.end({ timeout: 2 }) }
}

/** One connection that is never exchanged for another, for locks that live as long as it does. */
export function openLockConnection(url: string, onclose?: () => void) {
  const sql = connect(url, { max: 1, maxLifetime: null, ...(onclose && { onclose }) })
  return { sql, close: () => sql.end({ timeout: 2 }) }
}

/** The connection on which deliveries are stored, one statement at a time: no other work keeps them waiting. */
export function openInboxConnection(url: string) {
  const sql = connect(url, { max: 1, fetchTypes: false })
  return { sql, close: () => sql.end({ timeout: 2 }) }
}
