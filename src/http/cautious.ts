import { createBuckets } from './buckets.ts'

/** A few at once, because one that failed may work a moment later; then one every five seconds. */
const ASKS = { most: 4, everyMs: 5_000 }

/**
 * A question that strangers can make us ask: one at a time, shared by all who want to know, and seldom. Between
 * two askings the last failure is the answer.
 */
export function createCautiousAsk<Answer>(
  ask: () => Promise<Answer>,
  now: () => Date,
): () => Promise<Answer> {
  const asks = createBuckets(ASKS, now)
  let asking: Promise<Answer> | undefined
  let failure: Error | undefined

  async function askNow() {
    try {
      return await ask()
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
      throw error
    } finally {
      asking = undefined
    }
  }

  return async function askCautiously() {
    if (asking) return asking
    if (!asks.take('')) throw failure ?? new Error('asked too often')
    asking = askNow()
    return asking
  }
}
