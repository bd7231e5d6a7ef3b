import { and, between, count, eq, inArray, isNotNull, sql, sum } from 'drizzle-orm'

import type { Database, Executor } from '../../db/client.ts'
import { dismissals, receivables, payments, recordings, refunds } from '../../db/schema.ts'
import { acceptedOf, findSpares } from '../../collect/decide/next-refund.ts'
import { loadPaymentsThat } from '../../collect/load.ts'
import type { Period } from '../period.ts'

/** How many, and how much together. */
export type Sum = { count: number; amount: number }
/**
 * One currency's numbers. `collected`, `givenBack` and `held` are Dodo's minor units, the first two of the period;
 * `open` and `failed` are Lago's, as it is now.
 */
export type CurrencyTotals = {
  currency: string
  collected: Sum
  givenBack: Sum
  held: Sum
  open: Sum
  failed: Sum
}
type Kind = Exclude<keyof CurrencyTotals, 'currency'>
type Days = Pick<Period, 'from' | 'until'>
type Line = Sum & { currency: string; kind: Kind }

/** What the statement of the same days sums up as in Dodo, and what is still to come; most collected first. */
export async function readTotals(db: Database, period: Period): Promise<CurrencyTotals[]> {
  const lines = (await Promise.all([readMoved(db, period), readHeld(db), readDue(db)])).flat()
  const totals = new Map<string, CurrencyTotals>()
  for (const { currency, kind, count: many, amount } of lines) {
    const total = totals.get(currency) ?? emptyTotals(currency)
    total[kind].count += many
    total[kind].amount += amount
    totals.set(currency, total)
  }
  return [...totals.values()].toSorted(
    (one, other) =>
      other.collected.amount - one.collected.amount || one.currency.localeCompare(other.currency),
  )
}

const none = (): Sum => ({ count: 0, amount: 0 })
const emptyTotals = (currency: string): CurrencyTotals => ({
  currency,
  collected: none(),
  givenBack: none(),
  held: none(),
  open: none(),
  failed: none(),
})

/** What came in, and what went back: the sums of the statement of the same days, as Dodo has them. */
export const readMoved = async (db: Executor, days: Days) =>
  (await Promise.all([readCollected(db, days), readGivenBack(db, days)])).flat()

/** A payment that saves a card and takes nothing is none. */
export const isCollected = and(
  eq(payments.status, 'succeeded'),
  eq(payments.isSetup, false),
  isNotNull(payments.receivableId),
  sql`${payments.amount} > 0`,
)

async function readCollected(db: Executor, { from, until }: Days): Promise<Line[]> {
  const rows = await db
    .select({
      currency: payments.currency,
      count: count(),
      amount: sum(payments.amount).mapWith(Number),
    })
    .from(payments)
    .where(and(isCollected, between(payments.madeAt, from, until)))
    .groupBy(payments.currency)
  return rows.map((row) => ({ ...row, kind: 'collected' }))
}

async function readGivenBack(db: Executor, { from, until }: Days): Promise<Line[]> {
  const currency = sql<string>`coalesce(${refunds.currency}, ${payments.currency})`
  const rows = await db
    .select({ currency, count: count(), amount: sum(refunds.amount).mapWith(Number) })
    .from(refunds)
    .innerJoin(payments, eq(payments.dodoPaymentId, refunds.dodoPaymentId))
    .where(
      and(
        eq(refunds.status, 'succeeded'),
        isNotNull(payments.receivableId),
        between(refunds.madeAt, from, until),
      ),
    )
    .groupBy(currency)
  return rows.map((row) => ({ ...row, amount: row.amount ?? 0, kind: 'givenBack' }))
}

/**
 * Money that no invoice takes, that has not gone back and that nobody has settled otherwise, as the page of each invoice
 * has it. Only what may still be here is looked at: most of what was ever held has gone back as a whole, and of what is
 * recorded in part a person is told until it is settled or put aside.
 */
async function readHeld(db: Database): Promise<Line[]> {
  const isToldOf = sql`(i.state = 'attention' or exists (select 1 from ${dismissals} d where d.receivable_id = i.receivable_id))`
  const isHeld = sql`exists (select 1 from ${recordings} r join ${receivables} i using (receivable_id)
    where r.dodo_payment_id = ${payments.dodoPaymentId} and (r.status = 'held' or (r.status = 'recorded' and ${isToldOf})))`
  const refunded = sql`(select coalesce(sum(${refunds.amount}), 0) from ${refunds}
    where ${refunds.dodoPaymentId} = ${payments.dodoPaymentId} and ${refunds.status} = 'succeeded')`
  const held = await loadPaymentsThat(db, sql`${isHeld} and ${payments.amount} > ${refunded}`)
  return held.flatMap((payment) =>
    payment.recordings
      .flatMap((one) =>
        findSpares({ receivableId: one.receivableId, payments: [payment], recordings: [one] }),
      )
      .flatMap((spare) => {
        const amount = spare.amount - acceptedOf(spare)
        const { currency } = payment
        return amount > 0 ? [{ currency, kind: 'held' as const, count: 1, amount }] : []
      }),
  )
}

async function readDue(db: Database): Promise<Line[]> {
  const rows = await db
    .select({
      currency: receivables.currency,
      state: receivables.state,
      count: count(),
      amount: sum(receivables.amountDue).mapWith(Number),
    })
    .from(receivables)
    .where(
      and(
        eq(receivables.kind, 'invoice'),
        inArray(receivables.state, ['open', 'processing', 'failed']),
      ),
    )
    .groupBy(receivables.currency, receivables.state)
  return rows.flatMap(({ currency, state, ...rest }) => {
    const kind = state === 'failed' ? ('failed' as const) : ('open' as const)
    return currency === null ? [] : [{ ...rest, currency, kind }]
  })
}
