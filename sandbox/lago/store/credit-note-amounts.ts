import { amountsOf, creditableOfFee, taxOn } from './amounts.ts'
import {
  ZERO,
  add,
  divide,
  exact,
  multiply,
  round,
  roundTo,
  subtract,
  sum,
  toNumber,
  type Exact,
} from './exact.ts'
import type { CreditNote, CreditNoteItem, CreditNoteTax, Fee, Invoice, Tax } from './records.ts'
import type { LagoStore } from './store.ts'

const PRECISE_DIGITS = 5

export type ItemsValue = {
  /** Before coupons and taxes. */
  items: Exact
  coupons: Exact
  taxes: Exact
  taxesRate: number
  lines: CreditNoteTax[]
}

/** What some items are worth: their share of the coupons comes off, then the taxes go on. */
export function valueOf(
  items: readonly Pick<CreditNoteItem, 'fee' | 'precise' | 'amount_cents'>[],
  invoice: Invoice,
  earlierNotes: readonly CreditNote[],
): ItemsValue {
  const total = sum(items.map(({ precise }) => precise))
  const taxes = new Map<string, Tax>(
    items.flatMap(({ fee }) => fee.taxes.map((tax) => [tax.code, tax])),
  )
  const lines = [...taxes.values()].map((tax) => {
    const taxed = items.filter(({ fee }) => fee.taxes.some(({ code }) => code === tax.code))
    const base = sum(taxed.map((item) => subtract(item.precise, couponShare(item))))
    // A tax on some items only counts towards the rate of the note by their weight.
    const weight = divide(sum(taxed.map(({ precise }) => precise)), total)
    const amount = taxOn(base, tax.rate)
    return { tax, base, amount, rate: multiply(exact(tax.rate), weight) }
  })
  const precise = sum(lines.map(({ amount }) => amount))
  const isRest = takesTheRest(items, invoice, earlierNotes)
  return {
    items: total,
    coupons: sum(items.map(couponShare)),
    taxes: isRest ? subtract(precise, roundingOf(earlierNotes)) : precise,
    taxesRate: toNumber(sum(lines.map(({ rate }) => rate))),
    lines: lines.map(({ tax, base, amount }) => ({
      lago_id: crypto.randomUUID(),
      tax,
      base_cents: round(base),
      amount_cents: round(amount),
    })),
  }
}

/** The value of items with taxes, not yet rounded. */
export function valueWithTaxes({ items, coupons, taxes }: ItemsValue): Exact {
  return add(subtract(items, coupons), taxes)
}

/** What may still be refunded: what was really paid, less earlier refunds, and no more than is left. */
export function refundableOf(invoice: Invoice, notes: readonly CreditNote[]): number {
  const refunds = notes.reduce((total, note) => total + note.refund_amount_cents, 0)
  const paidRest = invoice.total_paid_amount_cents - refunds
  return Math.max(0, Math.min(paidRest, creditableOf(invoice, notes)))
}

/** What of an invoice no credit note has taken, coupons and taxes included. */
export function creditableOf(invoice: Invoice, notes: readonly CreditNote[]): number {
  const rest = restOf(invoice, notes)
  return round(valueWithTaxes(valueOf(rest, invoice, [])))
}

/** One item per fee that is not used up, for all that is left of it. */
function restOf(invoice: Invoice, notes: readonly CreditNote[]) {
  return invoice.fees
    .map((fee) => ({ fee, amount_cents: creditableOfFee(fee, notes) }))
    .filter(({ amount_cents }) => amount_cents > 0)
    .map((item) => ({ ...item, precise: exact(item.amount_cents) }))
}

/** How an operator who refunds an amount spreads it over the fees; amounts may be fractions of a cent. */
export function spread(
  invoice: Invoice,
  store: LagoStore,
  amountCents: number,
): { fee_id: string; amount_cents: number }[] {
  const notes = store.creditNotes.filter((note) => note.invoice === invoice)
  const rest = restOf(invoice, notes)
  const whole = valueWithTaxes(valueOf(rest, invoice, notes))
  const isAll = amountCents >= round(whole)
  const share = isAll ? exact(1) : divide(exact(amountCents), whole)
  return rest.map(({ fee, precise }) => ({
    fee_id: fee.lago_id,
    amount_cents: toNumber(roundTo(multiply(precise, share), PRECISE_DIGITS)),
  }))
}

/** How much an offset may take off what is due. */
export function offsettableOf(
  invoice: Invoice,
  store: LagoStore,
  notes: readonly CreditNote[],
): number {
  return Math.min(amountsOf(invoice, store).due, creditableOf(invoice, notes))
}

function couponShare({ fee, precise }: { fee: Fee; precise: Exact }): Exact {
  return multiply(fee.coupons, divide(precise, exact(fee.amount_cents)))
}

/** The last note of an invoice makes up for what the taxes of the earlier ones were rounded by. */
function takesTheRest(
  items: readonly Pick<CreditNoteItem, 'fee' | 'amount_cents'>[],
  invoice: Invoice,
  earlierNotes: readonly CreditNote[],
): boolean {
  const left = invoice.fees.reduce((total, fee) => total + creditableOfFee(fee, earlierNotes), 0)
  return left === items.reduce((total, { amount_cents }) => total + amount_cents, 0)
}

function roundingOf(notes: readonly CreditNote[]): Exact {
  const roundings = notes.map((note) =>
    subtract(exact(note.taxes_amount_cents), note.precise_taxes),
  )
  return notes.length === 0 ? ZERO : sum(roundings)
}
