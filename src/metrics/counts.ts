import { sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'

/** Everything that metrics and notifications ask of the tables of invoices and money. One statement each. */

type Text = string | null
const number = (value: unknown) => Number(value ?? 0)

/** What is asked for in states that still want money. */
const COLLECTING = sql`('open', 'processing', 'failed')`

/** Everything that is asked for, by what it is, where it stands and in which currency. */
export async function countReceivables(db: Executor) {
  const rows = await db.execute<{ kind: string; state: string; currency: Text; count: string }>(
    sql`select kind, state, currency, count(*) from receivables group by 1, 2, 3`,
  )
  return rows.map((row) => ({ ...row, count: number(row.count) }))
}

/** Due in Lago's minor units, by currency and age, and since when the oldest waits. */
export async function sumOpen(db: Executor, now: Date) {
  const at = sql`${now.toISOString()}::timestamptz`
  const rows = await db.execute<{ currency: Text; age: string; due: string; oldest: string }>(sql`
    select currency,
      case when created_at > ${at} - interval '7 days' then '7d'
        when created_at > ${at} - interval '30 days' then '30d'
        when created_at > ${at} - interval '90 days' then '90d' else 'older' end as age,
      sum(amount_due) as due, extract(epoch from ${at} - min(created_at)) as oldest
    from receivables where kind = 'invoice' and state in ${COLLECTING} group by 1, 2`)
  return rows.map((row) => ({ ...row, due: number(row.due), oldest: number(row.oldest) }))
}

/** Taken by invoices, in Lago's minor units. */
export async function sumCollected(db: Executor) {
  const rows = await db.execute<{ currency: string; kind: string; amount: string }>(sql`
    select p.currency, ${KIND_OF_PAYMENT} as kind, sum(r.amount) as amount
    from recordings r join payments p using (dodo_payment_id) left join attempts a on a.id = p.attempt_id
    where r.status = 'recorded' group by 1, 2`)
  return rows.map((row) => ({ ...row, amount: number(row.amount) }))
}

const KIND_OF_PAYMENT = sql`case when a.kind = 'charge' then 'charge' else 'checkout' end`

/** The same of invoices that had been declined before. */
export async function sumRecovered(db: Executor) {
  const rows = await db.execute<{ currency: string; amount: string }>(sql`
    select p.currency, sum(r.amount) as amount
    from (
      select s.receivable_id, min(a.ended_at) as declined_at
      from attempts a join shares s on s.attempt_id = a.id where a.status = 'declined' group by 1
    ) declined
    join recordings r using (receivable_id) join payments p using (dodo_payment_id)
    where r.status = 'recorded' and p.made_at > declined.declined_at group by 1`)
  return rows.map((row) => ({ ...row, amount: number(row.amount) }))
}

/** Given back, in Dodo's minor units. One whose amount Dodo has not said yet counts once it has. */
export async function sumRefunded(db: Executor) {
  const rows = await db.execute<{ currency: Text; cause: string; amount: string }>(sql`
    select coalesce(r.currency, p.currency) as currency, coalesce(o.cause, 'merchant') as cause,
      sum(coalesce(r.amount, 0)) as amount
    from refunds r join payments p using (dodo_payment_id)
    left join refund_orders o on o.dodo_refund_id = r.dodo_refund_id
    where r.status = 'succeeded' group by 1, 2`)
  return rows.map((row) => ({ ...row, amount: number(row.amount) }))
}

/** Payments that reached an end, and why those that failed did. */
export async function countPayments(db: Executor) {
  const rows = await db.execute<{ status: string; kind: string; code: Text; count: string }>(sql`
    select p.status, ${KIND_OF_PAYMENT} as kind, case when p.status = 'failed' then p.error_code end as code, count(*)
    from payments p left join attempts a on a.id = p.attempt_id
    where p.status in ('succeeded', 'failed', 'cancelled') and not p.is_setup group by 1, 2, 3`)
  return rows.map((row) => ({ ...row, count: number(row.count) }))
}

/**
 * Second payments of one invoice, by whether the bridge asked for their refund by itself. One that was held and that a
 * person gave back stays what it was: it is counted once, for ever.
 */
export async function countDuplicates(db: Executor) {
  const rows = await db.execute<{ handling: string; count: string }>(sql`
    select case when r.ruling is null and exists (
        select from refund_orders o where o.dodo_payment_id = r.dodo_payment_id
          and o.credit_note_id is null and o.status <> 'refused')
      then 'refunded' else 'held' end as handling, count(*)
    from recordings r where r.disposition = 'duplicate' group by 1`)
  return rows.map((row) => ({ ...row, count: number(row.count) }))
}

/** Refunds that are asked for, under way, or did not work out for an invoice that shows it. */
export async function listOpenRefunds(db: Executor) {
  return db.execute<{
    id: string
    dodo_payment_id: string
    lago_invoice_id: Text
    number: Text
    status: 'ordered' | 'pending' | 'failed' | 'refused'
    reason: Text
    amount: Text
    currency: Text
  }>(sql`
    select o.id::text as id, o.dodo_payment_id, o.receivable_id as lago_invoice_id, i.number, o.reason, o.amount::text as amount,
      p.currency, case when o.status = 'refused' then 'refused' else 'ordered' end as status
    from refund_orders o left join receivables i using (receivable_id)
    left join payments p on p.dodo_payment_id = o.dodo_payment_id
    where o.status in ('intended', 'unknown', 'waiting') or (o.status = 'refused' and i.state = 'attention')
    union all
    select f.dodo_refund_id, f.dodo_payment_id, i.receivable_id as lago_invoice_id, i.number, f.refund_reason,
      f.amount::text, coalesce(f.currency, p.currency), case when f.status = 'failed' then 'failed' else 'pending' end
    from refunds f join payments p using (dodo_payment_id)
    left join receivables i on i.receivable_id = p.receivable_id
    where f.status not in ('succeeded', 'failed') or (f.status = 'failed' and i.state = 'attention')`)
}

/** Every dispute that is not plainly won. */
export async function listDisputes(db: Executor) {
  const rows = await db.execute<{
    id: string
    dodo_payment_id: string
    status: string
    stage: string
    amount: string
    currency: string
    opened_at: Date | null
    lago_invoice_id: Text
    number: Text
    customer: Text
  }>(sql`
    select d.dodo_dispute_id as id, d.dodo_payment_id, d.status, d.stage, d.amount, d.currency, d.opened_at,
      i.receivable_id as lago_invoice_id, i.number, i.payer_key as customer
    from disputes d left join payments p using (dodo_payment_id)
    left join receivables i on i.receivable_id = p.receivable_id`)
  return rows.map((row) => ({ ...row, opened_at: row.opened_at && new Date(row.opened_at) }))
}

export async function countMandates(db: Executor) {
  const rows = await db.execute<{ status: string; count: string }>(sql`
    select case when is_ending or status not in ('active', 'on_hold') then 'ended'
      when refusal is not null then 'refused' else status end as status, count(*)
    from mandates group by 1`)
  return rows.map((row) => ({ ...row, count: number(row.count) }))
}

/** Invoices and payment requests that a person must look at. */
export async function listAttention(db: Executor) {
  return db.execute<{
    id: string
    number: Text
    customer: Text
    reason: string
    code: string
    amount: string
    currency: Text
    seen: boolean
  }>(sql`
    select receivable_id as id, number, payer_key as customer, reason, coalesce(reason_code, 'gave_up') as code,
      amount_due::text as amount, currency, seen_reason is not distinct from reason as seen
    from receivables where state = 'attention'`)
}

/** Saved cards that do not work, of customers who have an invoice in that currency to be collected. */
export async function listUnusableCards(db: Executor) {
  return db.execute<{
    id: string
    customer: string
    currency: string
    reason: string
    renewed_at: Date
  }>(sql`
    select m.dodo_subscription_id as id, m.payer_key as customer, m.currency, m.renewed_at,
      coalesce(m.refusal, 'it is ' || m.status) as reason
    from mandates m
    where (m.refusal is not null or m.status <> 'active') and m.status <> 'cancelled'
      and exists (select from receivables i where i.kind = 'invoice' and i.payer_key = m.payer_key
        and i.currency = m.currency and i.state in ${COLLECTING})
      and not exists (select from mandates o where o.payer_key = m.payer_key
        and o.currency = m.currency and o.status = 'active' and o.refusal is null and not o.is_ending)`)
}

/** Second payments that were made since, each once. */
export async function listDuplicates(db: Executor, since: Date) {
  const rows = await db.execute<{
    id: string
    lago_invoice_id: string
    number: Text
    customer: Text
    amount: string
    currency: string
  }>(sql`
    select p.dodo_payment_id as id, r.receivable_id as lago_invoice_id, i.number, i.payer_key as customer, p.amount, p.currency
    from recordings r join payments p using (dodo_payment_id)
    join receivables i on i.receivable_id = r.receivable_id
    where r.disposition = 'duplicate' and p.made_at >= ${since.toISOString()}::timestamptz`)
  return rows.map((row) => ({ ...row, amount: number(row.amount) }))
}

/** Calls that may have been carried out, and since when that is not known. */
export async function listUnknown(db: Executor, unansweredMs: number) {
  const before = sql`- ${unansweredMs} * interval '1 ms'`
  const rows = await db.execute<{ call: string; count: string; since: Date }>(sql`
    select call, count(*), min(since) as since from (
      select case kind when 'charge' then 'charge' else 'checkout' end as call, started_at as since
        from attempts where status = 'unknown'
      union all select 'refund', ordered_at from refund_orders where status = 'unknown'
      union all select 'record', repeatable_at ${before} from recordings where status = 'unknown'
      union all select 'credit', repeatable_at ${before} from credits where status = 'unknown'
    ) calls group by 1`)
  return rows.map((row) => ({ ...row, count: number(row.count), since: new Date(row.since) }))
}

/** What was found out about Lago's licence: a refusal is remembered for a day, a payment that was taken says more. */
export async function findLicense(db: Executor, now: Date): Promise<string> {
  const [row] = await db.execute<{ free: boolean; premium: boolean }>(sql`
    select exists (select from findings where name = 'lago_license'
        and found_at > ${now.toISOString()}::timestamptz - interval '1 day') as free,
      exists (select from recordings where through = 'payment') as premium`)
  if (row?.free) return 'free'
  return row?.premium ? 'premium' : 'unknown'
}
