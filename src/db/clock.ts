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
  let wall = wallMs()

  /** A clock that is set does not take ours along until it is adjusted: what is in quarantine would seem to be over. */
  function now(): Date {
    const setMs = wallMs() - wall
    if (Math.abs(setMs) > NOTICED_MS) {
      wall += setMs
      aheadMs -= setMs
      // Or the machine has slept, and it is the time that has passed.
      void adjust().catch(() => undefined)
    }
    return new Date(local().getTime() + aheadMs)
  }

  /** Asks the database again, because clocks drift, and are set. */
  async function adjust(): Promise<void> {
    const askedMs = performance.now()
    const [row] = await db.execute<{ ms: string }>(
      sql`select extract(epoch from clock_timestamp()) * 1000 as ms`,
    )
    const tookMs = performance.now() - askedMs
    const apartMs = Number(row?.ms) - (Date.now() - tookMs / 2)
    wall = wallMs()
    aheadMs = Math.abs(apartMs) > NOTICED_MS + tookMs ? apartMs : 0
    if (Math.abs(aheadMs) < WORRYING_MS || isSaid) return
    isSaid = true
    const seconds = Math.round(aheadMs / 1_000)
    log.warn({ seconds }, "this machine's clock is not the database's, which counts")
  }

  return { now, adjust }
}

/** How far this machine's clock is from the time that passes whatever it is set to. */
const wallMs = () => Date.now() - performance.now()
