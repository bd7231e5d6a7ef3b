import { and, eq } from 'drizzle-orm'

import { products } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import type { Dodo } from '../../dodo/client.ts'
import { minimumDodoMinor, recurringPriceDodoMinor } from '../money.ts'
import { PermanentError, reasonOf } from '../../errors.ts'
import { HARMLESS_MS } from './payer.ts'
import { intentOf } from '../intents.ts'
import { once } from '../once.ts'
import { codeOf, explainSettings } from '../../explain-settings.ts'

type Catalogue = Pick<Deps, 'alone' | 'biller' | 'db' | 'dodo' | 'now'>
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
    const dodoProductId = await establish(deps, product)
    if (!dodoProductId) throw new Error(`a product for ${product.currency} was not created at Dodo`)
    return dodoProductId
  })
}

/** Found or created, once; written down in either case. */
async function establish(deps: Catalogue, product: Product): Promise<string | undefined> {
  const { kind, currency } = product
  const intent = intentOf(deps.db, `product:${kind}:${currency}`)
  return once<NewProduct, string>(deps, {
    ...intent,
    what: `whether Dodo created a product for ${currency}`,
    repeatableAt: await intent.repeatableAt(),
    unansweredMs: HARMLESS_MS,
    find: () => find(deps, product),
    prepare: async () => describe(product, await deps.biller.mark()),
    reserve: deps.dodo.reserve,
    make: async (body, turn) => (await deps.dodo.createProduct(body, turn)).product_id,
    async keep(dodoProductId) {
      await deps.db
        .insert(products)
        .values({ ...product, dodoProductId, createdAt: deps.now() })
        .onConflictDoNothing()
      await intent.forget()
    },
    async refused(refusal) {
      await intent.forget()
      throw (
        explainSettings(refusal) ??
        new PermanentError(reasonOf(refusal), { cause: refusal, code: codeOf(refusal) })
      )
    },
  })
}

/** Forgets a product that Dodo no longer sells, so that the next run finds or creates another. */
export async function forgetProductIfGone(
  deps: Pick<Deps, 'db' | 'dodo'>,
  product: Product,
  isKnownToBe: boolean,
): Promise<boolean> {
  const [row] = await deps.db.select().from(products).where(keyOf(product))
  if (!row) return false
  // An archived one is shown when it is asked for by its id, and listed no more.
  const isListed = async () =>
    (await deps.dodo.listProducts()).some(({ product_id }) => product_id === row.dodoProductId)
  if (!isKnownToBe && (await isListed())) return false
  await deps.db.delete(products).where(keyOf(product))
  return true
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

async function find({ biller, dodo }: Catalogue, { kind, currency }: Product) {
  const alike = (await dodo.listProducts()).filter(
    (product) =>
      product.metadata['managed_by'] === MANAGED_BY &&
      product.metadata['kind'] === kind &&
      product.currency === currency &&
      product.tax_inclusive !== false &&
      product.is_recurring === (kind === 'mandate'),
  )
  for (const { product_id, metadata } of alike)
    if (!(await biller.isForeign(metadata))) return product_id
  return undefined
}

const describe = (product: Product, mark: Record<string, string>): NewProduct => ({
  name: `${product.kind === 'mandate' ? 'Automatic invoice payments' : 'Invoice payment'} (${product.currency})`,
  description: 'Payment of usage invoices',
  tax_category: 'saas',
  price: priceOf(product),
  metadata: {
    managed_by: MANAGED_BY,
    kind: product.kind,
    ...mark,
  },
})

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
