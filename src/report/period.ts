const DAY_MS = 24 * 3_600_000
const DEFAULT_DAYS = 30

/** Whole days in UTC, both ends included. */
export type Period = { from: Date; until: Date }

/** A date on the command line is not one, or lies on the wrong side of another. */
class BadPeriod extends Error {
  override name = 'BadPeriod' as const
}

/** The days a statement is about: those named, or the last 30. */
export function readPeriod(given: { from?: string; to?: string }, now: Date): Period {
  const today = new Date(Math.floor(now.getTime() / DAY_MS) * DAY_MS)
  const lastDay = given.to === undefined ? today : readDay('--to', given.to)
  const from =
    given.from === undefined
      ? new Date(lastDay.getTime() - (DEFAULT_DAYS - 1) * DAY_MS)
      : readDay('--from', given.from)
  if (from > lastDay) {
    throw new BadPeriod(`--from ${day(from)} is later than --to ${day(lastDay)}`)
  }
  return { from, until: new Date(lastDay.getTime() + DAY_MS - 1) }
}

function readDay(option: string, text: string): Date {
  const date = new Date(`${text}T00:00:00Z`)
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(date.getTime())
  // JavaScript reads the 31st of February as a day in March.
  if (isDay && day(date) === text) return date
  throw new BadPeriod(`${option} ${text} is not a date: write one like 2026-08-31`)
}

/** A moment's calendar day in UTC. */
export const day = (at: Date) => at.toISOString().slice(0, 10)
