import type postgres from 'postgres'

/** Statements with more parameters hold a list: each length is another text, and every connection keeps all of them. */
const MAX_PARAMETERS = 60

type Sql = postgres.Sql | postgres.TransactionSql
type Unsafe = postgres.Sql['unsafe']

/**
 * The driver as Drizzle is given it, which itself prepares nothing. A statement that a connection knows already costs
 * one round trip in place of two, and Postgres does not plan it anew. Behind a pooler that keeps no session it is
 * the connection that says that nothing is prepared, and that goes before.
 */
export function prepared<Own extends Sql>(sql: Own): Own {
  const unsafe = ((text, parameters = [], options = {}) => {
    const prepare = parameters.length > 0 && parameters.length <= MAX_PARAMETERS
    return sql.unsafe(text, parameters, { ...options, prepare })
  }) as Unsafe
  const within =
    (open: (...args: unknown[]) => Promise<unknown>) =>
    (...args: unknown[]) =>
      open(
        ...args.map((arg) =>
          typeof arg === 'function'
            ? (tx: postgres.TransactionSql) => (arg as (own: Sql) => unknown)(prepared(tx))
            : arg,
        ),
      )
  return new Proxy(sql, {
    get(target, name: keyof Own & string) {
      if (name === 'unsafe') return unsafe
      const value = target[name]
      return name === 'begin' || name === 'savepoint'
        ? within(value as (...args: unknown[]) => Promise<unknown>)
        : value
    },
  })
}
