import type { CustomerCreateInput } from 'lago-javascript-client'
import type { Country } from './currency.ts'
import { readCurrency } from './currency.ts'
import { replaceMetadata } from './metadata.ts'
import { invalid, notFound } from './refusal.ts'
import { showCustomer } from './shapes.ts'
import { CUSTOMER_TEXTS, PAYMENT_PROVIDERS, type Customer } from './customer-record.ts'
import { timestamp, type LagoWorld } from './store.ts'

const METADATA_VALUE_MAX_LENGTH = 100
const SLUG_PREFIX = 'ACM'

export type CustomerInput = Partial<CustomerCreateInput['customer']> & { external_id: string }

/** Creates the customer or changes what is given of it; every call is announced, changed or not. */
export function upsertCustomer(world: LagoWorld, input: Record<string, unknown>): Customer {
  const externalId = input['external_id']
  if (typeof externalId !== 'string' || externalId.trim() === '') {
    throw invalid({ external_id: ['value_is_mandatory'] })
  }

  const known = world.store.customers.get(externalId)
  const now = world.now()
  // Checked on a copy: a refused upsert leaves the customer as it was.
  const customer = { ...(known ?? newCustomer(world, externalId)), updated_at: timestamp(now) }
  assignAttributes(customer, input)
  assignProvider(customer, input['billing_configuration'])
  if (Array.isArray(input['metadata'])) {
    const limits = { valueMaxLength: METADATA_VALUE_MAX_LENGTH, now }
    customer.metadata = replaceMetadata(
      customer.metadata,
      input['metadata'],
      limits,
      (entry, given) => ({ ...entry, display_in_invoice: given['display_in_invoice'] === true }),
    )
  }

  const stored = known ? Object.assign(known, customer) : customer
  world.store.customers.set(externalId, stored)
  const event = known ? 'customer.updated' : 'customer.created'
  world.announce(event, 'customer', { ...showCustomer(stored), integration_customers: [] })
  return stored
}

/** The customer, or Lago's 404. */
export function getCustomer(world: LagoWorld, externalId: unknown): Customer {
  const { customers } = world.store
  const customer = typeof externalId === 'string' ? customers.get(externalId) : undefined
  if (!customer) throw notFound('customer')
  return customer
}

function newCustomer(world: LagoWorld, externalId: string): Customer {
  const sequentialId = world.store.customers.size + 1
  const createdAt = timestamp(world.now())
  return {
    ...NO_TEXTS,
    lago_id: crypto.randomUUID(),
    external_id: externalId,
    sequential_id: sequentialId,
    slug: `${SLUG_PREFIX}-${String(sequentialId).padStart(3, '0')}`,
    account_type: 'customer',
    customer_type: null,
    country: null,
    currency: null,
    net_payment_term: null,
    document_locale: null,
    timezone: null,
    payment_provider: null,
    payment_provider_code: null,
    provider_customer_id: null,
    metadata: [],
    created_at: createdAt,
    updated_at: createdAt,
  }
}

const NO_TEXTS = {
  name: null,
  firstname: null,
  lastname: null,
  email: null,
  address_line1: null,
  address_line2: null,
  city: null,
  state: null,
  zipcode: null,
  phone: null,
  url: null,
  logo_url: null,
  legal_name: null,
  legal_number: null,
  tax_identification_number: null,
  external_salesforce_id: null,
} satisfies Record<(typeof CUSTOMER_TEXTS)[number], null>

function assignAttributes(customer: Customer, input: Record<string, unknown>): void {
  for (const name of CUSTOMER_TEXTS) {
    const value = input[name]
    if (value !== undefined) customer[name] = typeof value === 'string' ? value : null
  }
  const { country, currency, account_type, customer_type, net_payment_term, timezone } = input
  if (timezone !== undefined) customer.timezone = textOrNull(timezone) as Customer['timezone']
  if (country !== undefined) customer.country = readCountry(country)
  if (currency !== undefined) customer.currency = currency === null ? null : readCurrency(currency)
  if (account_type === 'customer' || account_type === 'partner')
    customer.account_type = account_type
  if (customer_type === 'company' || customer_type === 'individual') {
    customer.customer_type = customer_type
  }
  if (typeof net_payment_term === 'number') customer.net_payment_term = net_payment_term
}

function readCountry(value: unknown): Country | null {
  if (value === null || value === '') return null
  if (isCountry(value)) return value
  throw invalid({ country: ['value_is_invalid'] })
}

function isCountry(value: unknown): value is Country {
  return typeof value === 'string' && /^[A-Z]{2}$/.test(value)
}

/** A provider Lago does not know unlinks the one there was, without a word. */
function assignProvider(customer: Customer, configuration: unknown): void {
  if (typeof configuration !== 'object' || configuration === null) return
  if ('document_locale' in configuration) {
    customer.document_locale = textOrNull(configuration.document_locale)
  }
  if (!('payment_provider' in configuration)) return

  const given = { payment_provider_code: null, provider_customer_id: null, ...configuration }
  const provider = PAYMENT_PROVIDERS.find((name) => name === given.payment_provider)
  if (!provider && given.provider_customer_id !== null && given.payment_provider !== null) {
    throw invalid({ base: ['payment_provider_not_found'] })
  }
  customer.payment_provider = provider ?? null
  customer.payment_provider_code = provider ? textOrNull(given.payment_provider_code) : null
  customer.provider_customer_id = provider ? textOrNull(given.provider_customer_id) : null
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}
