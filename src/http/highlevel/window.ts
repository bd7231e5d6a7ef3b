/** More keys than this are never held: the one that was used longest ago is forgotten. */
const MAX_KEYS = 10_000

/** Counts what each key has done within the last while, and says no beyond `most`: then nothing is counted. */
export function createWindow({ most, perMs }: { most: number; perMs: number }, now: () => Date) {
  const seen = new Map<string, number[]>()

  return function take(key: string): boolean {
    const at = now().getTime()
    const lately = (seen.get(key) ?? []).filter((before) => at - before < perMs)
    const isAllowed = lately.length < most
    seen.delete(key)
    seen.set(key, isAllowed ? [...lately, at] : lately)
    const [oldest] = seen.keys()
    if (seen.size > MAX_KEYS && oldest !== undefined) seen.delete(oldest)
    return isAllowed
  }
}
