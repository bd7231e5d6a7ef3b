import type { Courier } from '../../kit/courier.ts'
import { railsJson } from './rails-json.ts'
import { showInvoice, type Collection } from '../store/invoice-shapes.ts'
import { announces, asShownBy, type Since } from './older.ts'
import type { Signer } from './signature.ts'
import type { Invoice, LagoStore, LagoWorld } from '../store/store.ts'

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

/** Signs each event for each endpoint that listens for it, and hands it to the courier. */
export function createAnnouncer(options: {
  store: LagoStore
  organizationId: string
  signer: Signer
  courier: Courier
  since: Since
}): LagoWorld['announce'] {
  const { store, organizationId, signer, courier, since } = options

  return function announce(webhookType, objectType, object) {
    if (!announces(since, webhookType)) return
    const event = {
      webhook_type: webhookType,
      object_type: objectType,
      organization_id: organizationId,
      [objectType]: object,
    }
    const body = railsJson(asShownBy(since, event))
    for (const endpoint of store.webhookEndpoints) {
      const filtered = since('1.44.0') ? endpoint.event_types : null
      if (filtered && !filtered.includes(webhookType)) continue

      const uniqueKey = crypto.randomUUID()
      // Signed at every attempt: an endpoint whose algorithm changes affects what is still queued.
      const headers = () => ({
        'Content-Type': 'application/json',
        Accept: '*/*',
        'User-Agent': 'Ruby',
        'X-Lago-Signature': signer.sign(endpoint.signature_algo, body),
        'X-Lago-Signature-Algorithm': endpoint.signature_algo,
        'X-Lago-Unique-Key': uniqueKey,
      })
      courier.send({ url: endpoint.webhook_url, headers, body, type: webhookType })
    }
  }
}
