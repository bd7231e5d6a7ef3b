/**
 * Milliseconds by a clock that never goes back. That of a machine may be set: what was counted while it was an hour ahead
 * would go on counting for that hour.
 */
export function createSteadyClock(now: () => Date) {
  let setBackMs = 0
  let last = Number.NEGATIVE_INFINITY

  function read(): number {
    const given = now().getTime()
    setBackMs = Math.max(setBackMs, last - given)
    last = given + setBackMs
    return last
  }

  return {
    read,
    /** The moment as the clock that was given has it by now. */
    dateOf: (ms: number) => new Date(ms - setBackMs),
    msOf: (date: Date) => date.getTime() + setBackMs,
  }
}
