import { and, eq, isNull, sql, type SQL } from 'drizzle-orm'
import type { PgColumn } from 'drizzle-orm/pg-core'

type Fenced = { status: PgColumn; repeatableAt: PgColumn }
type Seen = { status: string; repeatableAt: Date | null }

/** Whether nobody has begun, or taken up again, a call since its row was seen like this; never when none was seen. */
export function isAsSeen({ status, repeatableAt }: Fenced, seen: Seen | undefined): SQL {
  if (!seen) return sql`false`
  const isSameTime = seen.repeatableAt ? eq(repeatableAt, seen.repeatableAt) : isNull(repeatableAt)
  return and(eq(status, seen.status), isSameTime) ?? sql`false`
}
