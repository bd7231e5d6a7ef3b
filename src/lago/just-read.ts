/** Not older than a round trip may take: reading it again would find the same as often as not. */
const JUST_MS = 150

type Reading = { at: number; isSupposed: boolean }
const readings = new WeakMap<object, Reading>()

/** Remembers when Lago showed this. */
export function noteRead<Shown extends object>(shown: Shown): Shown {
  readings.set(shown, { at: performance.now(), isSupposed: false })
  return shown
}

/** How long ago Lago showed this. */
const ageOf = (shown: object) =>
  performance.now() - (readings.get(shown)?.at ?? Number.NEGATIVE_INFINITY)

export const isJustRead = (shown: object): boolean => ageOf(shown) < JUST_MS

/** Whether Lago showed this, itself, within so long. */
export const isReadWithin = (shown: object, ms: number): boolean =>
  !isSupposed(shown) && ageOf(shown) < ms

/**
 * What Lago must hold after a write whose answer does not show it, as old as what it was made of. Nothing comes to rest
 * on it, and no money is moved: it is read, or shown by the next write, before.
 */
export function suppose<Shown extends object>(shown: Shown, change: Partial<Shown>): Shown {
  const supposed = { ...shown, ...change }
  readings.set(supposed, {
    at: readings.get(shown)?.at ?? Number.NEGATIVE_INFINITY,
    isSupposed: true,
  })
  return supposed
}

export const isSupposed = (shown: object): boolean => readings.get(shown)?.isSupposed === true
