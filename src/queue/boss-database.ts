import type { ConstructorOptions } from 'pg-boss'
import type postgres from 'postgres'

type BossDatabase = NonNullable<ConstructorOptions['db']>

const STARTS_TRANSACTION = /^\s*BEGIN\b/i

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
      } finally {
        reserved.release()
      }
    },
    async listen(channel, onNotification, onReconnect) {
      const subscription = await sql.listen(channel, onNotification, onReconnect)
      return { close: () => subscription.unlisten() }
    },
  }
}

async function run(sql: postgres.Sql, text: string, values: unknown[] | undefined) {
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
