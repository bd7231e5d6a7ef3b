import { sql } from 'drizzle-orm'

import type { Executor } from '../../db/client.ts'
import { PAGE_ROWS, pageOf, readCursorOf, writeCursor, type Listing } from '../../db/cursor.ts'

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
  const rows = await db.execute<Omit<ListedRefund, 'at'> & { at: string }>(sql`
    select id, "dodoRefundId", "dodoPaymentId", status, amount, all_of.currency, all_of.receivable_id as "receivableId",
      i.kind, i.number, cause, "lagoCreditNoteId", credit, all_of.reason, at
    from (
      select f.dodo_refund_id as id, f.dodo_refund_id as "dodoRefundId", f.dodo_payment_id as "dodoPaymentId", f.status,
        f.amount::float8 as amount, coalesce(f.currency, p.currency) as currency,
        coalesce(o.receivable_id, p.receivable_id) as receivable_id, o.cause,
        coalesce(o.credit_note_id, c.credit_note_id) as "lagoCreditNoteId", c.status as credit,
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
  const listed = rows.map((row) => ({ ...row, at: new Date(row.at) }))
  return pageOf(listed, limit, (last) => writeCursor(last.at.toISOString(), last.id))
}
