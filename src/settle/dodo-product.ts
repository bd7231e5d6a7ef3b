import { and, eq } from 'drizzle-orm'

import { products } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Dodo } from '../dodo/client.ts'
import { minimumDodoMinor, recurringPriceDodoMinor } from '../domain/money.ts'

type Catalogue = Pick<Deps, 'alone' | 'db' | 'dodo' | 'now'>
/** `invoice` carries one amount; `mandate` is an on-demand subscription that carries many. */
type ProductKind = 'invoice' | 'mandate'
type Product = { kind: ProductKind; currency: string }
type NewProduct = Parameters<Dodo['createProduct']>[0]

/** How we know our products again, also with an empty database. */
const MANAGED_BY = 'lago-dodo-bridge'
/** Charges fail once a subscription's period has ended. */
const MANDATE_YEARS = 20

/**
 * The product that carries invoice amounts in one currency: the checkout or the charge names the amount, and
 * tax is included, so that the customer pays exactly that.
 */
export async function findOrCreateProduct(deps: Catalogue, product: Product): Promise<string> {
  const known = await recall(deps, product)
  if (known) return known

  return deps.alone(`product:${product.kind}:${product.currency}`, async () => {
    const meanwhile = await recall(deps, product)
    if (meanwhile) return meanwhile
    const dodoProductId = (await find(deps, product)) ?? (await create(deps, product))
    await deps.db
      .insert(products)
      .values({ ...product, dodoProductId, createdAt: deps.now() })
      .onConflictDoNothing()
    return dodoProductId
  })
}

/** Forgets a product that Dodo no longer has, so that the next run finds or creates another. */
export async function forgetProduct({ db }: Pick<Deps, 'db'>, product: Product) {
  await db.delete(products).where(keyOf(product))
}

/** The products that mandates are made with, as far as we made any. */
export const listMandateProducts = ({ db }: Pick<Deps, 'db'>) =>
  db.select().from(products).where(eq(products.kind, 'mandate'))

const keyOf = ({ kind, currency }: Product) =>
  and(eq(products.kind, kind), eq(products.currency, currency))

async function recall({ db }: Catalogue, product: Product) {
  const [row] = await db.select().from(products).where(keyOf(product))
  return row?.dodoProductId
}

async function find({ dodo }: Catalogue, { kind, currency }: Product) {
  const all = await dodo.listProducts()
  return all.find(
    (product) =>
      product.metadata['managed_by'] === MANAGED_BY &&
      product.metadata['kind'] === kind &&
      product.currency === currency &&
      product.tax_inclusive !== false &&
      product.is_recurring === (kind === 'mandate'),
  )?.product_id
}

async function create({ dodo }: Catalogue, product: Product) {
  const { kind, currency } = product
  const { product_id } = await dodo.createProduct({
    name: `${kind === 'mandate' ? 'Automatic invoice payments' : 'Invoice payment'} (${currency})`,
    description: 'Payment of usage invoices',
    tax_category: 'saas',
    price: priceOf(product),
    metadata: { managed_by: MANAGED_BY, kind },
  })
  return product_id
}

function priceOf({ kind, currency: code }: Product): NewProduct['price'] {
  const common = {
    currency: code as NewProduct['price']['currency'],
    discount: 0,
    purchasing_power_parity: false,
    tax_inclusive: true,
  }
  if (kind === 'invoice') {
    return {
      ...common,
      type: 'one_time_price',
      price: minimumDodoMinor(code),
      pay_what_you_want: true,
    }
  }
  return {
    ...common,
    type: 'recurring_price',
    price: recurringPriceDodoMinor(code),
    payment_frequency_count: 1,
    payment_frequency_interval: 'Month',
    subscription_period_count: MANDATE_YEARS,
    subscription_period_interval: 'Year',
  }
}
