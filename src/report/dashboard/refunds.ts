import { sql } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { readCursorOf, writeCursor } from './cursor.ts'
import { PAGE_ROWS, type Listing } from './list-invoices.ts'

/** What money that goes back may be waiting for; a refund that is only asked for has no id at Dodo yet. */
export const REFUND_STATUSES = [
  'asked for',
  'waiting',
  'refused',
  'pending',
  'review',
  'succeeded',
  'failed',
] as const

export type ListedRefund = {
  /** Dodo's, or that of the order which Dodo has not carried out. */
  id: string
  dodoRefundId: string | null
  dodoPaymentId: string
  status: string
  /** Dodo's minor units; null until Dodo says. */
  amount: number | null
  currency: string | null
  receivableId: string | null
  kind: 'invoice' | 'payment_request' | 'selection' | 'order' | null
  number: string | null
  /** Why the bridge asked for it; null where the merchant refunded in Dodo. */
  cause: string | null
  lagoCreditNoteId: string | null
  credit: string | null
  reason: string | null
  at: Date
}

/** Money that went back, goes back or could not, the newest first. */
export async function listRefunds(
  db: Executor,
  { status }: { status?: string | undefined },
  { before, limit = PAGE_ROWS }: { before?: string | undefined; limit?: number } = {},
): Promise<Listing<ListedRefund>> {
  const cursor = readCursorOf(before, 'moment')
  const beyond = cursor
    ? sql`(at, id) < (${cursor[0]}::timestamptz, ${cursor[1]}::text)`
    : sql`true`
  const rows = await db.execute<Row>(sql`
    select all_of.*, i.kind, i.number from (
      select f.dodo_refund_id as id, f.dodo_refund_id, f.dodo_payment_id, f.status, f.amount::float8 as amount,
        coalesce(f.currency, p.currency) as currency, coalesce(o.receivable_id, p.receivable_id) as receivable_id,
        o.cause, coalesce(o.credit_note_id, c.credit_note_id) as credit_note_id, c.status as credit,
        coalesce(c.reason, o.reason) as reason, f.made_at as at
      from refunds f left join payments p using (dodo_payment_id)
      left join refund_orders o on o.dodo_refund_id = f.dodo_refund_id
      left join lateral (select credit_note_id, status, reason from credits
        where credits.dodo_refund_id = f.dodo_refund_id order by sequence desc limit 1) c on true
      union all
      select o.id::text, null, o.dodo_payment_id,
        case o.status when 'refused' then 'refused' when 'waiting' then 'waiting' else 'asked for' end,
        o.amount::float8, p.currency, o.receivable_id, o.cause, o.credit_note_id, null, o.reason, o.ordered_at
      from refund_orders o left join payments p using (dodo_payment_id)
      where o.dodo_refund_id is null
    ) all_of left join receivables i on i.receivable_id = all_of.receivable_id
    where ${beyond} and ${status === undefined ? sql`true` : sql`status = ${status}`}
    order by at desc, id desc limit ${limit + 1}`)
  const items = rows.slice(0, limit).map(asListed)
  const last = items.at(-1)
  const isMore = rows.length > limit && last
  return { items, next: isMore ? writeCursor(last.at.toISOString(), last.id) : undefined }
}

type Row = {
  id: string
  dodo_refund_id: string | null
  dodo_payment_id: string
  status: string
  amount: number | null
  currency: string | null
  receivable_id: string | null
  kind: ListedRefund['kind']
  number: string | null
  cause: string | null
  credit_note_id: string | null
  credit: string | null
  reason: string | null
  at: Date
}

const asListed = (row: Row): ListedRefund => ({
  id: row.id,
  dodoRefundId: row.dodo_refund_id,
  dodoPaymentId: row.dodo_payment_id,
  status: row.status,
  amount: row.amount,
  currency: row.currency,
  receivableId: row.receivable_id,
  kind: row.kind,
  number: row.number,
  cause: row.cause,
  lagoCreditNoteId: row.credit_note_id,
  credit: row.credit,
  reason: row.reason,
  at: new Date(row.at),
})
