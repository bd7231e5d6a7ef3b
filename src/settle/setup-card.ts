import { and, desc, eq, gt } from 'drizzle-orm'

import { customers, invoices, mandates } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { CheckoutBody } from '../dodo/client.ts'
import type { DodoCheckout } from '../dodo/objects.ts'
import { isSupportedCurrency } from '../domain/money.ts'
import { reasonOf } from '../errors.ts'
import type { LagoCustomer } from '../lago/objects.ts'
import { recallCustomer, type CustomerRow } from './dodo-customer.ts'
import { findOrCreateProduct } from './dodo-product.ts'
import { intentOf } from './intents.ts'
import { firstEmail, payUrlOf } from './load.ts'
import { once } from './once.ts'
import { explainSettings } from './refusals.ts'
import { observeMandate } from './sync-mandate.ts'
import { isRefused } from './unknown-outcome.ts'

type SettingUp = Pick<
  Deps,
  'alone' | 'db' | 'dodo' | 'lago' | 'queue' | 'config' | 'log' | 'now' | 'organizationId'
>

const SESSION_LIFETIME_MS = 24 * 3_600_000
/** A page that is about to expire is not handed out. */
const MARGIN_MS = 600_000
const DEFAULT_CURRENCY = 'USD'

/** Opens, or finds still open, the page on which a customer saves a card without an invoice. */
export async function setupCard(deps: SettingUp, lagoCustomerId: string): Promise<void> {
  const row = await recallCustomer(deps, lagoCustomerId)
  if (!row) return
  for (const subscription of await deps.dodo.listSubscriptionsOf(row.dodoCustomerId)) {
    await observeMandate(deps, subscription)
  }
  const refusal = await prepare(deps, row).catch((error: unknown) => {
    if (!isRefused(error)) throw error
    return reasonOf(error)
  })
  const ofCustomer = eq(customers.lagoCustomerId, lagoCustomerId)
  await deps.db
    .update(customers)
    .set({ setupRefusal: refusal ?? null })
    .where(ofCustomer)
  // Whoever asked while we were at it asks for the next look, not for this one.
  if (row.requestedAt)
    await deps.db
      .update(customers)
      .set({ requestedAt: null })
      .where(and(ofCustomer, eq(customers.requestedAt, row.requestedAt)))
}

/** Returns why there is no such page, or nothing when there is. */
async function prepare(deps: SettingUp, row: CustomerRow): Promise<string | undefined> {
  if (deps.config.collection !== 'automatic') return 'COLLECTION is not automatic'
  const { requestedAt, setupUrl, setupExpiresAt } = row
  const openedAt = setupExpiresAt && later(setupExpiresAt, -SESSION_LIFETIME_MS)
  const isUsed = openedAt && (await hasSavedSince(deps, row.lagoCustomerId, openedAt))
  const isOpen =
    setupUrl && setupExpiresAt && setupExpiresAt > later(deps.now(), MARGIN_MS) && !isUsed
  if (isOpen || !requestedAt) return undefined
  const customer = await deps.lago.findCustomer(row.lagoCustomerId)
  if (!firstEmail(customer?.email ?? null)) {
    return 'the customer has no e-mail address: add one in Lago'
  }
  if (!customer?.country) return 'the customer has no country: add one in Lago'
  const currency = await currencyOf(deps, customer)
  if (!isSupportedCurrency(currency)) return `${currency} cannot be collected`
  return openSetup(deps, row, { customer, currency })
}

/** Like every checkout: one whose answer was lost can be used by nobody, so there is nothing to look for. */
async function openSetup(
  deps: SettingUp,
  row: CustomerRow,
  asked: { customer: LagoCustomer; currency: string },
): Promise<string | undefined> {
  const { forget, intend } = intentOf(deps.db, `setup:${row.lagoCustomerId}`)
  let refused: string | undefined
  await once<CheckoutBody, DodoCheckout>(deps, {
    what: `whether Dodo opened a page for ${row.lagoCustomerId}`,
    prepare: () => describeSetup(deps, row, asked),
    reserve: deps.dodo.reserve,
    intend,
    make: (body, turn) =>
      deps.dodo.createCheckout(
        body,
        `lago-cus-${row.dodoCustomerId}-${deps.now().getTime()}`,
        turn,
      ),
    keep: (checkout) => keepSetup(deps, row, checkout),
    doubt: forget,
    forget,
    async refused(refusal) {
      await forget()
      refused = (explainSettings(refusal) ?? { message: reasonOf(refusal) }).message
    },
  })
  return refused
}

async function keepSetup(deps: SettingUp, row: CustomerRow, checkout: DodoCheckout) {
  await deps.db
    .update(customers)
    .set({
      setupSessionId: checkout.session_id,
      setupUrl: checkout.checkout_url,
      setupExpiresAt: later(deps.now(), SESSION_LIFETIME_MS),
    })
    .where(eq(customers.lagoCustomerId, row.lagoCustomerId))
  await intentOf(deps.db, `setup:${row.lagoCustomerId}`).forget()
  deps.log.info({ dodoSessionId: checkout.session_id }, 'card setup opened')
}

/** A page saves one card, and leads nowhere after that. */
async function hasSavedSince({ db }: SettingUp, lagoCustomerId: string, openedAt: Date) {
  const [renewed] = await db
    .select({ id: mandates.dodoSubscriptionId })
    .from(mandates)
    .where(and(eq(mandates.lagoCustomerId, lagoCustomerId), gt(mandates.renewedAt, openedAt)))
    .limit(1)
  return renewed !== undefined
}

async function describeSetup(
  deps: SettingUp,
  row: CustomerRow,
  { customer, currency }: { customer: LagoCustomer; currency: string },
): Promise<CheckoutBody> {
  const productId = await findOrCreateProduct(deps, { kind: 'mandate', currency })
  return {
    product_cart: [{ product_id: productId, quantity: 1 }],
    customer: { customer_id: row.dodoCustomerId },
    billing_address: {
      country: customer.country as NonNullable<CheckoutBody['billing_address']>['country'],
      ...(customer.zipcode && { zipcode: customer.zipcode }),
    },
    minimal_address: true,
    subscription_data: { on_demand: { mandate_only: true } },
    return_url: `${payUrlOf(deps.config.publicUrl, row.payToken)}/return`,
    feature_flags: {
      allow_discount_code: false,
      allow_currency_selection: false,
      allow_tax_id: false,
      allow_phone_number_collection: false,
    },
    metadata: {
      lago_customer_id: row.lagoCustomerId,
      lago_organization_id: await deps.organizationId(),
    },
  }
}

/** A card is saved for one currency: the customer's own, else that of their newest invoice. */
async function currencyOf({ db }: SettingUp, customer: LagoCustomer): Promise<string> {
  if (customer.currency) return customer.currency
  const [newest] = await db
    .select({ currency: invoices.currency })
    .from(invoices)
    .where(eq(invoices.lagoCustomerId, customer.external_id))
    .orderBy(desc(invoices.createdAt))
    .limit(1)
  return newest?.currency ?? DEFAULT_CURRENCY
}

const later = (from: Date, ms: number) => new Date(from.getTime() + ms)
