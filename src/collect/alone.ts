import type postgres from 'postgres'

import { Later } from '../errors.ts'

const TRY_AGAIN_MS = 400

export type Alone = <Result>(key: string, act: () => Promise<Result>) => Promise<Result>

type Connection = { sql: postgres.Sql; close(): Promise<void> }

/** Somebody else holds it for now: nothing was done. */
export class Taken extends Later {}

/**
 * Makes sure that of all replicas only one looks for, or creates, the same thing at a time. Whoever comes
 * second tries again in a moment, and then finds what the first one made. All locks are held on one
 * connection of their own: a vendor that hangs must not use up the pool that acknowledges webhooks.
 */
export function createAlone(open: () => Connection, now: () => Date) {
  const held = new Set<string>()
  let connection: Connection | undefined
  const taken = (key: string) =>
    new Taken(`somebody else is creating ${key}`, new Date(now().getTime() + TRY_AGAIN_MS))

  /** A lock on a server that takes no writes says nothing about the one that does. */
  async function tryLock(key: string): Promise<boolean> {
    connection ??= open()
    const { sql } = connection
    const [lock] = await sql<{ isOurs: boolean; isReadOnly: boolean }[]>`
      select pg_try_advisory_lock(hashtextextended(${key}, 0)) as "isOurs",
        current_setting('transaction_read_only') = 'on' as "isReadOnly"`
    if (!lock?.isReadOnly) return lock?.isOurs === true
    await giveUp(sql)
    throw new Later('the database takes no writes', new Date(now().getTime() + TRY_AGAIN_MS))
  }

  /** What was done is done, whether its lock can be given back or went with its session. */
  async function unlock(key: string) {
    if (!connection) return
    const { sql } = connection
    try {
      await sql`select pg_advisory_unlock(hashtextextended(${key}, 0))`
    } catch {
      // A session that still lives must not keep the lock for ever.
      await giveUp(sql)
    }
  }

  async function giveUp(sql: postgres.Sql) {
    if (connection?.sql !== sql) return
    const ended = connection
    connection = undefined
    await ended.close()
  }

  const run: Alone = async function alone(key, act) {
    // A session may take its own lock twice, so within the process we keep count ourselves.
    if (held.has(key)) throw taken(key)
    held.add(key)
    try {
      if (!(await tryLock(key))) throw taken(key)
      try {
        return await act()
      } finally {
        await unlock(key)
      }
    } finally {
      held.delete(key)
    }
  }

  return {
    run,
    /** Takes its connection now: later the pool may have used up what the server allows. */
    async warm() {
      connection ??= open()
      await connection.sql`select 1`
    },
    close: async () => connection?.close(),
  }
}
