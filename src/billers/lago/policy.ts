import type { Policy } from '../../collect/ledger.ts'
import type { Deps } from '../../deps.ts'

/** A look at a session costs a request; payments are also found by the sweep and by webhooks. */
const SESSION_FRESH_MS = 3_600_000
/** A customer who stands at the pay link must not be sent to a session that was paid a moment ago. */
const CUSTOMER_FRESH_MS = 2_000

/** The merchant's choices about money, and how fresh it must have been looked at. */
export const moneyPolicy = (
  { config }: Pick<Deps, 'config'>,
  isCustomerWaiting: boolean,
): Omit<Policy, 'startedAt'> => ({
  collection: config.collection,
  duplicatePayments: config.duplicatePayments,
  voidPayments: config.voidPayments,
  retryScheduleMs: config.retryScheduleMs,
  paymentFreshForMs: isCustomerWaiting ? CUSTOMER_FRESH_MS : config.reconcileEveryMs,
  sessionFreshForMs: isCustomerWaiting ? CUSTOMER_FRESH_MS : SESSION_FRESH_MS,
})
