/** A fee of an invoice, in Lago's minor units before coupons and tax. */
export type Fee = {
  feeId: string
  amount: number
  /** The coupon's share of the fee, with decimals. */
  coupons: number
  taxPercent: number
}

/** An item of an earlier credit note; Lago keeps the decimals and shows them rounded beside. */
export type NoteItem = { feeId: string; amount: number; preciseAmount: number }

/** What of a fee no credit note has taken yet: exactly, and in the whole units that Lago checks. */
export type FeeRest = {
  feeId: string
  precise: number
  whole: number
  /** What of a unit remains after the coupon, and the tax on that. */
  netPerUnit: number
  taxPerUnit: number
}

export type CreditItem = { fee_id: string; amount_cents: number }

/** Lago keeps five decimals of an item (`precise_amount_cents`). */
const ITEM_DECIMALS = 10 ** 5
/** The most that still rounds down to the whole unit below. */
const ROUNDS_DOWN = 0.49999

/** What is left of each fee after all earlier notes, void ones included, as Lago counts. */
export function feeRests(fees: readonly Fee[], items: readonly NoteItem[]): FeeRest[] {
  const rests = fees.map(({ feeId, amount, coupons, taxPercent }) => {
    const taken = items.filter((item) => item.feeId === feeId)
    const sum = (part: (item: NoteItem) => number) =>
      taken.reduce((total, item) => total + part(item), 0)
    const couponShare = amount > 0 ? coupons / amount : 0
    return {
      feeId,
      precise: round(amount - sum((item) => item.preciseAmount)),
      whole: amount - sum((item) => item.amount),
      netPerUnit: 1 - couponShare,
      taxPerUnit: (1 - couponShare) * (taxPercent / 100),
    }
  })
  return rests.filter(({ precise, whole }) => precise > 0 && whole >= 0)
}

/**
 * Spreads a tax-inclusive refund over what is left of the fees, so that Lago's own arithmetic (coupon
 * share off, tax on, both rounded) comes back to the refund wherever it can. `worthOfWhole` is Lago's estimate
 * for all whole rests. Fractional items are what Lago itself uses when it voids.
 */
export function spreadRefund(
  refund: number,
  rests: readonly FeeRest[],
  worthOfWhole: number,
): CreditItem[] {
  const worth = rests.reduce(
    (sum, { precise, whole, netPerUnit, taxPerUnit }) =>
      sum + (precise - whole) * (netPerUnit + taxPerUnit),
    worthOfWhole,
  )
  if (refund >= Math.round(worth)) return shareOut(rests, 1)
  // Near a half both parts round together: a hair more or less lets one of them round alone.
  const tries = NUDGES.map((nudge) => shareOut(rests, (refund + nudge) / worth))
  return tries.find((items) => totalOf(items, rests) === refund) ?? tries[0] ?? []
}

/** Nearest first; further away than a unit the total is another. */
const NUDGES = [
  0,
  ...Array.from({ length: 19 }, (_, nth) => [(nth + 1) / 20, -(nth + 1) / 20]).flat(),
]

const shareOut = (rests: readonly FeeRest[], share: number): CreditItem[] =>
  rests
    .map(({ feeId, precise, whole }) => ({
      fee_id: feeId,
      amount_cents: round(Math.min(precise * share, whole + ROUNDS_DOWN)),
    }))
    .filter(({ amount_cents }) => amount_cents > 0)

/** What Lago makes of the items (lago-api `svc/credit_notes/apply_taxes_service.rb`): it rounds net and tax apart. */
function totalOf(items: readonly CreditItem[], rests: readonly FeeRest[]): number {
  const sum = (part: 'netPerUnit' | 'taxPerUnit') =>
    items.reduce((total, { fee_id, amount_cents }) => {
      const rest = rests.find(({ feeId }) => feeId === fee_id)
      return total + amount_cents * (rest?.[part] ?? 0)
    }, 0)
  return Math.round(round(sum('netPerUnit'))) + Math.round(round(sum('taxPerUnit')))
}

/**
 * What the note of a refund is made out for: the refund. Lago's rounding of tax makes some totals unreachable,
 * so earlier notes may be a unit off, and then the last one may find that unit missing: it takes what is left.
 */
export function amountToCredit(
  refund: number,
  { paid, notes }: { paid: number; notes: readonly { refunded: number }[] },
): number {
  const rest = paid - notes.reduce((sum, { refunded }) => sum + refunded, 0)
  const isDrift = refund > rest && refund - rest <= notes.length
  return isDrift ? rest : refund
}

const round = (amount: number) => Math.round(amount * ITEM_DECIMALS) / ITEM_DECIMALS
