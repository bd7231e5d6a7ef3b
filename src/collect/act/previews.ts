import type { CheckoutBody } from '../../dodo/client.ts'

/**
 * So long after Dodo's preview said so, a checkout like it is taken to ask for exactly what it is told to. A month's
 * end is a hundred of them a minute; a product that somebody changes asks wrongly for no longer than this.
 */
export const REMEMBER_MS = 60_000

export type Previews = ReturnType<typeof createPreviews>

/**
 * Which checkouts ask for exactly their amount, as Dodo's preview said lately. That is decided by the product, the
 * currency and the country, never by the amount or the customer, so it need not be asked for each invoice.
 */
export function createPreviews(now: () => Date) {
  const exactUntil = new Map<string, number>()

  return {
    isKnownExact: (account: string, body: CheckoutBody): boolean =>
      (exactUntil.get(keyOf(account, body)) ?? 0) > now().getTime(),
    rememberExact(account: string, body: CheckoutBody) {
      exactUntil.set(keyOf(account, body), now().getTime() + REMEMBER_MS)
    },
    /** Dodo said no to a checkout: what it says of others may be another thing by now, too. */
    forgetAll: () => exactUntil.clear(),
  }
}

const keyOf = (
  account: string,
  { product_cart, billing_currency, billing_address }: CheckoutBody,
) =>
  [
    account,
    product_cart[0]?.product_id,
    billing_currency,
    billing_address?.country,
    billing_address?.zipcode,
  ].join(' ')
