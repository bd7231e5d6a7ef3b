import type { ConstructorOptions } from 'pg-boss'
import type postgres from 'postgres'

export type BossDatabase = NonNullable<ConstructorOptions['db']>
type Listen = NonNullable<BossDatabase['listen']>

const STARTS_TRANSACTION = /^\s*BEGIN\b/i
const PROBE = 'probe'
const PROBE_EVERY_MS = 5_000
const SILENT_MS = 12_000

/**
 * pg-boss on our own postgres.js pool, LISTEN included. Scripts that open a transaction run on a
 * reserved connection, because postgres.js refuses a BEGIN whose connection it cannot promise to keep.
 */
export function createBossDatabase(sql: postgres.Sql): BossDatabase {
  return {
    async executeSql(text, values) {
      if (!STARTS_TRANSACTION.test(text)) return { rows: await run(sql, text, values) }
      const reserved = await sql.reserve()
      try {
        return { rows: await run(reserved, text, values) }
      } catch (error) {
        // Or the connection would go back to the pool in an aborted transaction, and fail its next user.
        await reserved.unsafe('rollback')
        throw error
      } finally {
        reserved.release()
      }
    },
    listen: (...subscription) => listen(sql, ...subscription),
  }
}

/**
 * postgres.js subscribes again once when the connection is lost, and gives up in silence if Postgres is
 * not back by then. So we hear ourselves: after too long a silence the subscription is made anew.
 */
async function listen(
  sql: postgres.Sql,
  ...[channel, onNotification, onReconnect]: Parameters<Listen>
) {
  let heardAt = performance.now()
  const subscribe = () =>
    sql.listen(
      channel,
      (payload) => {
        heardAt = performance.now()
        if (payload !== PROBE) onNotification(payload)
      },
      onReconnect,
    )

  async function probe() {
    try {
      if (performance.now() - heardAt > SILENT_MS) {
        subscription = await subscribe()
        heardAt = performance.now()
      }
      await sql.notify(channel, PROBE)
    } catch {
      // Postgres is away. Polling goes on meanwhile, and the next probe finds it back.
    }
  }

  let subscription = await subscribe()
  const timer = setInterval(() => void probe(), PROBE_EVERY_MS)
  return {
    close: async () => {
      clearInterval(timer)
      await subscription.unlisten()
    },
  }
}

/** One transaction of the driver's, as pg-boss takes a database. */
export const withinTransaction = (sql: postgres.TransactionSql): BossDatabase => ({
  executeSql: async (text, values) => ({ rows: await run(sql, text, values) }),
})

async function run(
  sql: postgres.Sql | postgres.TransactionSql,
  text: string,
  values: unknown[] | undefined,
) {
  const result: unknown = values?.length
    ? await sql.unsafe(text, values.map(toParameter))
    : await sql.unsafe(text)
  return Array.isArray(result) ? (result as unknown[]).flat() : []
}

/** pg-boss binds JSON as objects, as node-postgres accepts them; Drizzle made postgres.js pass JSON through as text. */
function toParameter(value: unknown) {
  const isJson =
    value !== null &&
    typeof value === 'object' &&
    !Array.isArray(value) &&
    !(value instanceof Date) &&
    !(value instanceof Uint8Array)
  return (isJson ? JSON.stringify(value) : value) as postgres.ParameterOrJSON<never>
}
