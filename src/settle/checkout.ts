import type { Deps } from '../deps.ts'
import type { CheckoutBody } from '../dodo/client.ts'
import { isIdentified } from '../domain/collectable.ts'
import { formatDodo, toDodoMinor } from '../domain/money.ts'
import { PermanentError } from '../errors.ts'
import type { LagoCustomer } from '../lago/objects.ts'
import { describePayer } from './dodo-customer.ts'
import { findOrCreateProduct, forgetProduct } from './dodo-product.ts'
import { explainRefusal } from './explain-refusal.ts'
import { firstEmail } from './load.ts'
import { isRefused } from './unknown-outcome.ts'

const PRODUCT_GONE = new Set(['PRODUCT_IS_DELETED', 'NOT_FOUND', 'MISSING_PRODUCT_INFORMATION'])
/** Dodo finds tax inside or on top of a price here: a product that adds it is noticed before anybody pays. */
const TAXED_COUNTRY = 'DE'

export type Checkouts = Pick<Deps, 'alone' | 'db' | 'dodo' | 'config' | 'log' | 'now'> & {
  organizationId: () => Promise<string>
}

/** What a hosted checkout is to ask for. `mandate` also saves a card for later charges. */
export type Demand = {
  kind: 'checkout' | 'mandate'
  customer: LagoCustomer
  currency: string
  /** Lago's minor units: exactly what the customer pays. */
  amount: number
  description: string
  returnUrl: string
  metadata: Record<string, string>
}

/**
 * The request for a checkout, after Dodo's preview has said that it asks for exactly that. Where Dodo would
 * not save a mandate so, the checkout is one that does not.
 */
export async function prepareCheckout(
  deps: Checkouts,
  demand: Demand,
): Promise<{ kind: Demand['kind']; body: CheckoutBody }> {
  const { email, country } = demand.customer
  if (demand.kind === 'mandate' && !isIdentified({ email: firstEmail(email), country })) {
    return prepareCheckout(deps, { ...demand, kind: 'checkout' })
  }
  const body = await describeCheckout(deps, demand)
  if (demand.kind === 'mandate') {
    if (await isExact(deps, demand, body)) return { kind: 'mandate', body }
    return prepareCheckout(deps, { ...demand, kind: 'checkout' })
  }
  await assertExact(deps, demand, body)
  return { kind: 'checkout', body }
}

async function describeCheckout(deps: Checkouts, demand: Demand): Promise<CheckoutBody> {
  const { kind, customer, currency, amount, description, returnUrl, metadata } = demand
  const organizationId = await deps.organizationId()
  const [productId, payer] = await Promise.all([
    findOrCreateProduct(deps, { kind: kind === 'mandate' ? 'mandate' : 'invoice', currency }),
    describePayer(deps, customer, organizationId),
  ])
  const dodoAmount = toDodoMinor(amount, currency)
  const code = currency as NonNullable<CheckoutBody['billing_currency']>
  const asked =
    kind === 'mandate'
      ? {
          product_cart: [{ product_id: productId, quantity: 1 }],
          subscription_data: {
            on_demand: {
              mandate_only: false,
              product_price: dodoAmount,
              product_currency: code,
              product_description: description,
            },
          },
        }
      : { product_cart: [{ product_id: productId, quantity: 1, amount: dodoAmount }] }
  return {
    ...asked,
    ...payer.asked,
    billing_currency: code,
    minimal_address: true,
    return_url: returnUrl,
    feature_flags: {
      allow_discount_code: false,
      allow_currency_selection: false,
      allow_tax_id: false,
      allow_phone_number_collection: false,
      ...payer.flags,
    },
    metadata: {
      ...metadata,
      lago_customer_id: customer.external_id,
      lago_organization_id: organizationId,
    },
  }
}

/** Where the customer chooses the country on the page, one is asked about that shows what tax would do. */
const previewed = (body: CheckoutBody): CheckoutBody =>
  body.billing_address ? body : { ...body, billing_address: { country: TAXED_COUNTRY } }

async function isExact(deps: Checkouts, { currency, amount }: Demand, body: CheckoutBody) {
  const preview = await deps.dodo.previewCheckout(body).catch((error: unknown) => {
    if (!isRefused(error) || error.status === 401) throw error
    return undefined
  })
  return (
    preview?.currency === currency &&
    preview.current_breakup.total_amount === toDodoMinor(amount, currency)
  )
}

async function assertExact(deps: Checkouts, demand: Demand, body: CheckoutBody) {
  const { currency } = demand
  const preview = await deps.dodo.previewCheckout(previewed(body)).catch(async (error: unknown) => {
    if (!isRefused(error)) throw error
    if (PRODUCT_GONE.has(error.code ?? '')) {
      await forgetProduct(deps, { kind: 'invoice', currency })
      throw new Error(`the product for ${currency} is gone from Dodo: ${error.message}`, {
        cause: error,
      })
    }
    throw explainRefusal(error, demand)
  })
  const { total_amount: total, tax } = preview.current_breakup
  const due = toDodoMinor(demand.amount, currency)
  if (preview.currency === currency && total === due) return

  const asks = `Dodo would ask for ${formatDodo(total, preview.currency)} where ${formatDodo(due, currency)} is due`
  if (preview.currency !== currency) {
    throw new PermanentError(`${asks}: switch adaptive currency off in Dodo > Settings > Business`)
  }
  const product = body.product_cart[0]?.product_id
  const hint =
    tax && total - tax === due
      ? `make product ${product} tax-inclusive in Dodo, so that tax is part of the price; Lago's taxes stay as they are`
      : `check the price and the discounts of product ${product} in Dodo`
  throw new PermanentError(`${asks}: ${hint}`)
}
