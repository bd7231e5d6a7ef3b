import { eq } from 'drizzle-orm'

import { customers } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { LagoCustomer } from '../lago/objects.ts'
import { firstEmail } from './load.ts'

type Directory = Pick<Deps, 'alone' | 'db' | 'dodo' | 'now'>

/**
 * Who a Lago customer is at Dodo: remembered, else found by e-mail and our metadata, else created. An
 * e-mail alone identifies nobody: two Lago customers may share one, and never share a Dodo customer.
 */
export async function findOrCreateCustomer(
  deps: Directory,
  customer: LagoCustomer,
  organizationId: string,
): Promise<string> {
  const lagoCustomerId = customer.external_id
  const known = await recall(deps, lagoCustomerId)
  if (known) return known

  return deps.alone(`customer:${lagoCustomerId}`, async () => {
    const meanwhile = await recall(deps, lagoCustomerId)
    if (meanwhile) return meanwhile
    const dodoCustomerId =
      (await find(deps, customer)) ?? (await create(deps, customer, organizationId))
    await deps.db
      .insert(customers)
      .values({ lagoCustomerId, dodoCustomerId, createdAt: deps.now() })
      .onConflictDoNothing()
    return dodoCustomerId
  })
}

async function recall({ db }: Directory, lagoCustomerId: string) {
  const [row] = await db
    .select()
    .from(customers)
    .where(eq(customers.lagoCustomerId, lagoCustomerId))
  return row?.dodoCustomerId
}

async function find({ dodo }: Directory, { email, external_id }: LagoCustomer) {
  const sameEmail = await dodo.listCustomersByEmail(firstEmail(email) ?? '')
  return sameEmail.find(({ metadata }) => metadata['lago_customer_id'] === external_id)?.customer_id
}

async function create({ dodo }: Directory, customer: LagoCustomer, organizationId: string) {
  const email = firstEmail(customer.email) ?? ''
  const created = await dodo.createCustomer({
    email,
    name: nameOf(customer) ?? email,
    metadata: { lago_customer_id: customer.external_id, lago_organization_id: organizationId },
  })
  return created.customer_id
}

function nameOf({ name, legal_name, firstname, lastname }: LagoCustomer): string | null {
  const person = [firstname, lastname].filter(Boolean).join(' ')
  return name ?? legal_name ?? (person || null)
}
