import { sql, type AnyColumn, type SQL } from 'drizzle-orm'

/** `column = any(…)` with one parameter, however many values there are: Postgres takes no more than 65,535. */
export const isAnyOf = (
  column: AnyColumn | SQL,
  values: Iterable<string>,
  type: 'text' | 'uuid' = 'text',
): SQL => sql`${column} = any(${sql.param([...values])}::${sql.raw(type)}[])`

/** The opposite. */
export const isNoneOf = (column: AnyColumn | SQL, values: readonly string[]): SQL =>
  sql`${column} <> all(${sql.param([...values])}::text[])`
