import { and, between, eq, inArray, isNotNull, sql, sum } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { attempts, receivables, payments, shares } from '../../db/schema.ts'
import type { Period } from '../period.ts'
import { isCollected } from './totals.ts'

/** One day of UTC: what was collected (Dodo's minor units), and what was declined and is still not paid (Lago's). */
export type Day = { day: string; collected: number; declined: number }

const DAY_MS = 86_400_000

/** Every day of the period, those without anything included. */
export async function readByDay(db: Database, period: Period, currency: string): Promise<Day[]> {
  const { from, until } = period
  const paidOn = dayOf(payments.madeAt)
  const declinedOn = dayOf(attempts.endedAt)
  const [collected, declined] = await Promise.all([
    db
      .select({ day: paidOn, amount: sum(payments.amount).mapWith(Number) })
      .from(payments)
      .where(
        and(isCollected, eq(payments.currency, currency), between(payments.madeAt, from, until)),
      )
      .groupBy(paidOn),
    db
      .select({ day: declinedOn, amount: sum(shares.amount).mapWith(Number) })
      .from(attempts)
      .innerJoin(shares, eq(shares.attemptId, attempts.id))
      .innerJoin(receivables, eq(receivables.receivableId, shares.receivableId))
      .where(
        and(
          eq(attempts.status, 'declined'),
          eq(attempts.currency, currency),
          isNotNull(attempts.endedAt),
          between(attempts.endedAt, from, until),
          inArray(receivables.state, ['open', 'failed', 'attention']),
          isNewestOfInvoice,
        ),
      )
      .groupBy(declinedOn),
  ])
  return daysOf(period).map((day) => ({
    day,
    collected: on(collected, day),
    declined: on(declined, day),
  }))
}

const on = (rows: readonly { day: string; amount: number | null }[], day: string) =>
  rows.find((row) => row.day === day)?.amount ?? 0

/** An invoice that was declined three times owes its amount once. */
const isNewestOfInvoice = sql`not exists (
  select 1 from ${shares} as later join ${attempts} as newer on newer.id = later.attempt_id
  where later.receivable_id = ${shares.receivableId} and newer.status = 'declined'
    and newer.ended_at > ${attempts.endedAt})`

const dayOf = (at: typeof payments.madeAt | typeof attempts.endedAt) =>
  sql<string>`to_char(${at} at time zone 'UTC', 'YYYY-MM-DD')`

function daysOf({ from, until }: Period): string[] {
  const many = Math.ceil((until.getTime() - from.getTime()) / DAY_MS)
  return Array.from({ length: many }, (_, index) =>
    new Date(from.getTime() + index * DAY_MS).toISOString().slice(0, 10),
  )
}
