const HOUR_MS = 3_600_000
const MONTH_MS = 30 * 24 * HOUR_MS

/** What is known of a merchant's Retry of one invoice when it is pressed once more. */
export type Presses = {
  /** When it last counted. */
  retriedAt: Date | null
  /** When attempts were begun because it was pressed. */
  attemptsAt: readonly Date[]
}

/**
 * Why a press of Retry does not count; undefined when it does. Lago signs neither a time nor an id, so whoever
 * captured one press can repeat it for ever, and card networks fine whoever charges a declined card too often.
 */
export function whyNotRetried(
  { retriedAt, attemptsAt }: Presses,
  retryScheduleMs: readonly number[],
  now: Date,
): string | undefined {
  if (retriedAt && now.getTime() - retriedAt.getTime() < HOUR_MS)
    return 'Retry pressed again within the hour: not counted'
  const most = Math.max(1, retryScheduleMs.length)
  const recent = attemptsAt.filter((at) => now.getTime() - at.getTime() < MONTH_MS)
  return recent.length >= most
    ? `Retry pressed, but it has begun ${recent.length} attempts within 30 days, as many as the schedule has: not counted`
    : undefined
}
