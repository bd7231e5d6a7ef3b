import { and, eq } from 'drizzle-orm'

import { keyIn } from '../../account-key.ts'
import { products } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { Dodo } from '../../dodo/client.ts'
import type { DodoProductRow } from '../../dodo/objects.ts'
import { minimumDodoMinor, recurringPriceDodoMinor } from '../money.ts'
import { PermanentError, reasonOf } from '../../errors.ts'
import { intentOf } from '../intents.ts'
import { once } from '../once.ts'
import { codeOf, explainSettings } from '../explain-settings.ts'

type Catalogue = Pick<Deps, 'account' | 'alone' | 'biller' | 'db' | 'dodo' | 'now'>
/** `invoice` carries one amount; `mandate` is an on-demand subscription that carries many. */
type ProductKind = 'invoice' | 'mandate'
export type Product = { kind: ProductKind; currency: string }
type NewProduct = Parameters<Dodo['createProduct']>[0]

/** How we know our products again, also with an empty database. */
export const MANAGED_BY = 'lago-dodo-bridge'
/** Charges fail once a subscription's period has ended. */
const MANDATE_YEARS = 20

/**
 * The product of this account that carries amounts in one currency: the checkout or the charge names the amount, and
 * tax is included, so that the customer pays exactly that.
 */
export async function findOrCreateProduct(deps: Catalogue, product: Product): Promise<string> {
  const known = await recall(deps, product)
  if (known) return known

  return deps.alone(
    keyIn(deps.account, `product:${product.kind}:${product.currency}`),
    async () => {
      const meanwhile = await recall(deps, product)
      if (meanwhile) return meanwhile
      const dodoProductId = await establish(deps, product)
      if (!dodoProductId)
        throw new Error(`a product for ${product.currency} was not created at Dodo`)
      return dodoProductId
    },
  )
}

/** Found or created, once; written down in either case. */
async function establish(deps: Catalogue, product: Product): Promise<string | undefined> {
  const { account } = deps
  const { kind, currency } = product
  const intent = intentOf(deps.db, keyIn(account, `product:${kind}:${currency}`))
  return once<NewProduct, string>(deps, {
    ...intent,
    what: `whether Dodo created a product for ${currency}`,
    repeatableAt: await intent.repeatableAt(),
    find: () => find(deps, product),
    prepare: async () => describeProduct(product, await deps.biller.mark()),
    reserve: deps.dodo.reserve,
    make: async (body, turn) => (await deps.dodo.createProduct(body, turn)).product_id,
    async keep(dodoProductId) {
      await deps.db
        .insert(products)
        .values({ account, ...product, dodoProductId, createdAt: deps.now() })
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

/**
 * Forgets the product that was asked for where Dodo no longer sells it, so that the next run finds or creates another.
 * Also true where somebody else has done so meanwhile: many invoices come upon it at once.
 */
export async function forgetProductIfGone(
  deps: Pick<Deps, 'account' | 'db' | 'dodo'>,
  product: Product,
  { dodoProductId, isGone }: { dodoProductId: string | undefined; isGone: boolean },
): Promise<boolean> {
  const [row] = await deps.db.select().from(products).where(keyOf(deps, product))
  if (row?.dodoProductId !== dodoProductId) return true
  // An archived one is shown when it is asked for by its id, and listed no more.
  const isListed = async () =>
    (await deps.dodo.listProducts()).some(({ product_id }) => product_id === dodoProductId)
  if (!isGone && (await isListed())) return false
  const isSame = dodoProductId ? eq(products.dodoProductId, dodoProductId) : undefined
  await deps.db.delete(products).where(and(keyOf(deps, product), isSame))
  return true
}

/** The products that mandates are made with, as far as we made any. */
export const listMandateProducts = ({ account, db }: Pick<Deps, 'account' | 'db'>) =>
  db
    .select()
    .from(products)
    .where(and(eq(products.account, account), eq(products.kind, 'mandate')))

const keyOf = ({ account }: Pick<Deps, 'account'>, { kind, currency }: Product) =>
  and(eq(products.account, account), eq(products.kind, kind), eq(products.currency, currency))

async function recall({ account, db }: Catalogue, product: Product) {
  const [row] = await db.select().from(products).where(keyOf({ account }, product))
  return row?.dodoProductId
}

async function find({ biller, dodo }: Catalogue, product: Product) {
  const alike = (await dodo.listProducts()).filter((listed) => isProductFor(listed, product))
  for (const { product_id, metadata } of alike)
    if (!(await biller.isForeign(metadata))) return product_id
  return undefined
}

/** Whether a listed product is a bridge's that carries this, whoever it was made for. */
export const isProductFor = (listed: DodoProductRow, { kind, currency }: Product): boolean =>
  listed.metadata['managed_by'] === MANAGED_BY &&
  listed.metadata['kind'] === kind &&
  listed.currency === currency &&
  listed.tax_inclusive !== false &&
  listed.is_recurring === (kind === 'mandate')

/** A product as it is created, which has to be found again by `isProductFor`. */
export const describeProduct = (product: Product, mark: Record<string, string>): NewProduct => ({
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
