import { and, asc, desc, eq, gte, like, or, sql, type SQL } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { receivables } from '../../db/schema.ts'
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

/** Which receivables are wanted. `text` is a number or how one begins, an id, or how the customer's name begins. */
export type InvoiceFilter = {
  text?: string | undefined
  state?: (typeof INVOICE_STATES)[number] | undefined
  currency?: string | undefined
  /** Lago's external customer id. */
  customer?: string | undefined
  since?: Date | undefined
  sort?: (typeof INVOICE_SORTS)[number] | undefined
}

type Row = typeof receivables.$inferSelect
type Listed = Pick<
  Row,
  'number' | 'currency' | 'amountDue' | 'state' | 'reason' | 'createdAt' | 'settledAt'
> & { lagoInvoiceId: string; lagoCustomerId: string | null; customerName: string | null }
/** A page of a list, and where the next one begins; undefined at the end. */
export type Listing<Item> = { items: Item[]; next: string | undefined }

const SORTS = {
  newest: {
    key: sql`${receivables.createdAt}`,
    cast: 'timestamptz',
    order: desc,
    valueOf: ({ createdAt }: Listed) => createdAt.toISOString(),
  },
  number: {
    key: sql`coalesce(${receivables.number}, '')`,
    cast: 'text',
    order: asc,
    valueOf: ({ number }: Listed) => number ?? '',
  },
  due: {
    key: sql`${receivables.amountDue}`,
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
      lagoInvoiceId: receivables.receivableId,
      number: receivables.number,
      lagoCustomerId: receivables.payerKey,
      customerName: receivables.payerName,
      currency: receivables.currency,
      amountDue: receivables.amountDue,
      state: receivables.state,
      reason: receivables.reason,
      createdAt: receivables.createdAt,
      settledAt: receivables.settledAt,
    })
    .from(receivables)
    .where(and(conditionOf(filter), isBeyond(before, { key, cast, isDown: order === desc })))
    .orderBy(order(key), order(receivables.receivableId))
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
  return sql`(${key}, ${receivables.receivableId}) ${compare} (${value}::${sql.raw(cast)}, ${id}::text)`
}

function conditionOf({ text, state, currency, customer, since }: InvoiceFilter): SQL | undefined {
  return and(
    eq(receivables.kind, 'invoice'),
    state && eq(receivables.state, state),
    currency === undefined ? undefined : eq(receivables.currency, currency),
    customer === undefined ? undefined : eq(receivables.payerKey, customer),
    since && gte(receivables.createdAt, since),
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
