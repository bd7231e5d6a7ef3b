import type { Period } from '../../report/period.ts'
import { readStatement, type Stating, type Statement } from '../../report/statement.ts'

/** Whoever waits longer is told that it is being made, and comes again. */
const WAIT_MS = 8_000
/** A page and its CSV within this time are one statement: it is read from both services once. */
const KEPT_MS = 60_000
const MAX_KEPT = 12

type Making<Made> = { since: Date; made: Promise<Made>; doneAt: number | undefined }
type Read<Made> = (period: Period, source: string | undefined) => Promise<Made>

/**
 * Statements as people ask for them. A long one takes as many requests of both services as it has payments: it is
 * made once for all who ask, goes on while nobody waits, and is kept for a minute.
 */
export const createStatements = (deps: Stating) =>
  createMakings<Statement>(deps.now, (period, source) => readStatement(deps, period, source))

/** The same for anything that is read of a period. */
export function createMakings<Made>(now: () => Date, read: Read<Made>) {
  const makings = new Map<string, Making<Made>>()

  function begin(key: string, period: Period, source: string | undefined): Making<Made> {
    const making: Making<Made> = {
      since: now(),
      made: read(period, source),
      doneAt: undefined,
    }
    makings.set(key, making)
    making.made.then(
      () => (making.doneAt = performance.now()),
      () => makings.delete(key),
    )
    const [oldest] = makings.keys()
    if (makings.size > MAX_KEPT && oldest !== undefined) makings.delete(oldest)
    return making
  }

  /** What was made, or since when it is being made. Throws what kept it from being made. */
  return async function make(period: Period, source?: string): Promise<Made | { since: Date }> {
    const { from, until, calendar } = period
    const key = [from.toISOString(), until.toISOString(), calendar.timeZone, source ?? ''].join()
    const known = makings.get(key)
    const isFresh = known && (!known.doneAt || performance.now() - known.doneAt < KEPT_MS)
    const making = isFresh ? known : begin(key, period, source)
    const { promise: patience, resolve } = Promise.withResolvers<{ since: Date }>()
    const timer = setTimeout(resolve, WAIT_MS, { since: making.since })
    return Promise.race([making.made, patience]).finally(() => clearTimeout(timer))
  }
}
