import { add, divide, exact, multiply, round, subtract, sum, type Exact } from './exact.ts'
import type { AppliedTax, CreditNote, Fee, Invoice, Tax } from './records.ts'
import type { LagoStore } from './store.ts'

const HUNDRED = exact(100)

/** `rate` percent of a base. */
export function taxOn(base: Exact, rate: number): Exact {
  return divide(multiply(base, exact(rate)), HUNDRED)
}

/** What of a fee is left to tax once its coupons are off. */
export function feeSubTotal(fee: Fee): Exact {
  return subtract(exact(fee.amount_cents), fee.coupons)
}

/** All taxes of one fee, in percent. */
export function feeTaxRate(fee: Fee): number {
  return fee.taxes.reduce((total, tax) => total + tax.rate, 0)
}

/** The taxes of some fees, each with its own base; the sum is rounded once, not tax by tax. */
export function taxesOf(fees: readonly Fee[]): { applied: AppliedTax[]; amountCents: number } {
  const taxes = new Map<string, Tax>(fees.flatMap((fee) => fee.taxes.map((tax) => [tax.code, tax])))
  const lines = [...taxes.values()].map((tax) => {
    const taxed = fees.filter((fee) => fee.taxes.some(({ code }) => code === tax.code))
    const base = sum(taxed.map(feeSubTotal))
    return { tax, base, amount: taxOn(base, tax.rate) }
  })
  const applied = lines.map(({ tax, base, amount }) => ({
    lago_id: crypto.randomUUID(),
    tax,
    base_cents: round(base),
    amount_cents: round(amount),
  }))
  return { applied, amountCents: round(sum(lines.map(({ amount }) => amount))) }
}

/** The figures of an invoice that follow from its fees and from what was done to it. */
export function amountsOf(invoice: Invoice, store: LagoStore) {
  const fees = invoice.fees.reduce((total, fee) => total + fee.amount_cents, 0)
  const coupons = invoice.coupons.reduce((total, coupon) => total + coupon.amount_cents, 0)
  const { progressive_billing_credit_amount_cents: progressive } = invoice
  const subTotal = fees - progressive - coupons
  const includingTaxes = subTotal + invoice.taxes_amount_cents
  const { credit_notes_amount_cents: creditNotes, prepaid_credit_amount_cents: prepaid } = invoice
  const total = includingTaxes - creditNotes - prepaid
  const offset = creditNotesOf(invoice, store)
    .filter(({ status }) => status === 'finalized')
    .reduce((offsets, note) => offsets + note.offset_amount_cents, 0)
  // Lago does not look at the payment status here: after a mere PUT all of it is still due.
  const due = invoice.status === 'voided' ? 0 : total - invoice.total_paid_amount_cents - offset
  return { fees, coupons, subTotal, includingTaxes, total, offset, due }
}

/** Every credit note of an invoice, drafts and voided ones too. */
export function creditNotesOf(invoice: Invoice, store: LagoStore): CreditNote[] {
  return store.creditNotes.filter((note) => note.invoice === invoice)
}

/** What of a fee no credit note has taken yet; voided notes count, as they do in Lago. */
export function creditableOfFee(fee: Fee, notes: readonly CreditNote[]): number {
  const taken = notes.flatMap(({ items }) => items).filter((item) => item.fee === fee)
  return fee.amount_cents - taken.reduce((total, item) => total + item.amount_cents, 0)
}

/** All fees with their taxes and without coupons: the ceiling of what may be credited. */
export function feesWithTaxes(invoice: Invoice): number {
  return round(
    sum(
      invoice.fees.map((fee) => {
        const amount = exact(fee.amount_cents)
        return add(amount, taxOn(amount, feeTaxRate(fee)))
      }),
    ),
  )
}
