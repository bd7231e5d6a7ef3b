/** What became of one suite. */
export type Result = {
  suite: string
  /** Runs that came to their end, of those there were to be; `isCut` when there was no time for all. */
  runs: number
  planned: number
  isCut: boolean
  seconds: number
  /** Numbers that say what was done: calls, kills, deliveries, mutants. */
  counts: Record<string, number>
  /** What was found: the story of each broken rule, or of each survivor. */
  found: string[]
  /** What could not be done here, and why, in plain words. */
  skipped?: readonly string[]
}

/** How long a suite may take, what it draws its luck from, and where it tells what it finds. */
export type Options = {
  seed: number
  isQuick: boolean
  forMs: number
  say: (line: string) => void
  /** How far it has come. */
  tick: (runs: number, planned: number) => void
}

export type Suite = (options: Options) => Promise<Omit<Result, 'suite' | 'seconds'>>

/** Numbers from 0 to 1, the same ones for a seed (mulberry32). */
export function createLuck(seed: number) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    below: (most: number) => Math.floor(next() * most),
    shuffled: <Item>(items: readonly Item[]): Item[] =>
      items
        .map((item) => ({ item, at: next() }))
        .toSorted((one, other) => one.at - other.at)
        .map(({ item }) => item),
  }
}

/** Works through a list for as long as there is time; each piece that is begun is finished. */
export async function inTime<Item>(
  items: readonly Item[],
  { forMs, tick }: Pick<Options, 'forMs' | 'tick'>,
  work: (item: Item) => Promise<void>,
): Promise<{ runs: number; planned: number; isCut: boolean }> {
  const untilMs = performance.now() + forMs
  let runs = 0
  tick(runs, items.length)
  for (const item of items) {
    if (performance.now() > untilMs) break
    await work(item)
    runs += 1
    tick(runs, items.length)
  }
  return { runs, planned: items.length, isCut: runs < items.length }
}

/** Waits for something that ought to end; what never does is a finding like any other. */
export async function within<Done>(ms: number, what: string, doing: Promise<Done>): Promise<Done> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new Error(`${what} did not come to rest within ${ms / 1_000} s`)),
    ms,
  )
  try {
    return await Promise.race([doing, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
