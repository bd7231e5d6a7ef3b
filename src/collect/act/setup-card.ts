import { and, desc, eq, gt } from 'drizzle-orm'

import { payers, receivables, mandates } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { CheckoutBody } from '../../dodo/client.ts'
import type { DodoCheckout } from '../../dodo/objects.ts'
import { isSupportedCurrency } from '../money.ts'
import { reasonOf } from '../../errors.ts'
import { recallPayer, type PayerRow } from './payer.ts'
import { findOrCreateProduct } from './product.ts'
import { intentOf } from '../intents.ts'
import { payUrlOf } from '../load.ts'
import { once } from '../once.ts'
import type { Payer } from '../receivable.ts'
import { explainSettings } from '../explain-settings.ts'
import { observeMandate } from './mandate.ts'
import { isRefused } from '../unknown-outcome.ts'

type SettingUp = Pick<
  Deps,
  'account' | 'alone' | 'biller' | 'db' | 'dodo' | 'queue' | 'config' | 'log' | 'now'
>

const SESSION_LIFETIME_MS = 24 * 3_600_000
/** A page that is about to expire is not handed out. */
const MARGIN_MS = 600_000
const DEFAULT_CURRENCY = 'USD'

/** Opens, or finds still open, the page on which a customer saves a card without an invoice. */
export async function setupCard(deps: SettingUp, payerKey: string): Promise<void> {
  const row = await recallPayer(deps, payerKey)
  if (!row) return
  for (const subscription of await deps.dodo.listSubscriptionsOf(row.dodoCustomerId)) {
    await observeMandate(deps, subscription)
  }
  const refusal = await prepare(deps, row).catch((error: unknown) => {
    if (!isRefused(error)) throw error
    return reasonOf(error)
  })
  const ofCustomer = eq(payers.payerKey, payerKey)
  await deps.db
    .update(payers)
    .set({ setupRefusal: refusal ?? null })
    .where(ofCustomer)
  // Whoever asked while we were at it asks for the next look, not for this one.
  if (row.requestedAt)
    await deps.db
      .update(payers)
      .set({ requestedAt: null })
      .where(and(ofCustomer, eq(payers.requestedAt, row.requestedAt)))
}

/** Returns why there is no such page, or nothing when there is. */
async function prepare(deps: SettingUp, row: PayerRow): Promise<string | undefined> {
  if (deps.config.collection !== 'automatic') return 'COLLECTION is not automatic'
  const { requestedAt, setupUrl, setupExpiresAt } = row
  const openedAt = setupExpiresAt && later(setupExpiresAt, -SESSION_LIFETIME_MS)
  const isUsed = openedAt && (await hasSavedSince(deps, row.payerKey, openedAt))
  const isOpen =
    setupUrl && setupExpiresAt && setupExpiresAt > later(deps.now(), MARGIN_MS) && !isUsed
  if (isOpen || !requestedAt) return undefined
  const payer = await deps.biller.findPayer(row.payerKey)
  if (!payer?.email) return `the customer has no e-mail address: add one in ${deps.biller.name}`
  if (!payer.country) return `the customer has no country: add one in ${deps.biller.name}`
  const currency = await currencyOf(deps, payer)
  if (!isSupportedCurrency(currency)) return `${currency} cannot be collected`
  return openSetup(deps, row, { payer, currency })
}

/** Like every checkout: one whose answer was lost can be used by nobody, so there is nothing to look for. */
async function openSetup(
  deps: SettingUp,
  row: PayerRow,
  asked: { payer: Payer; currency: string },
): Promise<string | undefined> {
  const { forget, intend } = intentOf(deps.db, `setup:${row.payerKey}`)
  let refused: string | undefined
  await once<CheckoutBody, DodoCheckout>(deps, {
    what: `whether Dodo opened a page for ${row.payerKey}`,
    prepare: () => describeSetup(deps, row, asked),
    reserve: deps.dodo.reserve,
    intend,
    make: (body, turn) =>
      deps.dodo.createCheckout(body, `setup-${row.dodoCustomerId}-${deps.now().getTime()}`, turn),
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

async function keepSetup(deps: SettingUp, row: PayerRow, checkout: DodoCheckout) {
  await deps.db
    .update(payers)
    .set({
      setupSessionId: checkout.session_id,
      setupUrl: checkout.checkout_url,
      setupExpiresAt: later(deps.now(), SESSION_LIFETIME_MS),
    })
    .where(eq(payers.payerKey, row.payerKey))
  await intentOf(deps.db, `setup:${row.payerKey}`).forget()
  deps.log.info({ dodoSessionId: checkout.session_id }, 'card setup opened')
}

/** A page saves one card, and leads nowhere after that. */
async function hasSavedSince({ db }: SettingUp, payerKey: string, openedAt: Date) {
  const [renewed] = await db
    .select({ id: mandates.dodoSubscriptionId })
    .from(mandates)
    .where(and(eq(mandates.payerKey, payerKey), gt(mandates.renewedAt, openedAt)))
    .limit(1)
  return renewed !== undefined
}

async function describeSetup(
  deps: SettingUp,
  row: PayerRow,
  { payer, currency }: { payer: Payer; currency: string },
): Promise<CheckoutBody> {
  const productId = await findOrCreateProduct(deps, { kind: 'mandate', currency })
  return {
    product_cart: [{ product_id: productId, quantity: 1 }],
    customer: { customer_id: row.dodoCustomerId },
    billing_address: {
      country: payer.country as NonNullable<CheckoutBody['billing_address']>['country'],
      ...(payer.postcode && { zipcode: payer.postcode }),
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
    metadata: { ...deps.biller.describePayer(row.payerKey), ...(await deps.biller.mark()) },
  }
}

/** A card is saved for one currency: the customer's own, else that of what they owed last. */
async function currencyOf({ db }: SettingUp, payer: Payer): Promise<string> {
  if (payer.currency) return payer.currency
  const [newest] = await db
    .select({ currency: receivables.currency })
    .from(receivables)
    .where(eq(receivables.payerKey, payer.key))
    .orderBy(desc(receivables.createdAt))
    .limit(1)
  return newest?.currency ?? DEFAULT_CURRENCY
}

const later = (from: Date, ms: number) => new Date(from.getTime() + ms)
