import { Hono } from 'hono'
import { answer, readRoot } from './answer.ts'
import { listCreditNotes } from './credit-notes.ts'
import { listInvoices } from './invoices.ts'
import { listPaymentRequests } from './payment-requests.ts'
import { listPayments } from './payments.ts'
import { getCustomer, upsertCustomer } from '../store/customers.ts'
import { paginate, readQuery, type Query } from './query.ts'
import { notFound } from '../store/refusal.ts'
import { showCustomer } from '../store/shapes.ts'
import type { Customer } from '../store/customer-record.ts'
import type { LagoWorld } from '../store/store.ts'

/** `/customers`; POST creates and updates. */
export function lagoCustomers(world: LagoWorld) {
  return new Hono()
    .get('/', (c) => {
      const query = readQuery(c.req.url)
      const { rows, meta } = paginate(query, selectCustomers(world, query))
      return answer({ customers: rows.map(inFull), meta })
    })
    .post('/', async (c) => {
      return answer({ customer: inFull(upsertCustomer(world, await readRoot(c, 'customer'))) })
    })
    .get('/:external_id', (c) => {
      return answer({ customer: inFull(getCustomer(world, routable(c.req.param('external_id')))) })
    })
    .get('/:external_id/:list', (c) => {
      const { external_id: externalId } = getCustomer(world, plain(c.req.param('external_id')))
      const list = LISTS[c.req.param('list')]
      if (!list) throw notFound('resource')
      return list(world, readQuery(c.req.url), externalId)
    })
}

const LISTS: Record<string, typeof listInvoices> = {
  invoices: listInvoices,
  payments: listPayments,
  payment_requests: listPaymentRequests,
  credit_notes: listCreditNotes,
}

/** Rails takes what follows a dot for a format and lets no slash through: such ids are not found. */
function routable(externalId: string): string {
  if (externalId.includes('/')) throw notFound('resource')
  return externalId.split('.')[0] ?? ''
}

/** Before another path segment a dot fits nothing at all. */
function plain(externalId: string): string {
  if (externalId.includes('.')) throw notFound('resource')
  return routable(externalId)
}

function selectCustomers(world: LagoWorld, query: Query): Customer[] {
  const [externalId, term] = [query.one('external_id'), query.one('search_term')?.toLowerCase()]
  const currencies = query.many('currencies')
  const metadata = [...query.hash('metadata')]

  return [...world.store.customers.values()]
    .filter(({ external_id }) => externalId === undefined || external_id === externalId)
    .filter(({ currency }) => currencies.length === 0 || currencies.includes(currency ?? ''))
    .filter((customer) =>
      metadata.every(([key, value]) => {
        const entry = customer.metadata.find((other) => other.key === key)
        return value === '' ? entry === undefined : entry?.value === value
      }),
    )
    .filter(({ name, external_id, email }) => {
      return !term || [name, external_id, email].some((text) => text?.toLowerCase().includes(term))
    })
    .toReversed()
}

function inFull(customer: Customer) {
  return { ...showCustomer(customer), integration_customers: [], taxes: [] }
}
