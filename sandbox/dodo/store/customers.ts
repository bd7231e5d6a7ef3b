import type { Customer } from 'dodopayments/resources/customers/customers'
import type { CustomerLimitedDetails } from 'dodopayments/resources/payments'
import type { z } from 'zod'
import { notFound } from './refusal.ts'
import type { CustomerUpdate } from './requests.ts'
import { BUSINESS_ID, type DodoStore, newId, type Session } from './store.ts'
import type { DodoWorld } from './world.ts'

/** The customer, or Dodo's 404. */
export function findCustomer(store: DodoStore, customerId: string): Customer {
  const customer = store.customers.get(customerId)
  if (!customer) throw notFound('customer', customerId)
  return customer
}

/** Writes a customer down; Dodo does not mind having the same person twice. */
export function createCustomer(
  { store, now }: Pick<DodoWorld, 'store' | 'now'>,
  fields: Pick<Customer, 'email' | 'name' | 'metadata' | 'phone_number'>,
): Customer {
  const customer = {
    customer_id: newId('cus'),
    business_id: BUSINESS_ID,
    email: fields.email,
    name: fields.name,
    phone_number: fields.phone_number ?? null,
    metadata: fields.metadata ?? {},
    created_at: now().toISOString(),
  } satisfies Customer
  store.customers.set(customer.customer_id, customer)
  return customer
}

/** Changes what was sent of it. */
export function updateCustomer(
  store: DodoStore,
  customerId: string,
  { email, name, metadata, phone_number }: z.infer<typeof CustomerUpdate>,
): Customer {
  const customer = findCustomer(store, customerId)
  if (email) customer.email = email
  if (name) customer.name = name
  if (metadata) customer.metadata = metadata
  if (phone_number !== undefined) customer.phone_number = phone_number
  return customer
}

/** An e-mail finds the youngest customer who has it, unless the session wants a new one. */
export function resolveCustomer(
  world: Pick<DodoWorld, 'store' | 'now'>,
  { request }: Session,
  typed: { email?: string | undefined; name?: string | undefined },
): CustomerLimitedDetails {
  const asked = request.customer
  if (asked && 'customer_id' in asked) return limited(findCustomer(world.store, asked.customer_id))

  const email = asked?.email ?? typed.email ?? 'customer@example.com'
  const known = [...world.store.customers.values()].findLast((other) => other.email === email)
  if (known && !request.feature_flags?.always_create_new_customer) return limited(known)

  const name = asked?.name ?? typed.name ?? email
  return limited(createCustomer(world, { email, name, phone_number: asked?.phone_number ?? null }))
}

function limited(customer: Customer): CustomerLimitedDetails {
  const { customer_id, email, name, metadata, phone_number } = customer
  return { customer_id, email, name, metadata: metadata ?? {}, phone_number: phone_number ?? null }
}
