import { BadOption } from '../print/bad-option.ts'
import { createCalendar, UTC, type Calendar } from './calendar.ts'

const DEFAULT_DAYS = 30
/** Neither service is as old, and four digits are not enough for what comes after the last. */
const [FIRST_DAY, LAST_DAY] = ['2000-01-01', '2999-12-31']

/** Whole days of one time zone, both ends included. */
export type Period = { from: Date; until: Date; calendar: Calendar }

/** What may be given on the command line about the days of a statement. */
export type GivenPeriod = { from?: string; to?: string; month?: string; tz?: string }

/** The days a statement is about: those named, a month, or the last 30. */
export function readPeriod(given: GivenPeriod, now: Date): Period {
  const calendar = createCalendar(given.tz ?? UTC)
  const today = calendar.dayOf(now)
  const [first, last] =
    given.month === undefined ? readDays(given, today) : readMonth(given.month, given)
  if (first > today) throw new BadOption(`${first} has not come yet: today is ${today}`)
  const until = new Date(calendar.startOf(addDays(last, 1)).getTime() - 1)
  return { from: calendar.startOf(first), until, calendar }
}

/** The same where somebody only looks: without any days it is this month, as it is there. */
export function readPeriodToShow(
  { from, to, tz }: Record<'from' | 'to' | 'tz', string | undefined>,
  now: Date,
): Period {
  const isBare = from === undefined && to === undefined
  const month = createCalendar(tz ?? UTC)
    .dayOf(now)
    .slice(0, 7)
  return readPeriod(
    {
      ...(isBare && { from: `${month}-01` }),
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      ...(tz !== undefined && { tz }),
    },
    now,
  )
}

function readDays(given: GivenPeriod, today: string): [first: string, last: string] {
  const last = given.to === undefined ? today : readDay('--to', given.to)
  // The days that are still to come say nothing.
  const lastPast = last < today ? last : today
  const first =
    given.from === undefined ? addDays(lastPast, 1 - DEFAULT_DAYS) : readDay('--from', given.from)
  if (first > last) throw new BadOption(`--from ${first} is later than --to ${last}`)
  return [first, last]
}

function readMonth(month: string, { from, to }: GivenPeriod): [first: string, last: string] {
  if (from !== undefined || to !== undefined) {
    throw new BadOption('--month is a whole month: leave --from and --to out')
  }
  const first = `${month}-01`
  if (!isDay(first)) {
    throw new BadOption(`--month ${month} is not a month: write one like 2026-08`)
  }
  // No month has more than 31 days.
  const next = addDays(first, 31).slice(0, 7)
  return [first, addDays(`${next}-01`, -1)]
}

function readDay(option: string, text: string): string {
  if (isDay(text) && (text < FIRST_DAY || text > LAST_DAY))
    throw new BadOption(`${option} ${text} is no day of any books: write one from ${FIRST_DAY} on`)
  if (isDay(text)) return text
  throw new BadOption(`${option} ${text} is not a date: write one like 2026-08-31`)
}

/** JavaScript reads the 31st of February as a day in March. */
function isDay(text: string): boolean {
  const date = new Date(`${text}T00:00:00Z`)
  const isDate = /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(date.getTime())
  return isDate && date.toISOString().startsWith(text)
}

function addDays(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`)
  date.setUTCDate(date.getUTCDate() + days)
  return date.toISOString().slice(0, 10)
}
