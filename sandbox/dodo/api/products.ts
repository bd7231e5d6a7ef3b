import type { Currency } from 'dodopayments/resources/misc'
import type { Price, Product, ProductListResponse } from 'dodopayments/resources/products/products'
import { Hono } from 'hono'
import type { z } from 'zod'
import { readBody } from './body.ts'
import { ProductCreate, ProductUpdate } from './catalog-requests.ts'
import { answerList } from './lists.ts'
import { isChargeable } from '../store/places.ts'
import { assertGatewayMinimum } from '../store/quote.ts'
import { notFound, refused } from '../store/refusal.ts'
import { BUSINESS_ID, type DodoStore, newId, type ProductRecord } from '../store/store.ts'
import type { DodoWorld } from '../store/world.ts'

/** What can be sold. Deleting a product only archives it. */
export function products({ store, now }: Pick<DodoWorld, 'store' | 'now'>) {
  return new Hono()
    .post('/', async (c) => {
      const fields = await readBody(c.req, ProductCreate)
      const at = now().toISOString()
      const product: ProductRecord = {
        product_id: newId('pdt'),
        business_id: BUSINESS_ID,
        brand_id: BUSINESS_ID,
        name: fields.name,
        description: fields.description ?? null,
        tax_category: fields.tax_category,
        price: readPrice(fields.price),
        is_recurring: fields.price.type === 'recurring_price',
        license_key_enabled: false,
        metadata: fields.metadata ?? {},
        entitlements: [],
        credit_entitlements: [],
        created_at: at,
        updated_at: at,
        archived: false,
      }
      store.products.set(product.product_id, product)
      return c.json(productView(product))
    })
    .get('/', (c) => {
      const archived = c.req.query('archived') === 'true'
      const rows = [...store.products.values()].filter((row) => row.archived === archived)
      const items = answerList(c, rows, {
        archived: () => true,
        brand_id: (row, wanted) => row.brand_id === wanted,
        recurring: (row, wanted) => String(row.is_recurring) === wanted,
      })
      return c.json({ items: items.map(productListItem) })
    })
    .get('/:id', (c) => c.json(productView(findProduct(store, c.req.param('id')))))
    .patch('/:id', async (c) => {
      const product = findProduct(store, c.req.param('id'))
      const { name, description, price, metadata, tax_category } = await readBody(
        c.req,
        ProductUpdate,
      )
      if (price) product.price = readPrice(price)
      if (name) product.name = name
      if (description !== undefined) product.description = description
      if (metadata) product.metadata = metadata
      if (tax_category) product.tax_category = tax_category
      product.updated_at = now().toISOString()
      return c.body(null, 200)
    })
    .delete('/:id', (c) => {
      findProduct(store, c.req.param('id')).archived = true
      return c.body(null, 200)
    })
    .post('/:id/unarchive', (c) => {
      findProduct(store, c.req.param('id')).archived = false
      return c.body(null, 200)
    })
}

function findProduct(store: DodoStore, productId: string): ProductRecord {
  const product = store.products.get(productId)
  if (!product) throw notFound('product', productId)
  return product
}

function readPrice(asked: z.infer<typeof ProductCreate>['price']): Price {
  const { currency } = asked
  if (!isChargeable(currency)) throw refused('UNSUPPORTED_CURRENCY', `currency ${currency}`)
  if (asked.type === 'recurring_price') assertRecurringMinimum(asked.price, currency)
  if (asked.purchasing_power_parity)
    throw refused('ppp_not_enabled_for_business', 'adaptive currency is off')
  if (asked.type === 'one_time_price' && (asked.suggested_price ?? asked.price) < asked.price)
    throw refused('INVALID_SUGGESTED_PRICE', 'suggested_price is below price')
  return priceView(asked, currency)
}

/** About a dollar, even if it is never charged; elsewhere no less than what can be charged. */
function assertRecurringMinimum(price: number, currency: Currency): void {
  if (currency === 'USD' && price < 100)
    throw refused(
      'TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT',
      'a recurring price is 1.00 USD or more',
    )
  assertGatewayMinimum(price, currency)
}

/** Dodo answers with every field, whether it was given or not. */
function priceView(asked: z.infer<typeof ProductCreate>['price'], currency: Currency): Price {
  const shared = {
    currency,
    price: asked.price,
    discount: asked.discount ?? 0,
    discount_bps: asked.discount_bps ?? null,
    purchasing_power_parity: false,
    tax_inclusive: asked.tax_inclusive ?? false,
  }
  if (asked.type === 'recurring_price') {
    const { type, price: _price, ...rest } = asked
    return {
      ...rest,
      ...shared,
      type,
      trial_period_days: asked.trial_period_days ?? 0,
    } as const satisfies Price
  }
  return {
    ...shared,
    type: asked.type,
    pay_what_you_want: asked.pay_what_you_want ?? false,
    suggested_price: asked.suggested_price ?? null,
  }
}

function productView({ archived: _archived, ...product }: ProductRecord): Product {
  return product
}

function productListItem(product: ProductRecord): ProductListResponse {
  const { price } = product
  return {
    product_id: product.product_id,
    business_id: product.business_id,
    name: product.name ?? null,
    description: product.description ?? null,
    image: null,
    is_recurring: product.is_recurring,
    tax_category: product.tax_category,
    metadata: product.metadata,
    entitlements: [],
    currency: price.currency,
    price: 'price' in price ? price.price : price.fixed_price,
    price_detail: price,
    pricing_mode: null,
    tax_inclusive: price.tax_inclusive ?? false,
    created_at: product.created_at,
    updated_at: product.updated_at,
  }
}
