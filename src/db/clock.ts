import { sql } from 'drizzle-orm'
import type { Logger } from 'pino'

import type { Database } from './client.ts'

/** Less is the time that the question takes, and makes no difference to anything. */
const NOTICED_MS = 1_000
/** More than this a person should know of: signatures are refused at five minutes. */
const WORRYING_MS = 30_000

/**
 * The time as the database has it, which is one for all replicas: how long an unanswered call must not be repeated
 * is written down by one process and read by another, whose machine may be minutes ahead.
 * Until it is adjusted it is this machine's.
 */
export function createClock(db: Database, log: Logger, local: () => Date) {
  let aheadMs = 0
  let isSaid = false

  /** Asks the database again, because clocks drift, and are set. */
  async function adjust(): Promise<void> {
    const askedMs = Date.now()
    const [row] = await db.execute<{ ms: string }>(
      sql`select extract(epoch from clock_timestamp()) * 1000 as ms`,
    )
    const answeredMs = Date.now()
    const apartMs = Number(row?.ms) - (askedMs + answeredMs) / 2
    aheadMs = Math.abs(apartMs) > NOTICED_MS + (answeredMs - askedMs) ? apartMs : 0
    if (Math.abs(aheadMs) < WORRYING_MS || isSaid) return
    isSaid = true
    const seconds = Math.round(aheadMs / 1_000)
    log.warn({ seconds }, "this machine's clock is not the database's, which counts")
  }

  return { now: () => new Date(local().getTime() + aheadMs), adjust }
}
