import type { CreditObject, FeeObject, InvoiceObjectExtended } from 'lago-javascript-client'
import { amountsOf, feeSubTotal, feeTaxRate, taxOn } from './amounts.ts'
import { add, decimalText, exact, round } from './exact.ts'
import { majorText, showCustomer, showTax, without, type Sent } from './shapes.ts'
import type { AppliedTax, Fee, Invoice } from './records.ts'
import type { LagoWorld } from './store.ts'

const VERSION_NUMBER = 4

const HIDDEN = [
  'customer',
  'fees',
  'coupons',
  'applied_taxes',
  'metadata',
  'ready_for_payment_processing',
] as const satisfies readonly (keyof Invoice)[]

/** The fields of an invoice that every payload has. */
export function showInvoiceBase(invoice: Invoice, world: LagoWorld) {
  const amounts = amountsOf(invoice, world.store)
  return {
    ...without(invoice, HIDDEN),
    // Only a caller inside the sandbox ever shows an open invoice: the API hides it.
    status: invoice.status === 'open' ? 'draft' : invoice.status,
    purchase_order_number: null,
    fees_amount_cents: amounts.fees,
    coupons_amount_cents: amounts.coupons,
    sub_total_excluding_taxes_amount_cents: amounts.subTotal,
    sub_total_including_taxes_amount_cents: amounts.includingTaxes,
    prepaid_granted_credit_amount_cents: null,
    prepaid_purchased_credit_amount_cents: null,
    total_amount_cents: amounts.total,
    total_offsetted_credit_note_amount_cents: amounts.offset,
    total_due_amount_cents: dueOf(invoice, amounts, world),
    file_url: null,
    xml_url: null,
    web_url: `${world.publicUrl}/#${invoice.lago_id}`,
    version_number: VERSION_NUMBER,
  } satisfies Sent<InvoiceObjectExtended>
}

/** Before 1.40 a void invoice shows what was not paid of it. */
function dueOf(invoice: Invoice, { total, due }: ReturnType<typeof amountsOf>, world: LagoWorld) {
  const isStillShown = invoice.status === 'voided' && !world.since('1.40.0')
  return isStillShown ? total - invoice.total_paid_amount_cents : due
}

export type Collection =
  | 'customer'
  | 'integration_customers'
  | 'fees'
  | 'credits'
  | 'subscriptions'
  | 'billing_periods'
  | 'applied_taxes'
  | 'applied_invoice_custom_sections'
  | 'metadata'
  | 'error_details'

/** An invoice with the collections that its context calls for. */
export function showInvoice(
  invoice: Invoice,
  world: LagoWorld,
  collections: readonly Collection[],
): ReturnType<typeof showInvoiceBase> & Record<string, unknown> {
  const has = (collection: Collection) => collections.includes(collection)
  const customer = {
    ...showCustomer(invoice.customer),
    ...(has('integration_customers') && { integration_customers: [] }),
  }
  return {
    ...showInvoiceBase(invoice, world),
    ...(has('customer') && { customer }),
    ...(has('fees') && { fees: invoice.fees.map((fee) => showFee(fee, invoice)) }),
    ...(has('credits') && { credits: creditsOf(invoice) }),
    ...(has('subscriptions') && { subscriptions: [] }),
    ...(has('billing_periods') && { billing_periods: [] }),
    ...(has('applied_taxes') && {
      applied_taxes: invoice.applied_taxes.map((line) => showAppliedTax(line, invoice)),
    }),
    ...(has('applied_invoice_custom_sections') && { applied_invoice_custom_sections: [] }),
    ...(has('metadata') && { metadata: invoice.metadata }),
    ...(has('error_details') && { error_details: [] }),
  }
}

/** A fee, whose totals ignore coupons although its subtotal and taxes do not. */
export function showFee(fee: Fee, invoice: Invoice) {
  const { currency } = invoice
  const taxes = taxOn(feeSubTotal(fee), feeTaxRate(fee))
  const amount = exact(fee.amount_cents)
  const checked = {
    lago_id: fee.lago_id,
    lago_charge_id: null,
    lago_charge_filter_id: null,
    lago_fixed_charge_id: null,
    lago_invoice_id: invoice.lago_id,
    lago_true_up_fee_id: null,
    lago_true_up_parent_fee_id: null,
    lago_original_fee_id: null,
    lago_subscription_id: null,
    external_subscription_id: null,
    // The customer comes through a subscription, which no invoice of the sandbox has.
    lago_customer_id: null,
    external_customer_id: null,
    item: {
      type: fee.type,
      code: fee.code,
      name: fee.name,
      description: null,
      invoice_display_name: fee.name,
      filters: null,
      filter_invoice_display_name: null,
      lago_item_id: fee.item_id,
      item_type: ITEM_TYPES[fee.type],
      grouped_by: {},
    },
    pay_in_advance: false,
    invoiceable: true,
    amount_cents: fee.amount_cents,
    amount_currency: currency,
    precise_amount: majorText(amount, currency),
    precise_total_amount: majorText(add(amount, taxes), currency),
    taxes_amount_cents: round(taxes),
    taxes_precise_amount: majorText(taxes, currency),
    taxes_rate: feeTaxRate(fee),
    total_aggregated_units: null,
    total_amount_cents: fee.amount_cents + round(taxes),
    total_amount_currency: currency,
    units: '1.0',
    description: null,
    precise_unit_amount: majorText(amount, currency),
    precise_coupons_amount_cents: decimalText(fee.coupons),
    sub_total_excluding_taxes_amount_cents: round(feeSubTotal(fee)),
    sub_total_excluding_taxes_precise_amount_cents: decimalText(feeSubTotal(fee)),
    events_count: null,
    payment_status: fee.payment_status,
    created_at: invoice.created_at,
    succeeded_at: fee.succeeded_at,
    failed_at: fee.failed_at,
    refunded_at: null,
    self_billed: invoice.self_billed,
    pricing_unit_details: null,
    presentation_breakdowns: [],
  } satisfies Sent<FeeObject>
  return { ...checked, amount_details: {} }
}

const ITEM_TYPES = {
  charge: 'BillableMetric',
  add_on: 'AddOn',
  subscription: 'Subscription',
  credit: 'WalletTransaction',
} as const

/** A tax line of an invoice. */
function showAppliedTax({ tax, ...line }: AppliedTax, invoice: Invoice) {
  return {
    lago_id: line.lago_id,
    lago_invoice_id: invoice.lago_id,
    ...showTax(tax),
    amount_cents: line.amount_cents,
    amount_currency: invoice.currency,
    fees_amount_cents: line.base_cents,
    created_at: invoice.created_at,
  }
}

/** What was taken off an invoice, before taxes or after them. Credits of a wallet are not among it. */
function creditsOf(invoice: Invoice) {
  const shared = {
    amount_currency: invoice.currency,
    invoice: { lago_id: invoice.lago_id, payment_status: invoice.payment_status },
  }
  const coupons = invoice.coupons.map(({ lago_id, code, name, amount_cents }) => ({
    ...shared,
    lago_id,
    amount_cents,
    before_taxes: true,
    item: { lago_item_id: lago_id, type: 'coupon' as const, code, name, description: null },
  }))
  const others = [
    ['invoice', invoice.progressive_billing_credit_amount_cents, true],
    ['credit_note', invoice.credit_notes_amount_cents, false],
  ] as const
  const lines = others.flatMap(([type, amount_cents, before_taxes]) => {
    // One credit of each kind has the same id whenever it is shown.
    const id = `${invoice.lago_id.slice(0, -1)}${type === 'invoice' ? 'a' : 'b'}`
    const item = { lago_item_id: id, type, code: type, name: type, description: null }
    return amount_cents > 0 ? [{ ...shared, lago_id: id, amount_cents, before_taxes, item }] : []
  })
  return [...coupons, ...lines] satisfies Sent<CreditObject>[]
}
