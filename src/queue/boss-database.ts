import type { ConstructorOptions } from 'pg-boss'
import postgres from 'postgres'

export type BossDatabase = NonNullable<ConstructorOptions['db']>
type Listen = NonNullable<BossDatabase['listen']>

const STARTS_TRANSACTION = /^\s*BEGIN\b/i
const PROBE = 'probe'
const PROBE_EVERY_MS = 10_000
const SILENT_MS = 22_000

/**
 * pg-boss on our own postgres.js pool, LISTEN included. Scripts that open a transaction run on a
 * reserved connection, because postgres.js refuses a BEGIN whose connection it cannot promise to keep.
 */
export function createBossDatabase(
  sql: postgres.Sql,
  onNotified: (queue: string) => void,
): BossDatabase {
  return {
    async executeSql(text, values) {
      if (!STARTS_TRANSACTION.test(text)) return { rows: await run(sql, text, values) }
      const reserved = await sql.reserve()
      try {
        return { rows: await run(reserved, text, values) }
      } catch (error) {
        // Or the connection would go back to the pool in an aborted transaction, and fail its next user.
        await reserved.unsafe('rollback').catch(() => undefined)
        throw error
      } finally {
        reserved.release()
      }
    },
    listen: (channel, onNotification, onReconnect) => {
      const hear = (queue: string) => {
        onNotification(queue)
        onNotified(queue)
      }
      return listen(sql, channel, hear, onReconnect)
    },
  }
}

/**
 * A subscription lives as long as its session, and a session may live on where nobody notifies any more: on
 * a server that was demoted, behind an address that leads elsewhere by now. So we hear ourselves, and after
 * too long a silence the connection itself is made anew.
 */
async function listen(
  pool: postgres.Sql,
  ...[channel, onNotification, onReconnect]: Parameters<Listen>
) {
  let heardAt = performance.now()
  let isClosed = false
  let isProbing = false

  async function subscribe() {
    const connection = openListener(pool)
    try {
      await connection.listen(channel, (payload) => {
        heardAt = performance.now()
        if (payload !== PROBE) onNotification(payload)
      })
    } catch (error) {
      await connection.end({ timeout: 0 })
      throw error
    }
    heardAt = performance.now()
    return connection
  }

  async function renew() {
    await connection.end({ timeout: 0 })
    if (isClosed) return
    connection = await subscribe()
    onReconnect?.()
  }

  async function probe() {
    if (isProbing) return
    isProbing = true
    try {
      if (performance.now() - heardAt > SILENT_MS) await renew()
      await pool.notify(channel, PROBE)
    } catch {
      // Postgres is away. Polling goes on meanwhile, and the next probe finds it back.
    }
    isProbing = false
  }

  let connection = await subscribe()
  const timer = setInterval(() => void probe(), PROBE_EVERY_MS)
  return {
    close: async () => {
      isClosed = true
      clearInterval(timer)
      await connection.end({ timeout: 0 })
    },
  }
}

/** One transaction of the driver's, as pg-boss takes a database. */
export const withinTransaction = (sql: postgres.TransactionSql): BossDatabase => ({
  executeSql: async (text, values) => ({ rows: await run(sql, text, values) }),
})

/** Like the pool in everything, session included, but for one subscription only. */
const openListener = (pool: postgres.Sql): postgres.Sql =>
  postgres({ ...pool.options, max: 1 } as unknown as postgres.Options<Record<string, never>>)

async function run(
  sql: postgres.Sql | postgres.TransactionSql,
  text: string,
  values: unknown[] | undefined,
) {
  const result: unknown = values?.length
    ? await sql.unsafe(text, values.map(toParameter), { prepare: true })
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
