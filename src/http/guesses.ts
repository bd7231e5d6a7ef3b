import { createBuckets } from './buckets.ts'

/** Anybody mistypes; whoever goes on is slowed to one guess in so long. */
const OF_A_SOURCE = { most: 10, everyMs: 60_000 }
const OF_ALL = { most: 100, everyMs: 2_000 }
const DELAY_MS = 1_000
/** While so many wrong guesses are being waited for, further ones are not even looked at. */
const MAX_DELAYED = 2
const KNOWN_FOR_MS = 24 * 3_600_000
const MAX_KNOWN = 1_000

export type Guesses = ReturnType<typeof createGuesses>

/**
 * Slows down who guesses the admin token, each source for itself and all together. Where the right token came
 * from before it is always looked at, so that no guesser locks the owner out.
 */
export function createGuesses(now = () => new Date()) {
  const sources = createBuckets(OF_A_SOURCE, now)
  const all = createBuckets(OF_ALL, now)
  const known = new Map<string, number>()
  const delayed = new Map<string, number>()

  const isKnown = (source: string) =>
    now().getTime() - (known.get(source) ?? Number.NEGATIVE_INFINITY) < KNOWN_FOR_MS
  const isSuspect = (source: string) => sources.isEmpty(source) || all.isEmpty('')

  /** Whether a guess of this source is to be looked at. */
  const mayTry = (source: string) =>
    isKnown(source) || !isSuspect(source) || (delayed.get(source) ?? 0) < MAX_DELAYED

  function succeeded(source: string) {
    known.delete(source)
    known.set(source, now().getTime())
    const [oldest] = known.keys()
    if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest)
  }

  /** Counts a wrong guess; resolves when it may be answered, with whether there were too many. */
  async function failed(source: string): Promise<boolean> {
    const hasLeft = sources.take(source)
    if (all.take('') && hasLeft) return false
    const count = delayed.get(source) ?? 0
    delayed.set(source, count + 1)
    await Bun.sleep(DELAY_MS)
    if ((delayed.get(source) ?? 0) <= 1) delayed.delete(source)
    else delayed.set(source, (delayed.get(source) ?? 1) - 1)
    return true
  }

  return { mayTry, succeeded, failed }
}
