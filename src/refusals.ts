/**
 * What a refusal says something about, and about nothing else:
 * `later`: nothing is wrong, the same again after a while;
 * `funds`: the merchant's balance at Dodo, which fills again;
 * `settings`: the key, the account or the address: a person must mend a setting, and every call fails until then;
 * `permission`: the key may not do this one thing;
 * `licence`: Lago's edition has no such function;
 * `card`: a decline, told by the answer instead of by a payment;
 * `mandate`: this permission to charge cannot be used until the customer renews it;
 * `product`, `customer`: what we had at Dodo under that id is gone or unusable;
 * `nothing_left`: what was asked for has happened already;
 * `state`: Lago forbids it for the state that the object is in by now;
 * `this`: this one request.
 */
export type Meaning =
  | 'later'
  | 'funds'
  | 'settings'
  | 'permission'
  | 'licence'
  | 'card'
  | 'mandate'
  | 'product'
  | 'customer'
  | 'nothing_left'
  | 'state'
  | 'this'

type Table = Readonly<Partial<Record<Meaning, string>>>

/** Dodo's error codes (its error-codes page). A code that is in no row speaks of the one request. */
const DODO_CODES: Table = {
  later:
    'TOO_MANY_REQUESTS EXISTING_REFUND_REQUEST_PROCESSING PREVIOUS_PAYMENT_PENDING DISCOUNT_CONCURRENT_REDEMPTION',
  funds: 'INSUFFICIENT_WALLET_FUNDS',
  settings:
    'UNAUTHORIZED MERCHANT_NOT_LIVE BRAND_MISMATCH BRAND_NOT_ENABLED BYOP_CONNECTOR_DISABLED',
  mandate:
    'SUBSCRIPTION_INACTIVE SUBSCRIPTION_EXPIRED SUBSCRIPTION_NOT_ON_DEMAND ' +
    'SUBSCRIPTION_PAYMENT_RETRY_LIMIT_EXCEEDED CHARGE_NOT_ALLOWED_FOR_SCHEDULED_CANCELLATION',
  product: 'PRODUCT_IS_DELETED MISSING_PRODUCT_INFORMATION',
  nothing_left:
    'LINE_ITEM_FULLY_REFUNDED NOTHING_TO_REFUND PAYMENT_ALREADY_REFUNDED PAYMENT_HAS_BEEN_REFUNDED',
}
const DODO_STATUSES: Readonly<Record<number, Meaning>> = {
  401: 'settings',
  402: 'card',
  403: 'settings',
  429: 'later',
}

/** Lago's error codes (lago-api `app/controllers/concerns/api_errors.rb`). */
const LAGO_CODES: Table = {
  later: 'lock_acquisition_failed too_many_provider_requests',
  licence: 'feature_unavailable premium_license_required',
}
const LAGO_STATUSES: Readonly<Record<number, Meaning>> = {
  401: 'settings',
  403: 'permission',
  405: 'state',
  429: 'later',
}

const MEANINGS = {
  Dodo: { codes: byCode(DODO_CODES), statuses: DODO_STATUSES },
  Lago: { codes: byCode(LAGO_CODES), statuses: LAGO_STATUSES },
} as const

function byCode(table: Table): ReadonlyMap<string, Meaning> {
  return new Map(
    Object.entries(table).flatMap(([meaning, codes]) =>
      codes.split(' ').map((code) => [code, meaning as Meaning] as const),
    ),
  )
}

/** What a service that refused a call said something about: by its code, else by its status. */
export function meaningOf(refusal: {
  service: 'Lago' | 'Dodo'
  status: number
  code: string | undefined
}): Meaning {
  const { service, status, code } = refusal
  // A redirect is an address that is set wrongly: nothing was done there.
  if (status >= 300 && status < 400) return 'settings'
  const { codes, statuses } = MEANINGS[service]
  return codes.get(code ?? '') ?? statuses[status] ?? 'this'
}
