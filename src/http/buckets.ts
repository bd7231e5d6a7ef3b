/** More keys than this are never held: the one that was used longest ago is forgotten, and so full again. */
const MAX_KEYS = 10_000

type Level = { left: number; at: number }

/**
 * Counts what is allowed to each key: `most` at once, and one more every `everyMs`. Keeps a bounded number of
 * keys, so that a stranger who makes them up fills no memory.
 */
export function createBuckets(
  { most, everyMs }: { most: number; everyMs: number },
  now: () => Date,
) {
  const levels = new Map<string, Level>()

  function levelOf(key: string): Level {
    const at = now().getTime()
    const { left, at: since } = levels.get(key) ?? { left: most, at }
    return { left: Math.min(most, left + Math.max(0, at - since) / everyMs), at }
  }

  const isEmpty = (key: string) => levelOf(key).left < 1

  /** Takes one, and tells whether there was one. */
  function take(key: string): boolean {
    const level = levelOf(key)
    const isThere = level.left >= 1
    if (isThere) level.left -= 1
    levels.delete(key)
    levels.set(key, level)
    const [oldest] = levels.keys()
    if (levels.size > MAX_KEYS && oldest !== undefined) levels.delete(oldest)
    return isThere
  }

  return { take, isEmpty }
}
