import { amountsOf, creditNotesOf, creditableOfFee, feesWithTaxes } from './amounts.ts'
import { offsettableOf, valueWithTaxes, type ItemsValue } from './credit-note-amounts.ts'
import { exact, round, roundTo } from './exact.ts'
import { crash, featureUnavailable, invalid, notAllowed, notFound } from './refusal.ts'
import type { CreditNote, CreditNoteItem, Invoice } from './records.ts'
import type { LagoWorld } from './store.ts'
import { toCents, topUpOf } from './top-ups.ts'

const PRECISE_DIGITS = 5
/** Rounding may put a note a cent beside its items, or above what is left. */
const TOLERANCE_CENTS = 1

export type NoteAmounts = { refund: number; credit: number; offset: number }

/** Refuses without a licence, and for a prepaid invoice whose credits cannot be taken back. */
export function checkCreditable(world: LagoWorld, invoice: Invoice, amounts?: NoteAmounts): void {
  if (!world.premium) throw featureUnavailable()
  if (invoice.invoice_type !== 'credit') return

  const isActive = topUpOf(world, invoice)?.wallet.status === 'active'
  const offsetsOnly = amounts !== undefined && amounts.refund === 0 && amounts.credit === 0
  if (isActive && (invoice.payment_status === 'succeeded' || offsetsOnly)) return
  throw notAllowed('invalid_type_or_status')
}

/** The items of a note, refused at the first that asks for more than its fee has left. */
export function readItems(
  world: LagoWorld,
  invoice: Invoice,
  given: unknown,
  { truncates }: { truncates: boolean },
): CreditNoteItem[] {
  if (!Array.isArray(given)) throw invalid({ items: ['must_be_an_array'] })

  const notes = creditNotesOf(invoice, world.store)
  const items: CreditNoteItem[] = []
  for (const { fee_id: feeId, amount_cents: amount } of given.map(readItem)) {
    const fee = invoice.fees.find(({ lago_id }) => lago_id === feeId)
    if (!fee) throw notFound('fee')

    const precise = roundTo(exact(truncates ? Math.trunc(amount) : amount), PRECISE_DIGITS)
    const item = { lago_id: crypto.randomUUID(), fee, precise, amount_cents: round(precise) }
    if (precise.numerator < 0n) throw invalid({ amount_cents: ['invalid_value'] })

    const sameFee = items.filter((other) => other.fee === fee)
    const taken = sameFee.reduce((total, { amount_cents }) => total + amount_cents, 0)
    if (item.amount_cents > creditableOfFee(fee, notes) - taken) {
      throw invalid({ amount_cents: ['higher_than_remaining_fee_amount'] })
    }
    const wallet = invoice.invoice_type === 'credit' ? topUpOf(world, invoice)?.wallet : undefined
    if (wallet && item.amount_cents > toCents(wallet.balance, wallet.currency)) {
      throw invalid({ amount_cents: ['higher_than_wallet_balance'] })
    }
    items.push(item)
  }
  return items
}

/** Everything that is wrong with the amounts of a note; Lago names all of it at once. */
export function problemsOf(
  world: LagoWorld,
  invoice: Invoice,
  amounts: NoteAmounts,
  value: ItemsValue,
): Record<string, string[]> {
  const notes = creditNotesOf(invoice, world.store)
  const total = amounts.refund + amounts.credit + amounts.offset
  const before = totalsOf(notes)
  const ceiling = feesWithTaxes(invoice) + TOLERANCE_CENTS
  const tolerance = world.since('1.34.0') ? TOLERANCE_CENTS : 0
  const mismatch = Math.abs(total - round(valueWithTaxes(value)))
  const problems = {
    base: [
      ...(mismatch > tolerance ? ['does_not_match_item_amounts'] : []),
      ...(total > ceiling - before.refund - before.credit - before.offset
        ? ['higher_than_remaining_invoice_amount']
        : []),
      ...(total <= 0 ? ['total_amount_must_be_positive'] : []),
    ],
    refund_amount_cents: refundProblems(world, invoice, amounts.refund, before.refund),
    credit_amount_cents: creditProblems(
      invoice,
      amounts.credit,
      ceiling - before.credit - before.offset,
    ),
    offset_amount_cents: offsetProblems(world, invoice, amounts.offset, notes),
  }
  return Object.fromEntries(Object.entries(problems).filter(([, codes]) => codes.length > 0))
}

function readItem(item: unknown): { fee_id: unknown; amount_cents: number } {
  if (typeof item !== 'object' || item === null) throw crash()
  const { fee_id, amount_cents } = { fee_id: undefined, amount_cents: 0, ...item }
  // Lago rounds the value it is given, which a text does not know how to do.
  if (amount_cents !== null && typeof amount_cents !== 'number') throw crash()
  return { fee_id, amount_cents: amount_cents ?? 0 }
}

function totalsOf(notes: readonly CreditNote[]): NoteAmounts {
  return {
    refund: notes.reduce((total, note) => total + note.refund_amount_cents, 0),
    credit: notes.reduce((total, note) => total + note.credit_amount_cents, 0),
    offset: notes.reduce((total, note) => total + note.offset_amount_cents, 0),
  }
}

function refundProblems(
  world: LagoWorld,
  invoice: Invoice,
  refund: number,
  refunded: number,
): string[] {
  if (refund < 0) return ['invalid_value']
  if (refund === 0) return []

  const { total } = amountsOf(invoice, world.store)
  // Before 1.39 the payment status suffices, and what was recorded is not looked at.
  if (!world.since('1.39.0')) {
    if (invoice.payment_status !== 'succeeded') return ['cannot_refund_unpaid_invoice']
    return refund > total - refunded ? ['higher_than_remaining_invoice_amount'] : []
  }
  const paid = invoice.total_paid_amount_cents
  const isInconsistent = invoice.payment_status !== 'succeeded' && paid === total
  if (paid <= 0 || isInconsistent) return ['cannot_refund_unpaid_invoice']
  return refund > paid - refunded ? ['higher_than_remaining_invoice_amount'] : []
}

function creditProblems(invoice: Invoice, credit: number, left: number): string[] {
  if (credit < 0) return ['invalid_value']
  if (credit === 0) return []
  if (invoice.invoice_type === 'credit') return ['cannot_credit_invoice']
  return credit > left ? ['higher_than_remaining_invoice_amount'] : []
}

function offsetProblems(
  world: LagoWorld,
  invoice: Invoice,
  offset: number,
  notes: readonly CreditNote[],
): string[] {
  if (offset < 0) return ['invalid_value']
  if (offset === 0) return []
  if (invoice.invoice_type !== 'credit') {
    const isTooMuch = offset > offsettableOf(invoice, world.store, notes)
    return isTooMuch ? ['higher_than_remaining_invoice_amount'] : []
  }
  if (invoice.total_paid_amount_cents > 0) return ['cannot_apply_to_paid_invoice']
  const { total } = amountsOf(invoice, world.store)
  return offset === total ? [] : ['not_equal_to_total_amount']
}
