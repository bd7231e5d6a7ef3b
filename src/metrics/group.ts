import { withDeadline } from '../deadline.ts'

/** However many scrape, the database is asked once in so long. */
const LEAST_MS = 15_000
/** A reading that takes long is made seldom: it takes at most this part of all time. */
const MOST_OF_TIME = 1 / 20
/** A scrape gives up after ten seconds, and its other numbers must not be lost with it. */
export const READ_LIMIT_MS = 2_000

/**
 * A reading shared by all who ask, and kept for a while. One that failed is kept as well, as nothing: neither is a
 * database that is away asked by each scrape, nor is an old number taken for a new one.
 */
export function createGroup<Value>(
  what: string,
  read: () => Promise<Value>,
  onFailure: (error: unknown) => void,
) {
  let kept: { value: Value | undefined; untilMs: number } | undefined
  let reading: Promise<Value | undefined> | undefined

  async function readNow(): Promise<Value | undefined> {
    const startedMs = performance.now()
    let value: Value | undefined
    try {
      value = await withDeadline(what, READ_LIMIT_MS, read())
    } catch (error) {
      onFailure(error)
    }
    const endedMs = performance.now()
    const keepMs = Math.max(LEAST_MS, (endedMs - startedMs) / MOST_OF_TIME)
    kept = { value, untilMs: endedMs + keepMs }
    reading = undefined
    return value
  }

  return async function ask(): Promise<Value | undefined> {
    if (kept && performance.now() < kept.untilMs) return kept.value
    reading ??= readNow()
    return reading
  }
}
