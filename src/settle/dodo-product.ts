import { and, eq } from 'drizzle-orm'

import { products } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Dodo } from '../dodo/client.ts'
import { minimumDodoMinor } from '../domain/money.ts'

type Catalogue = Pick<Deps, 'alone' | 'db' | 'dodo' | 'now'>

/** How we know our products again, also with an empty database. */
const MANAGED_BY = 'lago-dodo-bridge'
const KIND = 'invoice'

/**
 * The product that carries invoice amounts in one currency: pay-what-you-want, so that the checkout names
 * the amount, and tax-inclusive, so that the customer pays exactly that.
 */
export async function findOrCreateProduct(deps: Catalogue, currency: string): Promise<string> {
  const known = await recall(deps, currency)
  if (known) return known

  return deps.alone(`product:${currency}`, async () => {
    const meanwhile = await recall(deps, currency)
    if (meanwhile) return meanwhile
    const dodoProductId = (await find(deps, currency)) ?? (await create(deps, currency))
    await deps.db
      .insert(products)
      .values({ kind: KIND, currency, dodoProductId, createdAt: deps.now() })
      .onConflictDoNothing()
    return dodoProductId
  })
}

/** Forgets a product that Dodo no longer has, so that the next run finds or creates another. */
export async function forgetProduct({ db }: Pick<Deps, 'db'>, currency: string) {
  await db.delete(products).where(keyOf(currency))
}

const keyOf = (currency: string) => and(eq(products.kind, KIND), eq(products.currency, currency))

async function recall({ db }: Catalogue, currency: string) {
  const [row] = await db.select().from(products).where(keyOf(currency))
  return row?.dodoProductId
}

async function find({ dodo }: Catalogue, currency: string) {
  const all = await dodo.listProducts()
  return all.find(
    (product) =>
      product.metadata['managed_by'] === MANAGED_BY &&
      product.metadata['kind'] === KIND &&
      product.currency === currency &&
      product.tax_inclusive !== false &&
      !product.is_recurring,
  )?.product_id
}

async function create({ dodo }: Catalogue, currency: string) {
  const code = currency as Parameters<Dodo['createProduct']>[0]['price']['currency']
  const { product_id } = await dodo.createProduct({
    name: `Invoice payment (${currency})`,
    description: 'Payment of a usage invoice',
    tax_category: 'saas',
    price: {
      type: 'one_time_price',
      currency: code,
      price: minimumDodoMinor(currency),
      discount: 0,
      purchasing_power_parity: false,
      pay_what_you_want: true,
      tax_inclusive: true,
    },
    metadata: { managed_by: MANAGED_BY, kind: KIND },
  })
  return product_id
}
