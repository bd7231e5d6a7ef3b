import { setTimeout as sleep } from 'node:timers/promises'
import type postgres from 'postgres'

import { UnfitDatabase } from './session.ts'

/** From the moment it was sent: a machine that is busy takes its time, and only a pooler takes all of it. */
const NOTIFIED_MS = 15_000
const REMEDY =
  'use the direct address of the database, or the pooler in session mode (often another port: ' +
  '5432 in place of 6543; PgBouncer: pool_mode = session)'

/**
 * Locks, settings and LISTEN live as long as a session. A pooler that gives each transaction another one
 * loses them in silence: found out by what one connection sees while another is in a transaction.
 */
export async function refuseTransactionPooler(
  sql: postgres.Sql,
  other: postgres.Sql,
  listener: Pick<postgres.Sql, 'listen'> = sql,
): Promise<void> {
  const before = await pidOf(sql)
  let during = before
  let others = 0
  try {
    await other.begin(async (transaction) => {
      others = await pidOf(transaction)
      during = await pidOf(sql)
    })
  } catch (error) {
    if (isStatementPooling(error)) throw new UnfitDatabase(`a pooler in statement mode: ${REMEDY}`)
    throw error
  }
  if (before !== during || before === others) {
    throw new UnfitDatabase(
      `a connection pooler in transaction mode is in front of the database: ${REMEDY}`,
    )
  }
  if (!(await hearsNotifications(listener, other))) {
    throw new UnfitDatabase(`LISTEN does not arrive, as behind some poolers: ${REMEDY}`)
  }
}

async function pidOf(sql: postgres.Sql | postgres.TransactionSql): Promise<number> {
  const [row] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`
  return row?.pid ?? 0
}

async function hearsNotifications(
  listener: Pick<postgres.Sql, 'listen'>,
  other: postgres.Sql,
): Promise<boolean> {
  const channel = `bridge_${crypto.randomUUID().replaceAll('-', '')}`
  const heard = Promise.withResolvers<boolean>()
  const timer = new AbortController()
  try {
    await listener.listen(channel, () => heard.resolve(true))
    await other.notify(channel, 'here')
    void sleep(NOTIFIED_MS, false, { signal: timer.signal }).then(heard.resolve, () => undefined)
    return await heard.promise
  } finally {
    timer.abort()
  }
}

const isStatementPooling = (error: unknown) =>
  error instanceof Error && /statement pooling/i.test(error.message)
