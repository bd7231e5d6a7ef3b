import type { z } from 'zod'

import type { Price } from '../../../highlevel/objects.ts'
import type { Recurrence } from './schedule.ts'

type Priced = Partial<Pick<z.infer<typeof Price>, 'recurring' | 'trialPeriod' | 'totalCycles'>>

/** How often a price is charged; undefined for one that is not. Its amount has no certain unit and is not read. */
export function termsOf({ recurring, trialPeriod, totalCycles }: Priced): Recurrence | undefined {
  if (!recurring) return undefined
  return {
    interval: recurring.interval,
    intervalCount: recurring.intervalCount,
    trialDays: trialPeriod ?? 0,
    totalCycles: totalCycles || null,
  }
}
