import { sql } from 'drizzle-orm'
import type { Logger } from 'pino'

import type { Database } from './client.ts'

/** What clocks that are kept in time differ by, and what an answer takes to arrive. */
const KEPT_IN_TIME_MS = 1_000
const MEASURED_EVERY_MS = 10_000

/**
 * The clock of all replicas: the database's. What one of them has written down, such as when a call may be made
 * again, is judged by the others, and by this one when its clock has been set right. `now` may run ahead of the
 * machine's own clock; what is taken off is what that clock differs by.
 */
export function createCommonClock({
  now,
  ownClock,
  log,
}: {
  now: () => Date
  ownClock: () => Date
  log: Logger
}) {
  let aheadMs = 0
  let measuredAt = -Infinity

  /** Asks the database what time it is, unless that was done a moment ago. */
  async function measure(db: Database): Promise<void> {
    if (performance.now() - measuredAt < MEASURED_EVERY_MS) return
    const askedAt = ownClock().getTime()
    const [row] = await db.execute<{ ms: number }>(
      sql`select (extract(epoch from clock_timestamp()) * 1000)::float8 as ms`,
    )
    const answeredAt = ownClock().getTime()
    if (!row) return
    measuredAt = performance.now()
    const differsMs = Math.round((askedAt + answeredAt) / 2 - row.ms)
    // It may have been asked at any moment in between.
    const isApart = Math.abs(differsMs) - (answeredAt - askedAt) / 2 > KEPT_IN_TIME_MS
    const before = aheadMs
    aheadMs = isApart ? differsMs : 0
    if (Math.abs(aheadMs - before) > KEPT_IN_TIME_MS)
      log.warn({ aheadMs }, "this machine's clock is not the database's, which counts")
  }

  return { now: () => new Date(now().getTime() - aheadMs), measure }
}
