import { eq } from 'drizzle-orm'

import { attempts } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { CheckoutBody } from '../dodo/client.ts'
import type { DodoCheckout } from '../dodo/objects.ts'
import type { Attempt, Ledger } from '../domain/ledger.ts'
import { formatDodo, formatLago, toDodoMinor } from '../domain/money.ts'
import { PermanentError } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { explainRefusal } from './explain-refusal.ts'
import { findOrCreateCustomer } from './dodo-customer.ts'
import { findOrCreateProduct, forgetProduct } from './dodo-product.ts'
import { note } from './timeline.ts'
import { isRefused, isUnknown } from './unknown-outcome.ts'

/** A session lives 24 hours and cannot be ended before (Dodo, checkout-session guide). */
const SESSION_LIFETIME_MS = 24 * 3_600_000
const PRODUCT_GONE = new Set(['PRODUCT_IS_DELETED', 'NOT_FOUND', 'MISSING_PRODUCT_INFORMATION'])

type Opener = Pick<Deps, 'alone' | 'db' | 'dodo' | 'config' | 'log' | 'now'> & {
  organizationId: () => Promise<string>
}
type Plan = {
  invoice: LagoInvoice
  ledger: Ledger
  cause: Attempt['cause']
  retryIndex: number
  /** An attempt that was begun and whose session, if there is one, nobody can have seen. */
  resume: Attempt | undefined
}

/** Opens a hosted checkout for exactly what is due, after Dodo's preview has said that it asks for exactly that. */
export async function openCheckout(deps: Opener, plan: Plan): Promise<void> {
  const number = plan.resume?.number ?? plan.ledger.attempts.length + 1
  const body = await describeCheckout(deps, plan, number)
  await assertExact(deps, plan.invoice, body)

  const attemptId = plan.resume?.id ?? (await intend(deps, plan, number))
  const { lago_id: lagoInvoiceId } = plan.invoice
  const suffix = number === 1 ? '' : `-${number}`
  try {
    const checkout = await deps.dodo.createCheckout(body, `lago-inv-${lagoInvoiceId}${suffix}`)
    await markLive(deps, plan, { attemptId, number, checkout })
  } catch (error) {
    if (isUnknown(error)) {
      await deps.db.update(attempts).set({ status: 'unknown' }).where(eq(attempts.id, attemptId))
    }
    throw error
  }
}

async function describeCheckout(deps: Opener, plan: Plan, number: number): Promise<CheckoutBody> {
  const { invoice, ledger } = plan
  const { customer, currency } = invoice
  const organizationId = await deps.organizationId()
  const [productId, customerId] = await Promise.all([
    findOrCreateProduct(deps, currency),
    findOrCreateCustomer(deps, customer, organizationId),
  ])
  const amount = toDodoMinor(invoice.total_due_amount_cents, currency)
  return {
    product_cart: [{ product_id: productId, quantity: 1, amount }],
    customer: { customer_id: customerId },
    billing_address: {
      country: customer.country as NonNullable<CheckoutBody['billing_address']>['country'],
      ...(customer.zipcode && { zipcode: customer.zipcode }),
    },
    billing_currency: currency as NonNullable<CheckoutBody['billing_currency']>,
    minimal_address: true,
    return_url: `${ledger.payUrl}/return`,
    feature_flags: {
      allow_discount_code: false,
      allow_currency_selection: false,
      allow_tax_id: false,
      allow_phone_number_collection: false,
    },
    metadata: {
      lago_invoice_id: invoice.lago_id,
      lago_invoice_number: invoice.number,
      lago_customer_id: customer.external_id,
      lago_organization_id: organizationId,
      bridge_attempt: String(number),
    },
  }
}

async function assertExact(deps: Opener, invoice: LagoInvoice, body: CheckoutBody) {
  const { currency } = invoice
  const preview = await deps.dodo.previewCheckout(body).catch(async (error: unknown) => {
    if (!isRefused(error)) throw error
    if (PRODUCT_GONE.has(error.code ?? '')) {
      await forgetProduct(deps, currency)
      throw new Error(`the product for ${currency} is gone from Dodo: ${error.message}`, {
        cause: error,
      })
    }
    throw explainRefusal(error, invoice)
  })
  const { total_amount: total, tax } = preview.current_breakup
  const due = toDodoMinor(invoice.total_due_amount_cents, currency)
  if (preview.currency === currency && total === due) return

  const asks = `Dodo would ask for ${formatDodo(total, preview.currency)} where ${formatDodo(due, currency)} is due`
  if (preview.currency !== currency) {
    throw new PermanentError(`${asks}: switch adaptive currency off in Dodo > Settings > Business`)
  }
  const hint =
    tax && total - tax === due
      ? `make product ${body.product_cart[0]?.product_id} tax-inclusive in Dodo, so that tax is part of the price`
      : `check the price and the discounts of product ${body.product_cart[0]?.product_id} in Dodo`
  throw new PermanentError(`${asks}: ${hint}`)
}

/** Committed before the call. The unique index on live attempts makes a second one impossible. */
async function intend(deps: Opener, plan: Plan, number: number): Promise<string> {
  const { invoice, cause, retryIndex } = plan
  const [row] = await deps.db
    .insert(attempts)
    .values({
      lagoInvoiceId: invoice.lago_id,
      number,
      kind: 'checkout',
      cause,
      retryIndex,
      status: 'intended',
      currency: invoice.currency,
      amount: invoice.total_due_amount_cents,
      startedAt: deps.now(),
    })
    .returning({ id: attempts.id })
  if (!row) throw new Error(`attempt ${number} of ${invoice.lago_id} was not written`)
  return row.id
}

async function markLive(
  deps: Opener,
  { invoice }: Plan,
  { attemptId, number, checkout }: { attemptId: string; number: number; checkout: DodoCheckout },
) {
  const at = deps.now()
  await deps.db.transaction(async (tx) => {
    await tx
      .update(attempts)
      .set({
        status: 'live',
        dodoSessionId: checkout.session_id,
        checkoutUrl: checkout.checkout_url,
        expiresAt: new Date(at.getTime() + SESSION_LIFETIME_MS),
        lookedAt: at,
      })
      .where(eq(attempts.id, attemptId))
    const amount = formatLago(invoice.total_due_amount_cents, invoice.currency)
    const what = `checkout ${checkout.session_id} opened for ${amount} (attempt ${number})`
    await note(tx, invoice.lago_id, what, at)
  })
  deps.log.info(
    { lagoInvoiceId: invoice.lago_id, dodoSessionId: checkout.session_id, attempt: number },
    'checkout opened',
  )
}
