import { Hono } from 'hono'
import { amountsOf } from '../store/amounts.ts'
import { answer, readObject, readRoot } from './answer.ts'
import { getInvoice } from '../store/invoices.ts'
import { oneOf, paginate, readQuery, type Query } from './query.ts'
import { notAllowed } from '../store/refusal.ts'
import { finalizeInvoice, voidInvoice } from '../store/invoice-state.ts'
import { loseDispute, retryPayment, updateInvoice } from '../store/settlement.ts'
import { showInvoice, type Collection } from '../store/invoice-shapes.ts'
import type { Invoice } from '../store/records.ts'
import type { LagoWorld } from '../store/store.ts'

const STATUSES = ['draft', 'finalized', 'voided', 'failed', 'pending']
const PAYMENT_STATUSES = ['pending', 'succeeded', 'failed']
const INVOICE_TYPES = [
  'subscription',
  'add_on',
  'credit',
  'one_off',
  'advance_charges',
  'progressive_billing',
]
const IN_FULL: readonly Collection[] = [
  'customer',
  'integration_customers',
  'fees',
  'credits',
  'subscriptions',
  'billing_periods',
  'applied_taxes',
  'applied_invoice_custom_sections',
  'metadata',
  'error_details',
]
const IN_LIST: readonly Collection[] = [
  'customer',
  'integration_customers',
  'applied_taxes',
  'metadata',
]

/** `/invoices`, and what can be done to one of them. */
export function lagoInvoices(world: LagoWorld) {
  /** Of these it has begun to make the file. */
  const begun = new Set<string>()
  const inFull = (invoice: Invoice) => answer({ invoice: showInvoice(invoice, world, IN_FULL) })

  return new Hono()
    .get('/', (c) => {
      const query = readQuery(c.req.url)
      const customer = query.one('external_customer_id') ?? query.one('customer_external_id')
      return listInvoices(world, query, customer)
    })
    .get('/:id', (c) => inFull(getInvoice(world, c.req.param('id'))))
    .put('/:id', async (c) => {
      return inFull(updateInvoice(world, c.req.param('id'), await readRoot(c, 'invoice')))
    })
    .post('/:id/void', async (c) => {
      return inFull(voidInvoice(world, c.req.param('id'), await readObject(c)))
    })
    .post('/:id/download', (c) => {
      const invoice = getInvoice(world, c.req.param('id'))
      const isMade = begun.has(invoice.lago_id)
      begun.add(invoice.lago_id)
      if (!isMade) return new Response(null, { status: 200 })
      const file_url = `${world.publicUrl}/rails/active_storage/blobs/${invoice.lago_id}.pdf`
      return answer({ invoice: { ...showInvoice(invoice, world, []), file_url } })
    })
    .post('/:id/lose_dispute', (c) => inFull(loseDispute(world, c.req.param('id'))))
    .put('/:id/finalize', (c) => inFull(finalizeInvoice(world, c.req.param('id'))))
    .post('/:id/retry_payment', (c) => {
      retryPayment(world, c.req.param('id'))
      return new Response(null, { status: 200 })
    })
    .post('/:id/retry', (c) => {
      getInvoice(world, c.req.param('id'))
      throw notAllowed('invalid_status')
    })
}

/** The visible invoices that the filters let through, newest first. */
export function listInvoices(
  world: LagoWorld,
  query: Query,
  externalCustomerId: string | undefined,
): Response {
  const selected = selectInvoices(world, query).filter(({ customer }) =>
    [undefined, customer.external_id].includes(externalCustomerId),
  )
  const { rows, meta } = paginate(query, selected)
  return answer({ invoices: rows.map((row) => showInvoice(row, world, IN_LIST)), meta })
}

function selectInvoices(world: LagoWorld, query: Query): Invoice[] {
  const statuses = oneOf(query.many('status', 'statuses'), STATUSES, 'status')
  const payment = oneOf(
    query.many('payment_status', 'payment_statuses'),
    PAYMENT_STATUSES,
    'payment_status',
  )
  const types = oneOf(query.many('invoice_type'), INVOICE_TYPES, 'invoice_type')

  return [...world.store.invoices.values()]
    .filter((invoice) => invoice.status !== 'open')
    .filter((invoice) => anyOf(statuses, invoice.status))
    .filter((invoice) => anyOf(payment, invoice.payment_status))
    .filter((invoice) => anyOf(types, invoice.invoice_type))
    .filter((invoice) => hasMetadata(invoice, query))
    .filter((invoice) => hasFlags(invoice, world, query))
    .filter((invoice) => isWithin(invoice, world, query))
    .filter((invoice) => isFoundBy(invoice, query.one('search_term')))
    .toReversed()
    .toSorted((a, b) => sortKey(b).localeCompare(sortKey(a)))
}

/** A filter that was not given lets everything through. */
function anyOf(allowed: readonly string[], value: string): boolean {
  return allowed.length === 0 || allowed.includes(value)
}

function sortKey({ issuing_date, created_at }: Invoice): string {
  return `${issuing_date} ${created_at}`
}

/** Several pairs must all be there; an empty value asks for the key to be absent. */
function hasMetadata(invoice: Invoice, query: Query): boolean {
  return [...query.hash('metadata')].every(([key, value]) => {
    const entry = invoice.metadata.find((other) => other.key === key)
    return value === '' ? entry === undefined : entry?.value === value
  })
}

function hasFlags(invoice: Invoice, world: LagoWorld, query: Query): boolean {
  const { total, due } = amountsOf(invoice, world.store)
  const paid = invoice.total_paid_amount_cents
  const flags = {
    payment_overdue: invoice.payment_overdue,
    self_billed: invoice.self_billed,
    partially_paid: paid > 0 && due > 0 && paid < total,
  }
  const agree = Object.entries(flags).every(([name, flag]) => {
    const wanted = query.one(name)
    return wanted === undefined || flag === (wanted === 'true' || wanted === '1')
  })
  // Lago takes any text for true here, `false` included.
  const isDisputed = invoice.payment_dispute_lost_at !== null
  return agree && (query.one('payment_dispute_lost') === undefined || isDisputed)
}

function isWithin(invoice: Invoice, world: LagoWorld, query: Query): boolean {
  const { total } = amountsOf(invoice, world.store)
  const currency = query.one('currency')
  return (
    (currency === undefined || invoice.currency === currency) &&
    total >= Number(query.one('amount_from') ?? -Infinity) &&
    total <= Number(query.one('amount_to') ?? Infinity) &&
    invoice.issuing_date >= (dateOf(query.one('issuing_date_from')) ?? '') &&
    invoice.issuing_date <= (dateOf(query.one('issuing_date_to')) ?? '9999')
  )
}

/** Lago ignores a date it cannot parse. */
function dateOf(text: string | undefined): string | undefined {
  return text !== undefined && /^\d{4}-\d{2}-\d{2}/.test(text) ? text.slice(0, 10) : undefined
}

function isFoundBy(invoice: Invoice, term: string | undefined): boolean {
  if (term === undefined) return true
  const { name, external_id, email } = invoice.customer
  const texts = [invoice.lago_id, invoice.number, name, external_id, email]
  return texts.some((text) => text?.toLowerCase().includes(term.toLowerCase()))
}
