import type { CreditNoteEstimated, CreditNoteObject } from 'lago-javascript-client'
import { refundableOf, valueWithTaxes, type ItemsValue } from './credit-note-amounts.ts'
import { add, decimalText, round, subtract, sum } from './exact.ts'
import { showFee } from './invoice-shapes.ts'
import { showCustomer, showTax, without, type Sent } from './shapes.ts'
import type { CreditNote, CreditNoteItem, CreditNoteTax, Invoice } from './records.ts'

/** Estimates are not stored, so nothing cuts their decimals to the five of a column. */
const ESTIMATE_DIGITS = 10

const HIDDEN = [
  'invoice',
  'status',
  'items',
  'applied_taxes',
  'precise_coupons',
  'precise_taxes',
  'metadata',
] as const satisfies readonly (keyof CreditNote)[]

/** A credit note as the API and its webhook show it. */
export function showCreditNote(note: CreditNote) {
  const { invoice, items, applied_taxes, precise_coupons, precise_taxes, metadata } = note
  const subTotal = subtract(sum(items.map(({ precise }) => precise)), precise_coupons)
  const checked = {
    ...without(note, HIDDEN),
    billing_entity_code: invoice.billing_entity_code,
    lago_invoice_id: invoice.lago_id,
    invoice_number: invoice.number,
    purchase_order_number: null,
    currency: invoice.currency,
    precise_total_amount_cents: decimalText(add(subTotal, precise_taxes)),
    precise_taxes_amount_cents: decimalText(precise_taxes),
    coupons_adjustment_amount_cents: round(precise_coupons),
    file_url: null,
    xml_url: null,
    self_billed: invoice.self_billed,
    error_details: [],
    applied_taxes: applied_taxes.map((line) => ({
      ...showNoteTax(line, invoice),
      lago_id: line.lago_id,
      lago_credit_note_id: note.lago_id,
      created_at: note.created_at,
    })),
  } satisfies Sent<CreditNoteObject>
  return {
    ...checked,
    // The SDK's item has no precise amount, and its customer no null for a missing text.
    items: items.map((item) => showItem(item, invoice)),
    customer: { ...showCustomer(invoice.customer), integration_customers: [] },
    ...(metadata && { metadata }),
  }
}

/** What `POST /credit_notes/estimate` answers; the SDK types its decimals as numbers. */
export function showEstimate(
  invoice: Invoice,
  items: readonly CreditNoteItem[],
  notes: readonly CreditNote[],
  value: ItemsValue,
) {
  const maxCreditable = round(valueWithTaxes(value))
  const checked = {
    lago_invoice_id: invoice.lago_id,
    invoice_number: invoice.number,
    currency: invoice.currency,
    taxes_amount_cents: round(value.taxes),
    sub_total_excluding_taxes_amount_cents: round(subtract(value.items, value.coupons)),
    max_creditable_amount_cents: maxCreditable,
    max_refundable_amount_cents: Math.min(maxCreditable, refundableOf(invoice, notes)),
    coupons_adjustment_amount_cents: round(value.coupons),
    taxes_rate: value.taxesRate,
    items: items.map(({ fee, amount_cents }) => ({ lago_fee_id: fee.lago_id, amount_cents })),
    applied_taxes: value.lines.map((line) => showNoteTax(line, invoice)),
  } satisfies Partial<Sent<CreditNoteEstimated['estimated_credit_note']>>
  return {
    ...checked,
    applied_taxes: checked.applied_taxes.map((line) => ({
      lago_id: null,
      lago_credit_note_id: null,
      created_at: null,
      ...line,
    })),
    precise_taxes_amount_cents: decimalText(value.taxes, ESTIMATE_DIGITS),
    precise_coupons_adjustment_amount_cents: decimalText(value.coupons, ESTIMATE_DIGITS),
  }
}

function showItem({ fee, precise, ...item }: CreditNoteItem, invoice: Invoice) {
  return {
    ...item,
    precise_amount_cents: decimalText(precise),
    amount_currency: invoice.currency,
    fee: showFee(fee, invoice),
  }
}

function showNoteTax({ tax, base_cents, amount_cents }: CreditNoteTax, invoice: Invoice) {
  return {
    ...showTax(tax),
    base_amount_cents: base_cents,
    amount_cents,
    amount_currency: invoice.currency,
  }
}
