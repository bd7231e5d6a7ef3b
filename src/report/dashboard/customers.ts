import { and, desc, eq, sql } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { payers, receivables, mandates, payments } from '../../db/schema.ts'
import { PAGE_ROWS, pageOf, type Listing } from '../../db/cursor.ts'
import { escapeLike } from './list-invoices.ts'

/** What one customer owes in one currency; Lago's minor units. */
export type Owed = { currency: string; amount: number; count: number }
export type ListedCustomer = {
  lagoCustomerId: string
  name: string | null
  owed: Owed[]
  /** The currencies that a card may be charged in. */
  cards: string[]
}

/** The payers that the ledger knows, by Lago's external id; `text` is how id or name begins. */
export async function listCustomers(
  db: Database,
  {
    text,
    before,
    limit = PAGE_ROWS,
  }: { text?: string | undefined; before?: string | undefined; limit?: number },
): Promise<Listing<ListedCustomer>> {
  const pattern = `${escapeLike(text ?? '')}%`
  const isWanted = (id: unknown, name: unknown) =>
    text === undefined
      ? sql``
      : sql`and (${id} like ${pattern} or lower(${name}) like ${pattern.toLowerCase()})`
  const rows = await db.execute<{ id: string; name: string | null }>(sql`
    select id, max(name) as name from (
      (select payer_key as id, max(payer_name) as name from ${receivables}
        where payer_key > ${before ?? ''} ${isWanted(sql`payer_key`, sql`payer_name`)}
        group by 1 order by 1 limit ${limit + 1})
      union all
      (select payer_key, name from ${payers}
        where payer_key > ${before ?? ''} ${isWanted(sql`payer_key`, sql`name`)}
        order by 1 limit ${limit + 1})
    ) as known group by id order by id limit ${limit + 1}`)
  const { items: shown, next } = pageOf(rows, limit, ({ id }) => id)
  const ids = shown.map(({ id }) => id)
  const [owed, cards] = await Promise.all([readOwed(db, ids), readCards(db, ids)])
  const items = shown.map(({ id, name }) => ({
    lagoCustomerId: id,
    name,
    owed: owed.filter((one) => one.id === id),
    cards: cards.filter((one) => one.id === id).map(({ currency }) => currency),
  }))
  return { items, next }
}

/** As Lago says: one that is paid may need a person, and without a licence Lago goes on naming it as due. */
const readOwed = async (db: Database, ids: string[]) =>
  db.execute<{ id: string } & Owed>(sql`
    select payer_key as id, currency, sum(amount_due)::float8 as amount, count(*)::int as count
    from ${receivables}
    where kind = 'invoice' and payer_key = any(${sql.param(ids)}::text[]) and currency is not null
      and state in ('open', 'processing', 'failed', 'attention') and amount_due > 0
      and lago_payment_status is distinct from 'succeeded'
    group by 1, 2 order by 1, 2`)

const readCards = async (db: Database, ids: string[]) =>
  db.execute<{ id: string; currency: string }>(sql`
    select distinct payer_key as id, currency from ${mandates}
    where payer_key = any(${sql.param(ids)}::text[]) and status = 'active'
      and not is_ending and refusal is null
    order by 1, 2`)

/** One customer's sums, and the payment requests that were made to them; undefined for somebody unknown. */
export async function readCustomer(db: Database, lagoCustomerId: string) {
  const [[named], [own], owed, collected, requests] = await Promise.all([
    db
      .select({ name: receivables.payerName })
      .from(receivables)
      .where(eq(receivables.payerKey, lagoCustomerId))
      .orderBy(desc(receivables.createdAt))
      .limit(1),
    db.select().from(payers).where(eq(payers.payerKey, lagoCustomerId)),
    readOwed(db, [lagoCustomerId]),
    readCollected(db, lagoCustomerId),
    db
      .select()
      .from(receivables)
      .where(and(eq(receivables.kind, 'payment_request'), eq(receivables.payerKey, lagoCustomerId)))
      .orderBy(desc(receivables.createdAt))
      .limit(PAGE_ROWS),
  ])
  if (!named && !own) return undefined
  return { name: named?.name ?? own?.name ?? null, owed, collected, requests }
}

/** What Dodo has taken for their receivables; Dodo's minor units. */
const readCollected = async (db: Database, lagoCustomerId: string) =>
  db.execute<Owed>(sql`
    select p.currency, sum(p.amount)::float8 as amount, count(*)::int as count
    from ${payments} p join ${receivables} i on i.receivable_id = p.receivable_id
    where i.payer_key = ${lagoCustomerId} and p.status = 'succeeded' and not p.is_setup and p.amount > 0
    group by 1 order by 1`)
