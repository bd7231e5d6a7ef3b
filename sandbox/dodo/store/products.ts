import type { Currency } from 'dodopayments/resources/misc'
import type { Price, Product, ProductListResponse } from 'dodopayments/resources/products/products'
import type { z } from 'zod'
import type { ProductCreate, ProductUpdate } from './catalog-requests.ts'
import { isChargeable } from './places.ts'
import { assertGatewayMinimum } from './quote.ts'
import { notFound, refused } from './refusal.ts'
import { BUSINESS_ID, type DodoStore, newId, type ProductRecord } from './store.ts'
import type { DodoWorld } from './world.ts'

/** Puts something up for sale, if its price can be charged. */
export function createProduct(
  { store, now }: Pick<DodoWorld, 'store' | 'now'>,
  fields: z.infer<typeof ProductCreate>,
): ProductRecord {
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
  return product
}

/** Changes what was sent of it. */
export function updateProduct(
  { store, now }: Pick<DodoWorld, 'store' | 'now'>,
  productId: string,
  { name, description, price, metadata, tax_category }: z.infer<typeof ProductUpdate>,
): void {
  const product = findProduct(store, productId)
  if (price) product.price = readPrice(price)
  if (name) product.name = name
  if (description !== undefined) product.description = description
  if (metadata) product.metadata = metadata
  if (tax_category) product.tax_category = tax_category
  product.updated_at = now().toISOString()
}

/** The product, archived or not, or Dodo's 404. */
export function findProduct(store: DodoStore, productId: string): ProductRecord {
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

/** A product as the API shows it. */
export function productView({ archived: _archived, ...product }: ProductRecord): Product {
  return product
}

/** A product as lists show it. */
export function productListItem(product: ProductRecord): ProductListResponse {
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
