import type { CheckoutSessionPreviewResponse } from 'dodopayments/resources/checkout-sessions'
import type { Currency } from 'dodopayments/resources/misc'
import type { BillingAddress } from 'dodopayments/resources/payments'
import { gatewayMinimumMinor, isChargeable, isServed, taxPercent } from './places.ts'
import { notFound, refused } from './refusal.ts'
import type { CheckoutCreate } from './requests.ts'
import type { DodoStore, ProductRecord } from './store.ts'

type QuotedItem = {
  product: ProductRecord
  quantity: number
  net: number
  tax: number
  total: number
}

/** What a cart costs a customer of one country, today. */
export type Quote = {
  currency: Currency
  billing: BillingAddress
  items: QuotedItem[]
  total: number
  tax: number
  /** Only permission is asked for; nothing is charged. */
  mandateOnly: boolean
}

const DEFAULT_COUNTRY = 'US'

/**
 * Prices a cart, or refuses it for every reason that Dodo would. `typed` is what the customer chose
 * on the page where the request left it open.
 */
export function quote(
  store: DodoStore,
  request: CheckoutCreate,
  typed: { amount?: number | undefined; country?: string | undefined } = {},
): Quote {
  const country = request.billing_address?.country ?? typed.country ?? DEFAULT_COUNTRY
  if (!isServed(country)) throw refused('UNSUPPORTED_COUNTRY', `country ${country} is not served`)
  if (request.billing_currency && !isChargeable(request.billing_currency))
    throw refused('UNSUPPORTED_BILLING_CURRENCY', `currency ${request.billing_currency}`)

  const products = request.product_cart.map((item) => findProduct(store, item.product_id))
  const [first] = products
  if (!first) throw refused('PRODUCT_CART_EMTPY', 'product_cart is empty')
  if (products.some(({ price }) => price.currency !== first.price.currency))
    throw refused('INVALID_REQUEST_BODY', 'products of one cart share a currency')
  assertOnDemand(request, products)

  const onDemand = request.subscription_data?.on_demand
  const currency = onDemand?.product_currency ?? first.price.currency
  if (!isChargeable(currency)) throw refused('UNSUPPORTED_CURRENCY', `currency ${currency}`)
  const items = request.product_cart.map((item, index) => {
    const product = products[index] ?? first
    const amount = product.is_recurring
      ? recurringAmount(product, onDemand)
      : oneTimeAmount(product, item.amount ?? typed.amount)
    return priceItem(product, { amount, quantity: item.quantity, country })
  })
  const total = sum(items.map((item) => item.total))
  const mandateOnly = onDemand?.mandate_only === true
  if (!mandateOnly) assertGatewayMinimum(total, currency)
  const { city = null, state = null, street = null, zipcode = null } = request.billing_address ?? {}
  const billing = { country, city, state, street, zipcode }
  return { currency, billing, items, total, tax: sum(items.map(({ tax }) => tax)), mandateOnly }
}

/** The answer to `POST /checkouts/preview`. */
export function previewOf(quoted: Quote): CheckoutSessionPreviewResponse {
  const { currency, billing, items, total, tax } = quoted
  return {
    billing_country: billing.country,
    currency,
    current_breakup: { subtotal: total - tax, discount: 0, tax, total_amount: total },
    total_price: total,
    total_tax: tax,
    is_byop: false,
    payment_method_required: true,
    product_cart: items.map((item) => ({
      product_id: item.product.product_id,
      name: item.product.name ?? null,
      description: item.product.description ?? null,
      quantity: item.quantity,
      currency,
      og_currency: currency,
      og_price: (item.product.price.tax_inclusive ? item.total : item.net) / item.quantity,
      discounted_price: (item.product.price.tax_inclusive ? item.total : item.net) / item.quantity,
      discount_amount: 0,
      is_subscription: item.product.is_recurring,
      is_usage_based: false,
      tax: item.tax,
      tax_category: item.product.tax_category,
      tax_inclusive: item.product.price.tax_inclusive ?? false,
      tax_rate: taxPercent(billing.country),
      addons: [],
      credit_entitlements: [],
      meters: [],
    })),
  }
}

/** Refuses totals that no gateway would take. */
export function assertGatewayMinimum(totalMinor: number, currency: string): void {
  const minimum = gatewayMinimumMinor(currency)
  if (totalMinor >= minimum) return
  throw refused(
    'TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT',
    `${totalMinor} is below the minimum of ${minimum} ${currency}`,
  )
}

/** Splits a price into net and tax; an inclusive price is already the total. */
export function withTax(amount: number, percent: number, inclusive: boolean) {
  const net = inclusive ? Math.round(amount / (1 + percent / 100)) : amount
  const tax = inclusive ? amount - net : Math.round((amount * percent) / 100)
  return { net, tax, total: net + tax }
}

function priceItem(
  product: ProductRecord,
  { amount, quantity, country }: { amount: number; quantity: number; country: string },
): QuotedItem {
  const inclusive = product.price.tax_inclusive === true
  return { product, quantity, ...withTax(amount * quantity, taxPercent(country), inclusive) }
}

function findProduct(store: DodoStore, productId: string): ProductRecord {
  const product = store.products.get(productId)
  if (!product) throw notFound('product', productId)
  if (product.archived) throw refused('PRODUCT_IS_DELETED', `product ${productId} is archived`)
  return product
}

function assertOnDemand(request: CheckoutCreate, products: ProductRecord[]): void {
  const hasAddons = request.product_cart.some(({ addons }) => addons && addons.length > 0)
  if (!request.subscription_data?.on_demand) {
    if (hasAddons) throw refused('UNSUPPORTED_ACTION', 'this sandbox has no add-ons')
    return
  }
  if (hasAddons) throw refused('ADDONS_NOT_ALLOWED_FOR_ON_DEMAND', 'the cart has add-ons')
  if (products.some((product) => !product.is_recurring))
    throw refused('ONE_TIME_PRODUCTS_NOT_ALLOWED_FOR_ON_DEMAND', 'the cart is not recurring')
  if (request.discount_codes?.length)
    throw refused('DISCOUNT_NOT_AVAILABLE_FOR_ON_DEMAND', 'discounts cannot be used on demand')
}

function recurringAmount(
  { price }: ProductRecord,
  onDemand: { mandate_only: boolean; product_price?: number | null | undefined } | null | undefined,
): number {
  if (onDemand?.mandate_only) return 0
  return onDemand?.product_price ?? ('price' in price ? price.price : 0)
}

/** Only a pay-what-you-want price listens to the cart's amount. */
function oneTimeAmount({ price, product_id }: ProductRecord, asked: number | undefined): number {
  if (price.type !== 'one_time_price') return 0
  if (!price.pay_what_you_want || asked === undefined) return price.price
  if (asked >= price.price) return asked
  throw refused(
    'REQUEST_AMOUNT_BELOW_MINIMUM',
    `${asked} is below the minimum of ${price.price} ${price.currency} of ${product_id}`,
  )
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}
