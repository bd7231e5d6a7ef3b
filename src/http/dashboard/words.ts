const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const two = (number: number) => String(number).padStart(2, '0')

/** "3 Dec 2026". */
export const writeDay = (at: Date) =>
  `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}`

/** "3 Dec 2026, 14:05 UTC". */
export const writeMoment = (at: Date) =>
  `${writeDay(at)}, ${two(at.getUTCHours())}:${two(at.getUTCMinutes())} UTC`

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** "4 min ago", "in 3 h": whole units, and never a word like recently. */
export function ageOf(at: Date, now: Date): string {
  const ms = now.getTime() - at.getTime()
  const [unit, unitMs] = UNITS.find(([, one]) => Math.abs(ms) >= one) ?? ['s', 1_000]
  const many = Math.floor(Math.abs(ms) / unitMs)
  return ms < 0 && many > 0 ? `in ${many} ${unit}` : `${many} ${unit} ago`
}

const MOMENT = /\b(\d{4}-\d\d-\d\dT\d\d:\d\d)(?::\d\d(?:\.\d+)?)?Z/g

/** The ledger writes moments for programs; on a page they are written for people. */
export const forPeople = (text: string) =>
  text.replaceAll(MOMENT, (_whole, minute: string) => writeMoment(new Date(`${minute}:00Z`)))

export const SOURCE_WORDS = { lago: 'Lago', dodo: 'Dodo', highlevel: 'HighLevel' } as const
