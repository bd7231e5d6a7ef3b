import { eq } from 'drizzle-orm'

import { customers } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { CheckoutBody } from '../dodo/client.ts'
import type { LagoCustomer } from '../lago/objects.ts'
import { firstEmail, newPayToken } from './load.ts'
import { isRefused } from './unknown-outcome.ts'

type Directory = Pick<Deps, 'alone' | 'db' | 'dodo' | 'now'>
export type CustomerRow = typeof customers.$inferSelect

type Country = NonNullable<CheckoutBody['billing_address']>['country']

/**
 * Who pays a checkout, as it says it. Where Lago does not know the e-mail address or the country, the hosted
 * page asks, and whoever answers is nobody's Dodo customer but their own: an e-mail address that somebody
 * types must not lead to the customer, or the cards, of another.
 */
export async function describePayer(
  deps: Directory,
  customer: LagoCustomer,
  organizationId: string,
): Promise<{
  asked: Pick<CheckoutBody, 'customer' | 'billing_address'>
  flags: CheckoutBody['feature_flags']
}> {
  const { country, zipcode } = customer
  const { email, name } = asTold(customer)
  const address = country && {
    billing_address: { country: country as Country, ...(zipcode && { zipcode }) },
  }
  if (email && country) {
    const customerId = await findOrCreateCustomer(deps, customer, organizationId)
    return { asked: { customer: { customer_id: customerId }, ...address }, flags: {} }
  }
  return {
    asked: { ...(email && { customer: { email, name } }), ...address },
    flags: { always_create_new_customer: true },
  }
}

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
  const known = await recallCustomer(deps, lagoCustomerId)
  if (known) {
    // Also when the event that told of a change got lost.
    await updateCustomer(deps, known, customer)
    return known.dodoCustomerId
  }
  return deps.alone(`customer:${lagoCustomerId}`, async () => {
    const meanwhile = await recallCustomer(deps, lagoCustomerId)
    if (meanwhile) return meanwhile.dodoCustomerId
    const found = await find(deps, customer)
    const dodoCustomerId = found ?? (await create(deps, customer, organizationId))
    await deps.db
      .insert(customers)
      .values({
        lagoCustomerId,
        dodoCustomerId,
        payToken: newPayToken(),
        // What Dodo holds of one that was found is not known to be what Lago says now.
        ...(found === undefined && asTold(customer)),
        country: customer.country,
        currency: customer.currency,
        createdAt: deps.now(),
      })
      .onConflictDoNothing()
    return dodoCustomerId
  })
}

export async function recallCustomer(
  { db }: Pick<Deps, 'db'>,
  lagoCustomerId: string,
): Promise<CustomerRow | undefined> {
  const [row] = await db
    .select()
    .from(customers)
    .where(eq(customers.lagoCustomerId, lagoCustomerId))
  return row
}

/** Tells Dodo the name and e-mail address that Lago has now, if it was told others. */
export async function updateCustomer(
  { db, dodo }: Pick<Deps, 'db' | 'dodo'>,
  row: CustomerRow,
  customer: LagoCustomer,
): Promise<void> {
  const told = asTold(customer)
  const isSame =
    told.name === row.name &&
    told.email === row.email &&
    customer.country === row.country &&
    customer.currency === row.currency
  if (isSame) return
  if (told.email && (told.name !== row.name || told.email !== row.email)) {
    await dodo.updateCustomer(row.dodoCustomerId, told).catch((error: unknown) => {
      // Dodo merged or forgot it: the next checkout finds or creates one anew.
      if (!isRefused(error) || error.status !== 404) throw error
    })
  }
  await db
    .update(customers)
    .set({ ...told, country: customer.country, currency: customer.currency })
    .where(eq(customers.lagoCustomerId, row.lagoCustomerId))
}

async function find({ dodo }: Directory, { email, external_id }: LagoCustomer) {
  const sameEmail = await dodo.listCustomersByEmail(firstEmail(email) ?? '')
  return sameEmail.find(({ metadata }) => metadata['lago_customer_id'] === external_id)?.customer_id
}

async function create({ dodo }: Directory, customer: LagoCustomer, organizationId: string) {
  const created = await dodo.createCustomer({
    ...asTold(customer),
    metadata: { lago_customer_id: customer.external_id, lago_organization_id: organizationId },
  })
  return created.customer_id
}

function asTold({ name, legal_name, firstname, lastname, email: emails }: LagoCustomer) {
  const email = firstEmail(emails) ?? ''
  const person = [firstname, lastname].filter(Boolean).join(' ')
  return { email, name: name ?? legal_name ?? (person || email) }
}
