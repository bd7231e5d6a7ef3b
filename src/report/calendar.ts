import { BadOption } from '../print/bad-option.ts'

export const UTC = 'UTC'
const HOUR_MS = 3_600_000
/** No place is further from Greenwich. */
const MOST_AHEAD_MS = 15 * HOUR_MS

/** The days of one time zone, as the people there count them. */
export type Calendar = ReturnType<typeof createCalendar>

/** Reads and writes days in a time zone of the IANA database. */
export function createCalendar(timeZone: string) {
  const format = createFormat(timeZone)

  /** The calendar day of a moment, like 2026-08-31. */
  const dayOf = (at: Date) => wallClock(at).slice(0, 10)

  const wallClock = (at: Date) => {
    const parts = Object.fromEntries(
      format.formatToParts(at).map(({ type, value }) => [type, value]),
    )
    const { year, month, day, hour, minute, second } = parts
    return `${year}-${month}-${day}T${hour}:${minute}:${second}`
  }

  /** The first moment of a day, which is not midnight where the clocks are put forward just then. */
  function startOf(day: string): Date {
    const midnight = Date.parse(`${day}T00:00:00Z`)
    let before = midnight - MOST_AHEAD_MS
    let at = midnight + MOST_AHEAD_MS
    while (at - before > 1) {
      const middle = Math.floor((before + at) / 2)
      if (dayOf(new Date(middle)) < day) before = middle
      else at = middle
    }
    return new Date(at)
  }

  /** A moment as it is written there; the offset keeps it unambiguous. */
  function write(at: Date): string {
    if (timeZone === UTC) return at.toISOString()
    const local = wallClock(at)
    const seconds = Math.floor(at.getTime() / 1_000)
    const minutes = Math.round((Date.parse(`${local}Z`) / 1_000 - seconds) / 60)
    const size = Math.abs(minutes)
    const offset = [Math.floor(size / 60), size % 60].map((one) => String(one).padStart(2, '0'))
    return `${local}${minutes < 0 ? '-' : '+'}${offset.join(':')}`
  }

  return { timeZone, dayOf, startOf, write }
}

function createFormat(timeZone: string) {
  try {
    return new Intl.DateTimeFormat('en-CA', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new BadOption(`--tz ${timeZone} is not a time zone: write one like Europe/Paris`)
  }
}
