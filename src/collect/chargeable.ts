import { and, eq, isNull } from 'drizzle-orm'

import { mandates } from '../db/schema.ts'

/** Of the saved cards those that can be charged, as deciding sees it (`decide/next-attempt.ts`). */
export const isChargeable = and(
  eq(mandates.status, 'active'),
  eq(mandates.isEnding, false),
  isNull(mandates.refusal),
)
