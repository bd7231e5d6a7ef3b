import { isSupportedCurrency, minimumDodoMinor } from '../../collect/money.ts'
import { decimalsInShop } from '../../openfront/currencies.ts'
import { toBooksMinor } from '../orders/order.ts'

/** Why the amount cannot be collected, in words for the shop; undefined when it can. */
export function findUncollectable({ amount, currency }: { amount: number; currency: string }) {
  if (decimalsInShop(currency) === undefined || !isSupportedCurrency(currency))
    return `currency ${currency} is not supported`
  if (toBooksMinor(amount, currency) === undefined)
    return `amount must be a whole number of ${currency}`
  // In all currencies that are left the shop's units are Dodo's.
  const least = minimumDodoMinor(currency)
  return amount < least ? `amount is too small: Dodo collects ${least} or more` : undefined
}
