import { DrizzleQueryError } from 'drizzle-orm'
import postgres from 'postgres'

/**
 * Whether the database refused what it was given: by SQLSTATE its data, a constraint, its size. Anything else says that it cannot
 * store now, whatever it is.
 */
export function isDataError(error: unknown): boolean {
  const cause = error instanceof DrizzleQueryError ? error.cause : error
  return cause instanceof postgres.PostgresError && /^(22|23|54)/.test(cause.code)
}
