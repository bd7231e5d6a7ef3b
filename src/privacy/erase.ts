import { and, eq, inArray, isNotNull, or, sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { bundles, customers, invoices, timeline } from '../db/schema.ts'
import { note } from '../settle/timeline.ts'

/** While one of these is an invoice's state, its customer is somebody to deal with. */
export const OPEN_STATES = ['open', 'processing', 'failed', 'attention'] as const

const FORGOTTEN = '[forgotten]'
/** What looks like an e-mail address, in the words of a service that a reason repeats. */
const EMAIL = String.raw`[^\s@<>"'(),;:]+@[^\s@<>"'(),;:]+\.[^\s@<>"'(),;:]+`
/** A shorter name is part of too many words. */
const LEAST_NAME_LETTERS = 3

/**
 * Blanks the name and the e-mail address of a customer wherever the ledger has them; ids, amounts and what
 * was done stay. Returns the invoices whose name was blanked, each of which says so in its timeline.
 */
export async function eraseCustomer(
  tx: Executor,
  lagoCustomerId: string,
  { at, why }: { at: Date; why: string },
): Promise<string[]> {
  const ofCustomer = eq(invoices.lagoCustomerId, lagoCustomerId)
  const names = await readNames(tx, lagoCustomerId)
  await tx
    .update(customers)
    .set({ name: null, email: null })
    .where(
      and(
        eq(customers.lagoCustomerId, lagoCustomerId),
        or(isNotNull(customers.name), isNotNull(customers.email)),
      ),
    )
  await eraseTexts(tx, lagoCustomerId, names)
  const named = await tx
    .update(invoices)
    .set({ customerName: null })
    .where(and(ofCustomer, isNotNull(invoices.customerName)))
    .returning({ lagoInvoiceId: invoices.lagoInvoiceId })
  const lagoInvoiceIds = named.map(({ lagoInvoiceId }) => lagoInvoiceId)
  for (const lagoInvoiceId of lagoInvoiceIds) {
    await note(tx, lagoInvoiceId, `name and e-mail address of the customer blanked: ${why}`, at)
  }
  return lagoInvoiceIds
}

async function readNames(tx: Executor, lagoCustomerId: string): Promise<string[]> {
  const [known, named] = await Promise.all([
    tx
      .select({ name: customers.name })
      .from(customers)
      .where(eq(customers.lagoCustomerId, lagoCustomerId)),
    tx
      .selectDistinct({ name: invoices.customerName })
      .from(invoices)
      .where(eq(invoices.lagoCustomerId, lagoCustomerId)),
  ])
  const names = [...known, ...named].flatMap(({ name }) => name ?? [])
  return [...new Set(names)].filter(({ length }) => length >= LEAST_NAME_LETTERS)
}

/** A reason may repeat a service's own words, and those the customer's address. */
async function eraseTexts(tx: Executor, lagoCustomerId: string, names: readonly string[]) {
  const without = (text: typeof timeline.what | typeof invoices.reason | typeof bundles.reason) =>
    names.reduce(
      (cleared, name) => sql<string>`replace(${cleared}, ${name}, ${FORGOTTEN})`,
      sql<string>`regexp_replace(${text}, ${EMAIL}, ${FORGOTTEN}, 'g')`,
    )
  const ofCustomer = eq(invoices.lagoCustomerId, lagoCustomerId)
  const own = tx.select({ id: invoices.lagoInvoiceId }).from(invoices).where(ofCustomer)
  await tx
    .update(timeline)
    .set({ what: without(timeline.what) })
    .where(
      and(inArray(timeline.lagoInvoiceId, own), sql`${timeline.what} <> ${without(timeline.what)}`),
    )
  await tx
    .update(invoices)
    .set({ reason: without(invoices.reason) })
    .where(and(ofCustomer, sql`${invoices.reason} <> ${without(invoices.reason)}`))
  await tx
    .update(bundles)
    .set({ reason: without(bundles.reason) })
    .where(eq(bundles.lagoCustomerId, lagoCustomerId))
}
