import { and, eq } from 'drizzle-orm'

import { customers } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { CheckoutBody } from '../dodo/client.ts'
import { isOfOrganization } from '../domain/metadata.ts'
import type { LagoCustomer } from '../lago/objects.ts'
import { intentOf } from './intents.ts'
import { firstEmail, newPayToken } from './load.ts'
import { once } from './once.ts'
import { explainSettings } from './refusals.ts'
import { isRefused } from './unknown-outcome.ts'

type Directory = Pick<Deps, 'alone' | 'db' | 'dodo' | 'now' | 'organizationId'>
/** A customer who is known at Dodo. */
export type CustomerRow = typeof customers.$inferSelect & { dodoCustomerId: string }

/** A second customer or product at Dodo moves no money, so what is not answered is waited for less long. */
export const HARMLESS_MS = 45_000

type Country = NonNullable<CheckoutBody['billing_address']>['country']

/**
 * Who pays a checkout, as it says it. Where Lago does not know the e-mail address or the country, the hosted
 * page asks, and whoever answers is nobody's Dodo customer but their own: an e-mail address that somebody
 * types must not lead to the customer, or the cards, of another.
 */
export async function describePayer(
  deps: Directory,
  customer: LagoCustomer,
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
    const customerId = await findOrCreateCustomer(deps, customer)
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
): Promise<string> {
  const lagoCustomerId = customer.external_id
  const known = await recallCustomer(deps, lagoCustomerId)
  // Also when the event that told of a change got lost.
  if (known && (await updateCustomer(deps, known, customer))) return known.dodoCustomerId
  return deps.alone(`customer:${lagoCustomerId}`, async () => {
    const meanwhile = await recallCustomer(deps, lagoCustomerId)
    if (meanwhile) return meanwhile.dodoCustomerId
    const dodoCustomerId = await establish(deps, customer)
    if (!dodoCustomerId) throw new Error(`customer ${lagoCustomerId} was not created at Dodo`)
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
  return row?.dodoCustomerId ? { ...row, dodoCustomerId: row.dodoCustomerId } : undefined
}

/**
 * Tells Dodo the name and e-mail address that Lago has now, if it was told others. False when Dodo merged or forgot
 * the customer: then so do we, and the next look finds or creates one anew.
 */
export async function updateCustomer(
  deps: Pick<Deps, 'db' | 'dodo'>,
  row: CustomerRow,
  customer: LagoCustomer,
): Promise<boolean> {
  const { db, dodo } = deps
  const told = asTold(customer)
  const isSame =
    told.name === row.name &&
    told.email === row.email &&
    customer.country === row.country &&
    customer.currency === row.currency
  if (isSame) return true
  if (told.email && (told.name !== row.name || told.email !== row.email)) {
    const isGone = await dodo.updateCustomer(row.dodoCustomerId, told).then(
      () => false,
      (error: unknown) => {
        if (!isRefused(error) || error.status !== 404) throw error
        return true
      },
    )
    if (isGone) {
      await forgetCustomer(deps, row)
      return false
    }
  }
  await db
    .update(customers)
    .set({ ...told, country: customer.country, currency: customer.currency })
    .where(eq(customers.lagoCustomerId, row.lagoCustomerId))
  return true
}

/** Forgets a customer whom Dodo no longer has, so that they are found or created anew. */
export async function forgetCustomerIfGone(
  deps: Pick<Deps, 'db' | 'dodo'>,
  lagoCustomerId: string,
): Promise<boolean> {
  const known = await recallCustomer(deps, lagoCustomerId)
  if (!known || (await deps.dodo.findCustomer(known.dodoCustomerId))) return false
  await forgetCustomer(deps, known)
  return true
}

const forgetCustomer = (
  { db }: Pick<Deps, 'db'>,
  { lagoCustomerId, dodoCustomerId }: Pick<CustomerRow, 'lagoCustomerId' | 'dodoCustomerId'>,
) =>
  db
    .update(customers)
    .set({ dodoCustomerId: null, setupUrl: null, setupExpiresAt: null })
    .where(
      and(
        eq(customers.lagoCustomerId, lagoCustomerId),
        dodoCustomerId === null ? undefined : eq(customers.dodoCustomerId, dodoCustomerId),
      ),
    )

/** Ours at Dodo, by e-mail and metadata: what is marked as another organisation's is another's customer. */
async function find(
  { dodo }: Directory,
  { email, external_id }: LagoCustomer,
  organizationId: string,
) {
  const sameEmail = await dodo.listCustomersByEmail(firstEmail(email) ?? '')
  return sameEmail.find(
    ({ metadata }) =>
      metadata['lago_customer_id'] === external_id && isOfOrganization(metadata, organizationId),
  )?.customer_id
}

/** Found or created, once; written down in either case. */
async function establish(deps: Directory, customer: LagoCustomer): Promise<string | undefined> {
  const { external_id: lagoCustomerId } = customer
  const organizationId = await deps.organizationId()
  const intent = intentOf(deps.db, `customer:${lagoCustomerId}`)
  type Known = { dodoCustomerId: string; isNew: boolean }
  const known = await once<{ metadata: Record<string, string> }, Known>(deps, {
    ...intent,
    what: `whether Dodo created customer ${lagoCustomerId}`,
    repeatableAt: await intent.repeatableAt(),
    unansweredMs: HARMLESS_MS,
    async find() {
      const dodoCustomerId = await find(deps, customer, organizationId)
      return dodoCustomerId ? { dodoCustomerId, isNew: false } : undefined
    },
    async prepare() {
      return {
        metadata: { lago_customer_id: lagoCustomerId, lago_organization_id: organizationId },
      }
    },
    reserve: deps.dodo.reserve,
    async make(body, turn) {
      const made = await deps.dodo.createCustomer({ ...asTold(customer), ...body }, turn)
      return { dodoCustomerId: made.customer_id, isNew: true }
    },
    async keep({ dodoCustomerId, isNew }) {
      await remember(deps, customer, { dodoCustomerId, isNew })
      await intent.forget()
    },
    async refused(refusal) {
      await intent.forget()
      throw explainSettings(refusal) ?? refusal
    },
  })
  return known?.dodoCustomerId
}

async function remember(
  { db, now }: Pick<Directory, 'db' | 'now'>,
  customer: LagoCustomer,
  { dodoCustomerId, isNew }: { dodoCustomerId: string; isNew: boolean },
) {
  const known = {
    dodoCustomerId,
    // What Dodo holds of one that was found is not known to be what Lago says now.
    ...(isNew && asTold(customer)),
    country: customer.country,
    currency: customer.currency,
  }
  await db
    .insert(customers)
    .values({
      lagoCustomerId: customer.external_id,
      payToken: newPayToken(),
      createdAt: now(),
      ...known,
    })
    .onConflictDoUpdate({ target: customers.lagoCustomerId, set: known })
}

function asTold({ name, legal_name, firstname, lastname, email: emails }: LagoCustomer) {
  const email = firstEmail(emails) ?? ''
  const person = [firstname, lastname].filter(Boolean).join(' ')
  return { email, name: name ?? legal_name ?? (person || email) }
}
