import { showInvoice, type Collection } from './invoice-shapes.ts'
import type { Invoice } from './records.ts'
import type { LagoWorld } from './store.ts'

const CREATED_LATER = [
  'customer',
  'fees',
  'applied_taxes',
  'applied_invoice_custom_sections',
] as const
const LEDGER = ['fees', 'credits', 'subscriptions', 'billing_periods', 'applied_taxes'] as const

/** Which collections an invoice carries in each event. Its metadata is in none of them. */
const COLLECTIONS = {
  'invoice.created': ['customer', ...LEDGER, 'applied_invoice_custom_sections'],
  'invoice.one_off_created': CREATED_LATER,
  'invoice.paid_credit_added': CREATED_LATER,
  'invoice.voided': ['customer', ...LEDGER],
  'invoice.payment_overdue': ['customer', 'fees', 'applied_taxes'],
  'invoice.payment_status_updated': ['customer', 'fees'],
} as const satisfies Record<string, readonly Collection[]>

export type InvoiceEvent = keyof typeof COLLECTIONS

/** Announces what happened to an invoice. */
export function announceInvoice(world: LagoWorld, event: InvoiceEvent, invoice: Invoice): void {
  world.announce(event, 'invoice', showInvoice(invoice, world, COLLECTIONS[event]))
}

/** Announces a lost dispute, whose invoice sits one level deeper than everywhere else. */
export function announceDisputeLost(world: LagoWorld, invoice: Invoice): void {
  const object = { invoice: showInvoice(invoice, world, ['customer']) }
  world.announce('invoice.payment_dispute_lost', 'payment_dispute_lost', object)
}

/**
 * Announces that a payment was asked for again and that nobody in Lago can take it: the signal for
 * those who collect elsewhere.
 */
export function announceRetryWithoutProvider(world: LagoWorld, invoice: Invoice): void {
  const objectType = 'payment_provider_invoice_payment_error'
  world.announce('invoice.payment_failure', objectType, {
    lago_invoice_id: invoice.lago_id,
    lago_customer_id: invoice.customer.lago_id,
    external_customer_id: invoice.customer.external_id,
    provider_customer_id: null,
    payment_provider: null,
    payment_provider_code: null,
    provider_error: null,
    error_details: { code: 'customer_must_have_payment_provider' },
  })
}
