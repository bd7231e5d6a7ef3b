/** How often a subscription is charged, as HighLevel's price says. */
export type Recurrence = {
  interval: 'day' | 'week' | 'month' | 'year'
  intervalCount: number
  /** Days before the first charge of its own price. */
  trialDays: number
  /** How many charges there are in all; null for one that goes on. */
  totalCycles: number | null
}

const DAY_MS = 24 * 3_600_000
const MONTHS = { month: 1, year: 12 } as const
const DAYS = { day: 1, week: 7 } as const

type Rhythm = Pick<Recurrence, 'interval' | 'intervalCount'>

/**
 * When a cycle is due: the first at the anchor, and each other one counted from there and not from the one before, so
 * that the 31st is the last day of shorter months and the 31st again in longer ones. In UTC.
 */
export function cycleAt(anchor: Date, { interval, intervalCount }: Rhythm, cycle: number): Date {
  const steps = (cycle - 1) * intervalCount
  if (interval === 'day' || interval === 'week')
    return new Date(anchor.getTime() + steps * DAYS[interval] * DAY_MS)
  const date = new Date(anchor)
  const day = date.getUTCDate()
  date.setUTCDate(1)
  date.setUTCMonth(date.getUTCMonth() + steps * MONTHS[interval])
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
  date.setUTCDate(Math.min(day, lastDay))
  return date
}

export const afterTrial = (start: Date, { trialDays }: Pick<Recurrence, 'trialDays'>) =>
  new Date(start.getTime() + trialDays * DAY_MS)

/** A subscription's schedule, as it is kept. */
export type Schedule = Rhythm & {
  /** When its first cycle is, or was, due. */
  anchorAt: Date
  totalCycles: number | null
  /** The next cycle to be charged. */
  nextCycle: number
}

export const isOver = ({ totalCycles, nextCycle }: Schedule) =>
  totalCycles !== null && nextCycle > totalCycles

/** When its next cycle is due; undefined after the last. */
export const nextAt = (schedule: Schedule): Date | undefined =>
  isOver(schedule) ? undefined : cycleAt(schedule.anchorAt, schedule, schedule.nextCycle)

/** A cycle that is more than one interval late is not charged: nobody expects it any more. */
export const isTooLate = (schedule: Schedule, now: Date): boolean =>
  now > cycleAt(schedule.anchorAt, schedule, schedule.nextCycle + 1)

export const TOO_LATE = 'it was more than one interval late'
