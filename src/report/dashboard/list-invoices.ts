import { and, asc, desc, eq, gte, like, lte, or, sql, type SQL } from 'drizzle-orm'
import type { SelectResultFields } from 'drizzle-orm/query-builders/select.types'

import type { Database } from '../../db/client.ts'
import { receivables } from '../../db/schema.ts'
import { PAGE_ROWS, pageOf, readCursorOf, writeCursor, type Listing } from '../../db/cursor.ts'

export const INVOICE_STATES = [
  'open',
  'processing',
  'paid',
  'failed',
  'void',
  'skipped',
  'attention',
] as const
export const INVOICE_SORTS = ['newest', 'number', 'due'] as const

/** Which receivables are wanted. `text` is a number or how one begins, an id, or how the customer's name begins. */
export type InvoiceFilter = {
  text?: string | undefined
  state?: (typeof INVOICE_STATES)[number] | undefined
  currency?: string | undefined
  /** Lago's external customer id. */
  customer?: string | undefined
  since?: Date | undefined
  /** Due on that day or later, and on that one or before: days, as Lago says. */
  dueFrom?: string | undefined
  dueTo?: string | undefined
  /** Only those that need a person for this reason. */
  reason?: string | undefined
  sort?: (typeof INVOICE_SORTS)[number] | undefined
}

const LISTED = {
  lagoInvoiceId: receivables.receivableId,
  number: receivables.number,
  lagoCustomerId: receivables.payerKey,
  customerName: receivables.payerName,
  currency: receivables.currency,
  amountDue: receivables.amountDue,
  state: receivables.state,
  reason: receivables.reason,
  reasonCode: receivables.reasonCode,
  createdAt: receivables.createdAt,
  settledAt: receivables.settledAt,
}
type Listed = SelectResultFields<typeof LISTED>

const SORTS = {
  newest: {
    key: sql`${receivables.createdAt}`,
    is: 'moment',
    cast: 'timestamptz',
    order: desc,
    valueOf: ({ createdAt }: Listed) => createdAt.toISOString(),
  },
  number: {
    key: sql`coalesce(${receivables.number}, '')`,
    is: 'text',
    cast: 'text',
    order: asc,
    valueOf: ({ number }: Listed) => number ?? '',
  },
  due: {
    key: sql`${receivables.amountDue}`,
    is: 'number',
    cast: 'bigint',
    order: desc,
    valueOf: ({ amountDue }: Listed) => String(amountDue),
  },
} as const

/** Invoices of the ledger, fifty at a time, from where the last page ended. */
export async function listInvoices(
  db: Database,
  filter: InvoiceFilter,
  { before, limit = PAGE_ROWS }: { before?: string | undefined; limit?: number } = {},
): Promise<Listing<Listed>> {
  const { key, is, cast, order, valueOf } = SORTS[filter.sort ?? 'newest']
  const rows = await db
    .select(LISTED)
    .from(receivables)
    .where(
      and(
        conditionOf(filter),
        isBeyond(readCursorOf(before, is), { key, cast, isDown: order === desc }),
      ),
    )
    .orderBy(order(key), order(receivables.receivableId))
    .limit(limit + 1)
  return pageOf(rows, limit, (last) => writeCursor(valueOf(last), last.lagoInvoiceId))
}

function isBeyond(
  cursor: ReturnType<typeof readCursorOf>,
  { key, cast, isDown }: { key: SQL; cast: string; isDown: boolean },
): SQL | undefined {
  if (!cursor) return undefined
  const [value, id] = cursor
  const compare = sql.raw(isDown ? '<' : '>')
  return sql`(${key}, ${receivables.receivableId}) ${compare} (${value}::${sql.raw(cast)}, ${id}::text)`
}

function conditionOf({ text, reason, ...is }: InvoiceFilter): SQL | undefined {
  return and(
    eq(receivables.kind, 'invoice'),
    is.state && eq(receivables.state, is.state),
    is.currency === undefined ? undefined : eq(receivables.currency, is.currency),
    is.customer === undefined ? undefined : eq(receivables.payerKey, is.customer),
    is.since && gte(receivables.createdAt, is.since),
    is.dueFrom === undefined ? undefined : gte(receivables.dueOn, is.dueFrom),
    is.dueTo === undefined ? undefined : lte(receivables.dueOn, is.dueTo),
    reason === undefined
      ? undefined
      : and(eq(receivables.state, 'attention'), eq(receivables.reasonCode, reason)),
    text === undefined
      ? undefined
      : or(
          eq(receivables.receivableId, text),
          like(receivables.number, `${escapeLike(text)}%`),
          eq(receivables.payerKey, text),
          like(sql`lower(${receivables.payerName})`, `${escapeLike(text.toLowerCase())}%`),
        ),
  )
}

/** What somebody typed is to be found as it is. */
export const escapeLike = (text: string) => text.replaceAll(/[\\%_]/g, String.raw`\$&`)
