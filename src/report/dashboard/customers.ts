import { desc, eq, sql } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { bundles, customers, invoices, mandates, payments } from '../../db/schema.ts'
import { escapeLike, PAGE_ROWS, type Listing } from './list-invoices.ts'

/** What one customer owes in one currency; Lago's minor units. */
export type Owed = { currency: string; amount: number; count: number }
export type ListedCustomer = {
  lagoCustomerId: string
  name: string | null
  owed: Owed[]
  /** The currencies that a card may be charged in. */
  cards: string[]
}

/** The customers that the ledger knows, by Lago's external id; `text` is how id or name begins. */
export async function listCustomers(
  db: Database,
  { text, before }: { text: string | undefined; before: string | undefined },
): Promise<Listing<ListedCustomer>> {
  const pattern = `${escapeLike(text ?? '')}%`
  const isWanted = (id: unknown, name: unknown) =>
    text === undefined
      ? sql``
      : sql`and (${id} like ${pattern} or lower(${name}) like ${pattern.toLowerCase()})`
  const rows = await db.execute<{ id: string; name: string | null }>(sql`
    select id, max(name) as name from (
      (select lago_customer_id as id, max(customer_name) as name from ${invoices}
        where lago_customer_id > ${before ?? ''} ${isWanted(sql`lago_customer_id`, sql`customer_name`)}
        group by 1 order by 1 limit ${PAGE_ROWS + 1})
      union all
      (select lago_customer_id, name from ${customers}
        where lago_customer_id > ${before ?? ''} ${isWanted(sql`lago_customer_id`, sql`name`)}
        order by 1 limit ${PAGE_ROWS + 1})
    ) as known group by id order by id limit ${PAGE_ROWS + 1}`)
  const shown = rows.slice(0, PAGE_ROWS)
  const ids = shown.map(({ id }) => id)
  const [owed, cards] = await Promise.all([readOwed(db, ids), readCards(db, ids)])
  const items = shown.map(({ id, name }) => ({
    lagoCustomerId: id,
    name,
    owed: owed.filter((one) => one.id === id),
    cards: cards.filter((one) => one.id === id).map(({ currency }) => currency),
  }))
  return { items, next: rows.length > PAGE_ROWS ? ids.at(-1) : undefined }
}

const readOwed = async (db: Database, ids: string[]) =>
  db.execute<{ id: string } & Owed>(sql`
    select lago_customer_id as id, currency, sum(amount_due)::float8 as amount, count(*)::int as count
    from ${invoices}
    where lago_customer_id = any(${sql.param(ids)}::text[]) and currency is not null
      and state in ('open', 'processing', 'failed', 'attention') and amount_due > 0
    group by 1, 2 order by 1, 2`)

const readCards = async (db: Database, ids: string[]) =>
  db.execute<{ id: string; currency: string }>(sql`
    select distinct lago_customer_id as id, currency from ${mandates}
    where lago_customer_id = any(${sql.param(ids)}::text[]) and status = 'active'
      and not is_ending and refusal is null
    order by 1, 2`)

/** One customer's sums, and the payment requests that were made to them; undefined for somebody unknown. */
export async function readCustomer(db: Database, lagoCustomerId: string) {
  const [[named], [own], owed, collected, requests] = await Promise.all([
    db
      .select({ name: invoices.customerName })
      .from(invoices)
      .where(eq(invoices.lagoCustomerId, lagoCustomerId))
      .orderBy(desc(invoices.createdAt))
      .limit(1),
    db.select().from(customers).where(eq(customers.lagoCustomerId, lagoCustomerId)),
    readOwed(db, [lagoCustomerId]),
    readCollected(db, lagoCustomerId),
    db
      .select()
      .from(bundles)
      .where(eq(bundles.lagoCustomerId, lagoCustomerId))
      .orderBy(desc(bundles.createdAt))
      .limit(PAGE_ROWS),
  ])
  if (!named && !own) return undefined
  return { name: named?.name ?? own?.name ?? null, owed, collected, requests }
}

/** What Dodo has taken for their invoices; Dodo's minor units. */
const readCollected = async (db: Database, lagoCustomerId: string) =>
  db.execute<Owed>(sql`
    select p.currency, sum(p.amount)::float8 as amount, count(*)::int as count
    from ${payments} p join ${invoices} i on i.lago_invoice_id = p.lago_invoice_id
    where i.lago_customer_id = ${lagoCustomerId} and p.status = 'succeeded' and not p.is_setup and p.amount > 0
    group by 1 order by 1`)
