import {
  and,
  eq,
  exists,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  not,
  sql,
  type SQL,
} from 'drizzle-orm'
import { z } from 'zod'

import type { Executor } from '../db/client.ts'
import { readMoment } from '../db/moment.ts'
import { deadLetters, deliveries } from '../db/schema.ts'
import { duration } from '../env/values.ts'
import { SOURCES } from '../webhook-sources.ts'

export const OUTCOMES = ['read', 'waiting', 'kept', 'failed'] as const
export type Outcome = (typeof OUTCOMES)[number]

/** A moment: an ISO date, or how long ago, like `2h`. */
const moment = z
  .string()
  .transform((text): { agoMs: number } | { at: Date } | undefined => {
    const agoMs = duration(0).safeParse(text).data
    if (agoMs !== undefined) return { agoMs }
    const at = readMoment(text)
    return at && { at }
  })
  .refine(
    (read) => read !== undefined,
    'write how long ago, like 2h or 7d, or a moment, like 2026-11-24T15:00Z',
  )

/** Which deliveries are meant. What is left out does not matter. */
export const Filter = z.strictObject({
  source: z.enum(SOURCES, 'write lago or dodo, or highlevel').optional(),
  event: z.string().min(1).max(200).optional(),
  outcome: z.enum(OUTCOMES, `write ${OUTCOMES.join(', ')}`).optional(),
  /** Its own id, or that of what it is about: of an invoice, a payment, a subscription, a customer. */
  about: z.string().min(1).max(200).optional(),
  since: moment.optional(),
  until: moment.optional(),
})
export type Filter = z.infer<typeof Filter>

const whenOf = (read: NonNullable<Filter['since']>, now: Date) =>
  'at' in read ? read.at : new Date(now.getTime() - read.agoMs)

/** The filter as a condition. */
export function conditionOf(db: Executor, filter: Filter, now: Date): SQL | undefined {
  const { source, event, outcome, about, since, until } = filter
  return and(
    source && eq(deliveries.source, source),
    event ? eq(deliveries.eventType, event) : undefined,
    about
      ? // With its source, which the primary key begins with.
        sql`((${inArray(deliveries.source, [...SOURCES])} and ${deliveries.deliveryId} = ${about})
          or ${deliveries.wakesKey} = ${about} or ${deliveries.dodoPaymentId} = ${about})`
      : undefined,
    since && gte(deliveries.receivedAt, whenOf(since, now)),
    until && lt(deliveries.receivedAt, whenOf(until, now)),
    outcome && conditionOfOutcome(db, outcome),
  )
}

function conditionOfOutcome(db: Executor, outcome: Outcome): SQL | undefined {
  const isWaiting = isNull(deliveries.processedAt)
  switch (outcome) {
    case 'kept':
      return isNull(deliveries.wakes)
    case 'read':
      return and(isNotNull(deliveries.wakes), isNotNull(deliveries.processedAt))
    case 'waiting':
      return and(isWaiting, not(hasGivenUp(db)))
    case 'failed':
      return and(isWaiting, hasGivenUp(db))
  }
}

/** Whether the work that it causes is among those that gave up. */
export const hasGivenUp = (db: Executor) =>
  exists(
    db
      .select({ one: sql`1` })
      .from(deadLetters)
      .where(and(eq(deadLetters.kind, deliveries.wakes), eq(deadLetters.key, deliveries.wakesKey))),
  )

/** The filter in words, for the audit. */
export function describeFilter(filter: Filter, now: Date): string {
  const { source, event, outcome, about, since, until } = filter
  const parts = [
    source,
    event,
    outcome,
    about && `about ${about}`,
    since && `since ${whenOf(since, now).toISOString()}`,
    until && `until ${whenOf(until, now).toISOString()}`,
  ]
  return parts.filter(Boolean).join(', ') || 'all'
}
