import type { Deps } from '../deps.ts'
import type { CheckoutBody } from '../../dodo/client.ts'
import { formatDodo, formatBooks, toDodoMinor } from '../money.ts'
import { meaningOf } from '../../refusals.ts'
import { Failing, Later, PermanentError, reasonOf } from '../../errors.ts'
import { isIdentified, type Payer, type ReasonCode } from '../receivable.ts'
import { describePayer, forgetCustomerIfGone } from './payer.ts'
import { findOrCreateProduct, forgetProductIfGone } from './product.ts'
import { codeOf, explainSettings } from '../explain-settings.ts'
import { isRefused, type Refusal } from '../unknown-outcome.ts'

/** Dodo finds tax inside or on top of a price here: a product that adds it is noticed before anybody pays. */
const TAXED_COUNTRY = 'DE'

export type Checkouts = Pick<
  Deps,
  'account' | 'alone' | 'biller' | 'db' | 'dodo' | 'config' | 'log' | 'now' | 'previews'
>

/** What a hosted checkout is to ask for. `mandate` also saves a card for later charges. */
export type Demand = {
  kind: 'checkout' | 'mandate'
  payer: Payer
  currency: string
  /** The books' minor units: exactly what the customer pays. */
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
  if (demand.kind === 'mandate' && !isIdentified(demand.payer)) {
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
  const { kind, currency, amount, description, returnUrl } = demand
  const [productId, payer] = await Promise.all([
    findOrCreateProduct(deps, { kind: kind === 'mandate' ? 'mandate' : 'invoice', currency }),
    describePayer(deps, demand.payer),
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
      ...demand.metadata,
      ...deps.biller.describePayer(demand.payer.key),
      ...(await deps.biller.mark()),
    },
  }
}

/** Where the customer chooses the country on the page, one is asked about that shows what tax would do. */
const previewed = (body: CheckoutBody): CheckoutBody =>
  body.billing_address ? body : { ...body, billing_address: { country: TAXED_COUNTRY } }

async function isExact(deps: Checkouts, demand: Demand, body: CheckoutBody) {
  const { currency, amount, kind } = demand
  const preview = await deps.dodo.previewCheckout(body).catch(async (error: unknown) => {
    if (!isRefused(error)) throw error
    const mended = explainSettings(error) ?? (await forgetGone(deps, error, demand, body))
    if (mended) throw mended
    deps.log.warn({ kind, currency, code: error.code }, 'Dodo saves no card with this checkout')
    return undefined
  })
  return (
    preview?.currency === currency &&
    preview.current_breakup.total_amount === toDodoMinor(amount, currency)
  )
}

async function assertExact(deps: Checkouts, demand: Demand, body: CheckoutBody) {
  const { currency } = demand
  if (deps.previews.isKnownExact(deps.account, body)) return
  const preview = await deps.dodo.previewCheckout(previewed(body)).catch(async (error: unknown) => {
    throw isRefused(error) ? await explainRefusal(deps, error, demand, body) : error
  })
  const { total_amount: total, tax } = preview.current_breakup
  const due = toDodoMinor(demand.amount, currency)
  if (preview.currency === currency && total === due)
    return deps.previews.rememberExact(deps.account, body)

  const asks = `Dodo would ask for ${formatDodo(total, preview.currency)} where ${formatDodo(due, currency)} is due`
  if (preview.currency !== currency) {
    throw new PermanentError(
      `${asks}: switch adaptive currency off in Dodo > Settings > Business`,
      { code: 'adaptive_currency_on' },
    )
  }
  const product = body.product_cart[0]?.product_id
  const isTaxOnTop = Boolean(tax) && total - (tax ?? 0) === due
  const hint = isTaxOnTop
    ? `make product ${product} tax-inclusive in Dodo, so that tax is part of the price; ${deps.biller.name}'s taxes stay as they are`
    : `check the price and the discounts of product ${product} in Dodo`
  throw new PermanentError(`${asks}: ${hint}`, {
    code: isTaxOnTop ? 'price_tax_exclusive' : 'price_changed',
  })
}

/** Dodo said no to a checkout: what a person must mend, in words, or `Later` when we mend it ourselves. */
export async function explainRefusal(
  deps: Checkouts,
  refusal: Refusal,
  demand: Demand,
  body: CheckoutBody,
): Promise<PermanentError | Later> {
  const mended = explainSettings(refusal) ?? (await forgetGone(deps, refusal, demand, body))
  if (mended) return mended
  const [code, advise] = ADVICE[refusal.code ?? ''] ?? []
  if (advise) return new PermanentError(`${advise(demand)} (${refusal.code})`, { code })
  return new PermanentError(reasonOf(refusal), { cause: refusal, code: codeOf(refusal) })
}

/**
 * A customer whom Dodo merged or forgot, and a product that somebody archived, are found or created anew. Which of
 * them is meant Dodo says in prose only, so both are looked at.
 */
async function forgetGone(
  deps: Checkouts,
  refusal: Refusal,
  { payer, currency }: Demand,
  { product_cart, subscription_data, customer }: CheckoutBody,
): Promise<Later | undefined> {
  const { code, status } = refusal
  const meaning = meaningOf(refusal)
  const isAboutSomethingGone =
    meaning === 'product' || meaning === 'customer' || status === 404 || (status === 422 && !code)
  if (!isAboutSomethingGone) return undefined
  const product = { kind: subscription_data ? 'mandate' : 'invoice', currency } as const
  const dodoProductId = product_cart[0]?.product_id
  const customerId = customer && 'customer_id' in customer ? customer.customer_id : undefined
  const isForgotten = [
    await forgetProductIfGone(deps, product, { dodoProductId, isGone: meaning === 'product' }),
    await forgetCustomerIfGone(deps, payer.key, customerId),
  ].some(Boolean)
  if (!isForgotten) return undefined
  return new Failing(`what Dodo no longer has is made anew: ${refusal.message}`, deps.now())
}

/** What a merchant can do about Dodo's refusals (its error-codes page). Others are shown as Dodo words them. */
const ADVICE: Readonly<Record<string, [ReasonCode, (asked: Demand) => string]>> = {
  UNSUPPORTED_COUNTRY: [
    'country_not_served',
    ({ payer }) =>
      `Dodo does not serve the customer's country (${payer.country}): correct it, or collect by hand`,
  ],
  UNSUPPORTED_CURRENCY: ['currency_not_enabled', cannotCharge],
  UNSUPPORTED_BILLING_CURRENCY: ['currency_not_enabled', cannotCharge],
  REQUEST_AMOUNT_BELOW_MINIMUM: [
    'product_minimum',
    ({ amount, currency }) =>
      `${formatBooks(amount, currency)} is below the minimum of the product in Dodo`,
  ],
  TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT: [
    'product_minimum',
    ({ amount, currency }) =>
      `${formatBooks(amount, currency)} is less than Dodo can charge in ${currency}`,
  ],
  NO_ELIGIBLE_PAYMENT_METHODS: [
    'currency_not_enabled',
    ({ currency }) => `no payment method in Dodo takes ${currency}`,
  ],
}

function cannotCharge({ currency }: Demand): string {
  return `this Dodo account cannot charge ${currency}`
}
