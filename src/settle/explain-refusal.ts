import { formatLago } from '../domain/money.ts'
import { PermanentError, reasonOf, type ApiError } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'

/** What a merchant can do about Dodo's refusals (its error-codes page). Others are shown as Dodo words them. */
const ADVICE: Readonly<Record<string, (invoice: LagoInvoice) => string>> = {
  UNSUPPORTED_COUNTRY: ({ customer }) =>
    `Dodo does not serve the customer's country (${customer.country}): correct it in Lago, or collect by hand`,
  UNSUPPORTED_CURRENCY: ({ currency }) => `this Dodo account cannot charge ${currency}`,
  UNSUPPORTED_BILLING_CURRENCY: ({ currency }) => `this Dodo account cannot charge ${currency}`,
  REQUEST_AMOUNT_BELOW_MINIMUM: ({ total_due_amount_cents, currency }) =>
    `${formatLago(total_due_amount_cents, currency)} is below the minimum of the product in Dodo`,
  TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT: ({ total_due_amount_cents, currency }) =>
    `${formatLago(total_due_amount_cents, currency)} is less than Dodo can charge in ${currency}`,
  MERCHANT_NOT_LIVE: () => 'Dodo has not approved this account for live payments yet',
  NO_ELIGIBLE_PAYMENT_METHODS: ({ currency }) => `no payment method in Dodo takes ${currency}`,
}

/** Dodo said no to a checkout: what a person must mend, in words. */
export function explainRefusal(error: ApiError, invoice: LagoInvoice): PermanentError {
  if (error.status === 401 || error.status === 403) {
    return new PermanentError(
      `Dodo refuses DODO_API_KEY (${error.status}): check the key, its write access and DODO_ENVIRONMENT`,
    )
  }
  const advice = ADVICE[error.code ?? '']?.(invoice)
  return new PermanentError(advice ? `${advice} (${error.code})` : reasonOf(error))
}
