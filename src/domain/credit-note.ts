/** What of a fee, in Lago's minor units before coupons and tax, no credit note has taken yet. */
export type FeeRest = { feeId: string; rest: number }

export type CreditItem = { fee_id: string; amount_cents: number }

/** Lago keeps five decimals of an item (`precise_amount_cents`). */
const ITEM_DECIMALS = 5
/** Enough for every decimal that Lago prints. */
const SCALE = 10n ** 15n

/** What is left of each fee after all earlier notes on it, void ones included, as Lago counts. */
export function feeRests(
  fees: readonly { lago_id: string; amount_cents: number }[],
  notes: readonly { items: readonly { amount_cents: number; fee: { lago_id: string } }[] }[],
): FeeRest[] {
  const taken = new Map<string, number>()
  for (const { amount_cents, fee } of notes.flatMap(({ items }) => items)) {
    taken.set(fee.lago_id, (taken.get(fee.lago_id) ?? 0) + amount_cents)
  }
  return fees
    .map(({ lago_id, amount_cents }) => ({
      feeId: lago_id,
      rest: amount_cents - (taken.get(lago_id) ?? 0),
    }))
    .filter(({ rest }) => rest > 0)
}

/**
 * Spreads a tax-inclusive refund over what is left of the fees, so that Lago's own arithmetic (coupon
 * share off, tax on) comes back to the refund. `estimate` is Lago's for all rests together. Fractional
 * items are what Lago itself uses when it voids; whole ones would be off by one seven times as often.
 */
export function spreadRefund(
  refund: number,
  rests: readonly FeeRest[],
  estimate: { precise_taxes_amount_cents: string; precise_coupons_adjustment_amount_cents: string },
): CreditItem[] {
  const worth =
    rests.reduce((sum, { rest }) => sum + BigInt(rest) * SCALE, 0n) -
    readScaled(estimate.precise_coupons_adjustment_amount_cents) +
    readScaled(estimate.precise_taxes_amount_cents)
  const isAll = BigInt(refund) * SCALE >= worth - SCALE / 2n
  return rests.map(({ feeId, rest }) => ({
    fee_id: feeId,
    amount_cents: isAll ? rest : shareOf(rest, refund, worth),
  }))
}

function shareOf(rest: number, refund: number, worth: bigint): number {
  const precision = 10n ** BigInt(ITEM_DECIMALS)
  const numerator = BigInt(rest) * BigInt(refund) * SCALE * precision
  const rounded = (numerator + worth / 2n) / worth
  return Number(rounded) / Number(precision)
}

/** A decimal text such as "1800.0" in units of 1/SCALE; digits beyond are cut. */
function readScaled(text: string): bigint {
  const [whole = '0', fraction = ''] = text.replace('-', '').split('.')
  const digits = SCALE.toString().length - 1
  const scaled =
    BigInt(whole) * SCALE + BigInt(fraction.padEnd(digits, '0').slice(0, digits) || '0')
  return text.startsWith('-') ? -scaled : scaled
}
