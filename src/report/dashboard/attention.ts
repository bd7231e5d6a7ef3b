import { and, desc, eq, sql, type SQL } from 'drizzle-orm'

import { isReasonCode, type ReasonCode } from '../../collect/receivable.ts'
import type { Executor } from '../../db/client.ts'
import { dismissals, receivables, recordings } from '../../db/schema.ts'
import { PAGE_ROWS, pageOf, readCursorOf, writeCursor, type Listing } from '../../db/cursor.ts'

const MAX_ROWS = 100

/** Something that a person must look at: an invoice, a payment request or an order. */
export type Attention = {
  id: string
  kind: (typeof receivables.$inferSelect)['kind']
  number: string | null
  customer: string | null
  customerName: string | null
  /** The books' minor units. */
  amountDue: number
  currency: string | null
  reasonCode: ReasonCode
  reason: string
  /** Since when, as far as it was watched: null in its first seconds. */
  since: Date | null
  /** Who has looked at this very reason; null while nobody did. */
  seen: { by: string; at: Date; note: string | null } | null
  createdAt: Date
  /** Payments whose money is held for it, and about which nobody has said anything. */
  held: string[]
}

/** What a person must look at, the oldest first. */
export async function listAttention(
  db: Executor,
  {
    code,
    before,
    limit = PAGE_ROWS,
  }: { code?: string | undefined; before?: string | undefined; limit?: number } = {},
): Promise<Listing<Attention>> {
  const since = sql<string | null>`(select since from conditions c
    where c.type = 'invoice.attention' and c.subject = ${receivables.receivableId})`
  const held = sql<
    string[]
  >`array(select r.dodo_payment_id from ${recordings} r where r.receivable_id = ${receivables}.receivable_id
    and r.status = 'held' and r.ruling is null order by 1)`
  const rows = await db
    .select({ row: receivables, since, held })
    .from(receivables)
    .where(
      and(
        eq(receivables.state, 'attention'),
        code === undefined
          ? undefined
          : sql`coalesce(${receivables.reasonCode}, 'gave_up') = ${code}`,
        isBeyond(before),
      ),
    )
    .orderBy(receivables.createdAt, receivables.receivableId)
    .limit(limit + 1)
  const items = rows.map(({ row, since: at, held: money }) => ({
    ...asAttention(row, at),
    held: money,
  }))
  return pageOf(items, limit, (last) => writeCursor(last.createdAt.toISOString(), last.id))
}

function isBeyond(before: string | undefined): SQL | undefined {
  const cursor = readCursorOf(before, 'moment')
  if (!cursor) return undefined
  const [at, id] = cursor
  return sql`(${receivables.createdAt}, ${receivables.receivableId}) > (${at}::timestamptz, ${id}::text)`
}

function asAttention(
  row: typeof receivables.$inferSelect,
  since: string | null,
): Omit<Attention, 'held'> {
  const { reason, reasonCode, seenReason, seenBy, seenAt, seenNote } = row
  const isSeen = seenReason === reason && seenBy !== null && seenAt !== null
  return {
    id: row.receivableId,
    kind: row.kind,
    number: row.number,
    customer: row.payerKey,
    customerName: row.payerName,
    amountDue: row.amountDue,
    currency: row.currency,
    reasonCode: isReasonCode(reasonCode ?? undefined) ? (reasonCode as ReasonCode) : 'gave_up',
    reason,
    since: since === null ? null : new Date(since),
    seen: isSeen ? { by: seenBy, at: seenAt, note: seenNote } : null,
    createdAt: row.createdAt,
  }
}

/** The reasons that people have put aside, the newest first. */
export const listPutAside = (db: Executor) =>
  db
    .select({
      lagoInvoiceId: dismissals.receivableId,
      number: receivables.number,
      reason: dismissals.reason,
      dismissedAt: dismissals.dismissedAt,
    })
    .from(dismissals)
    .leftJoin(receivables, eq(receivables.receivableId, dismissals.receivableId))
    .orderBy(desc(dismissals.dismissedAt))
    .limit(MAX_ROWS)
