import { asc, eq } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { products } from '../../db/schema.ts'

/** The currencies that anything was ever asked for in. */
export async function readCurrencies(db: Database): Promise<string[]> {
  const rows = await db
    .select({ currency: products.currency })
    .from(products)
    .where(eq(products.kind, 'invoice'))
    .orderBy(asc(products.currency))
  return rows.map(({ currency }) => currency)
}
