/** The shop's own list of currencies without cents (openfront, `noDivisionCurrency`). */
const WITHOUT_CENTS = new Set(['JPY', 'KRW', 'VND'])

/**
 * Currencies whose amounts nobody can read with certainty: the storefront's lists count them otherwise than the
 * shop does, the shop counts hundredths where there are thousandths, or there are no hundredths at all.
 */
const UNSAFE = new Set(
  [
    'CLP PYG XAF XOF BIF DJF GNF KMF MGA RWF XPF HTG VUV XAG XDR XAU',
    'KWD BHD OMR JOD TND IQD LYD',
    'ISK UGX UYI CLF UYW MRU',
  ].flatMap((codes) => codes.split(' ')),
)

/**
 * How many decimals an amount of the shop has in this currency, or undefined where it cannot be charged without
 * guessing. Whether there is such a currency is not asked here.
 */
export function decimalsInShop(currency: string): 0 | 2 | undefined {
  if (UNSAFE.has(currency)) return undefined
  return WITHOUT_CENTS.has(currency) ? 0 : 2
}
