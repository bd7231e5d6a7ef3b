import { formatLago } from '../domain/money.ts'
import { PermanentError, reasonOf, type ApiError } from '../errors.ts'
import type { LagoCustomer } from '../lago/objects.ts'

/** What Dodo was asked to collect, in Lago's minor units, and of whom. */
type Asked = { customer: LagoCustomer; currency: string; amount: number }

/** What a merchant can do about Dodo's refusals (its error-codes page). Others are shown as Dodo words them. */
const ADVICE: Readonly<Record<string, (asked: Asked) => string>> = {
  UNSUPPORTED_COUNTRY: ({ customer }) =>
    `Dodo does not serve the customer's country (${customer.country}): correct it in Lago, or collect by hand`,
  UNSUPPORTED_CURRENCY: ({ currency }) => `this Dodo account cannot charge ${currency}`,
  UNSUPPORTED_BILLING_CURRENCY: ({ currency }) => `this Dodo account cannot charge ${currency}`,
  REQUEST_AMOUNT_BELOW_MINIMUM: ({ amount, currency }) =>
    `${formatLago(amount, currency)} is below the minimum of the product in Dodo`,
  TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT: ({ amount, currency }) =>
    `${formatLago(amount, currency)} is less than Dodo can charge in ${currency}`,
  MERCHANT_NOT_LIVE: () => 'Dodo has not approved this account for live payments yet',
  NO_ELIGIBLE_PAYMENT_METHODS: ({ currency }) => `no payment method in Dodo takes ${currency}`,
}

/** Dodo said no to a checkout: what a person must mend, in words. */
export function explainRefusal(error: ApiError, asked: Asked): PermanentError {
  if (error.status === 401 || error.status === 403) {
    return new PermanentError(
      `Dodo refuses DODO_API_KEY (${error.status}): check the key, its write access and DODO_ENVIRONMENT`,
    )
  }
  const advice = ADVICE[error.code ?? '']?.(asked)
  if (advice) return new PermanentError(`${advice} (${error.code})`)
  return new PermanentError(reasonOf(error), { cause: error })
}
