import type { Deps } from '../../deps.ts'
import type { Period } from '../../report/period.ts'
import { readStatement, type Statement } from '../../report/statement.ts'

/** Whoever waits longer is told that it is being made, and comes again. */
const WAIT_MS = 8_000
/** A page and its CSV within this time are one statement: it is read from both services once. */
const KEPT_MS = 60_000
const MAX_KEPT = 12

type Making = { since: Date; made: Promise<Statement>; doneAt: number | undefined }

/**
 * Statements as people ask for them. A long one takes as many requests of both services as it has payments: it is
 * made once for all who ask, goes on while nobody waits, and is kept for a minute.
 */
export function createStatements(deps: Pick<Deps, 'db' | 'dodo' | 'lago' | 'now'>) {
  const makings = new Map<string, Making>()

  function begin(key: string, period: Period): Making {
    const making: Making = {
      since: deps.now(),
      made: readStatement(deps, period),
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

  /** The statement, or since when it is being made. Throws what kept it from being made. */
  return async function make(period: Period): Promise<Statement | { since: Date }> {
    const key = [period.from.toISOString(), period.until.toISOString(), period.calendar.timeZone]
    const known = makings.get(key.join())
    const isFresh = known && (!known.doneAt || performance.now() - known.doneAt < KEPT_MS)
    const making = isFresh ? known : begin(key.join(), period)
    const { promise: patience, resolve } = Promise.withResolvers<{ since: Date }>()
    const timer = setTimeout(resolve, WAIT_MS, { since: making.since })
    return Promise.race([making.made, patience]).finally(() => clearTimeout(timer))
  }
}
