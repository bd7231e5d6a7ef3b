import type { PaymentRequestObject } from 'lago-javascript-client'
import { amountsOf } from './amounts.ts'
import type { Customer } from './customer-record.ts'
import { getCustomer } from './customers.ts'
import { showInvoiceBase } from './invoice-shapes.ts'
import { featureUnavailable, notAllowed, notFound } from './refusal.ts'
import { showCustomer, without, type Sent } from './shapes.ts'
import type { Invoice, PaymentRequest } from './records.ts'
import { timestamp, type LagoWorld } from './store.ts'

/** POST /payment_requests: asks for several overdue invoices at once, for what is due on them now. */
export function createPaymentRequest(
  world: LagoWorld,
  input: Record<string, unknown>,
): PaymentRequest {
  if (!world.premium) throw featureUnavailable()
  const customer = getCustomer(world, input['external_customer_id'])
  const invoices = readInvoices(world, customer, input['lago_invoice_ids'])
  const [first] = invoices
  if (!first) throw notFound('invoice')
  assertPayableTogether(invoices, first)

  const email = typeof input['email'] === 'string' ? input['email'] : customer.email
  const request: PaymentRequest = {
    lago_id: crypto.randomUUID(),
    customer,
    invoices,
    amount_cents: invoices.reduce((sum, one) => sum + amountsOf(one, world.store).due, 0),
    amount_currency: first.currency,
    email,
    payment_status: 'pending',
    created_at: timestamp(world.now()),
  }
  world.store.paymentRequests.push(request)
  const shown = showPaymentRequest(request, world)
  world.announce('payment_request.created', 'payment_request', shown)
  return request
}

/** An attempt of a dunning campaign: one request per billing entity and currency. */
export function dunCustomer(world: LagoWorld, externalId: string): PaymentRequest[] {
  const customer = getCustomer(world, externalId)
  const overdue = [...world.store.invoices.values()].filter(
    (invoice) => invoice.customer === customer && isOverdue(invoice),
  )
  const groups = Map.groupBy(overdue, (one) => `${one.billing_entity_code} ${one.currency}`)
  return [...groups.values()].map((invoices) =>
    createPaymentRequest(world, {
      external_customer_id: externalId,
      lago_invoice_ids: invoices.map(({ lago_id }) => lago_id),
    }),
  )
}

/** The request, or Lago's 404. */
export function getPaymentRequest(world: LagoWorld, lagoId: string): PaymentRequest {
  const request = world.store.paymentRequests.find(({ lago_id }) => lago_id === lagoId)
  if (!request) throw notFound('payment_request')
  return request
}

/** A payment request as the API and its webhook show it: its invoices carry base fields only. */
export function showPaymentRequest(request: PaymentRequest, world: LagoWorld) {
  const checked = {
    ...without(request, ['customer', 'invoices']),
    invoices: request.invoices.map((invoice) => showInvoiceBase(invoice, world)),
  } satisfies Partial<Sent<PaymentRequestObject>>
  return { ...checked, customer: showCustomer(request.customer) }
}

function readInvoices(world: LagoWorld, customer: Customer, given: unknown): Invoice[] {
  const ids: unknown[] = Array.isArray(given) ? given : []
  return [...new Set(ids)].map((id) => {
    const invoice = typeof id === 'string' ? world.store.invoices.get(id) : undefined
    if (!invoice || invoice.status === 'open' || invoice.customer !== customer)
      throw notFound('invoice')
    return invoice
  })
}

function assertPayableTogether(invoices: readonly Invoice[], first: Invoice): void {
  if (!invoices.every(isOverdue)) throw notAllowed('invoices_not_overdue')
  if (invoices.some(({ currency }) => currency !== first.currency))
    throw notAllowed('invoices_have_different_currencies')
  if (invoices.some((other) => other.billing_entity_code !== first.billing_entity_code))
    throw notAllowed('invoices_have_different_billing_entities')
  if (invoices.some((invoice) => !invoice.ready_for_payment_processing))
    throw notAllowed('invoices_not_ready_for_payment_processing')
}

function isOverdue(invoice: Invoice): boolean {
  return invoice.payment_overdue && invoice.status === 'finalized'
}
