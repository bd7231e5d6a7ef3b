import { and, asc, desc, eq, gte, like, or, sql, type SQL } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { invoices } from '../../db/schema.ts'
import { readCursor, writeCursor } from './cursor.ts'

export const PAGE_ROWS = 50

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

/** Which invoices are wanted. `text` is a number or how one begins, an id, or how the customer's name begins. */
export type InvoiceFilter = {
  text?: string | undefined
  state?: (typeof INVOICE_STATES)[number] | undefined
  currency?: string | undefined
  /** Lago's external customer id. */
  customer?: string | undefined
  since?: Date | undefined
  sort?: (typeof INVOICE_SORTS)[number] | undefined
}

type Listed = Pick<
  typeof invoices.$inferSelect,
  | 'lagoInvoiceId'
  | 'number'
  | 'lagoCustomerId'
  | 'customerName'
  | 'currency'
  | 'amountDue'
  | 'state'
  | 'reason'
  | 'createdAt'
  | 'settledAt'
>
/** A page of a list, and where the next one begins; undefined at the end. */
export type Listing<Item> = { items: Item[]; next: string | undefined }

const SORTS = {
  newest: {
    key: sql`${invoices.createdAt}`,
    cast: 'timestamptz',
    order: desc,
    valueOf: ({ createdAt }: Listed) => createdAt.toISOString(),
  },
  number: {
    key: sql`coalesce(${invoices.number}, '')`,
    cast: 'text',
    order: asc,
    valueOf: ({ number }: Listed) => number ?? '',
  },
  due: {
    key: sql`${invoices.amountDue}`,
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
  const { key, cast, order, valueOf } = SORTS[filter.sort ?? 'newest']
  const rows = await db
    .select({
      lagoInvoiceId: invoices.lagoInvoiceId,
      number: invoices.number,
      lagoCustomerId: invoices.lagoCustomerId,
      customerName: invoices.customerName,
      currency: invoices.currency,
      amountDue: invoices.amountDue,
      state: invoices.state,
      reason: invoices.reason,
      createdAt: invoices.createdAt,
      settledAt: invoices.settledAt,
    })
    .from(invoices)
    .where(and(conditionOf(filter), isBeyond(before, { key, cast, isDown: order === desc })))
    .orderBy(order(key), order(invoices.lagoInvoiceId))
    .limit(limit + 1)
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const isMore = rows.length > limit && last
  return { items, next: isMore ? writeCursor(valueOf(last), last.lagoInvoiceId) : undefined }
}

function isBeyond(
  before: string | undefined,
  { key, cast, isDown }: { key: SQL; cast: string; isDown: boolean },
): SQL | undefined {
  const cursor = readCursor(before)
  if (!cursor) return undefined
  const [value, id] = cursor
  const compare = sql.raw(isDown ? '<' : '>')
  return sql`(${key}, ${invoices.lagoInvoiceId}) ${compare} (${value}::${sql.raw(cast)}, ${id}::text)`
}

function conditionOf({ text, state, currency, customer, since }: InvoiceFilter): SQL | undefined {
  return and(
    state && eq(invoices.state, state),
    currency === undefined ? undefined : eq(invoices.currency, currency),
    customer === undefined ? undefined : eq(invoices.lagoCustomerId, customer),
    since && gte(invoices.createdAt, since),
    text === undefined
      ? undefined
      : or(
          eq(invoices.lagoInvoiceId, text),
          like(invoices.number, `${escapeLike(text)}%`),
          eq(invoices.lagoCustomerId, text),
          like(sql`lower(${invoices.customerName})`, `${escapeLike(text.toLowerCase())}%`),
        ),
  )
}

/** What somebody typed is to be found as it is. */
export const escapeLike = (text: string) => text.replaceAll(/[\\%_]/g, String.raw`\$&`)
