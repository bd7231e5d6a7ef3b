import { and, eq, inArray, isNotNull, or, sql } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { accountPages, mails, payers, receivables, timeline } from '../db/schema.ts'
import { note } from '../collect/timeline.ts'

/** While one of these is an invoice's state, its customer is somebody to deal with. */
export const OPEN_STATES = ['open', 'processing', 'failed', 'attention'] as const

const FORGOTTEN = '[forgotten]'
/** What looks like an e-mail address, in the words of a service that a reason repeats. */
const EMAIL = String.raw`[^\s@<>"'(),;:]+@[^\s@<>"'(),;:]+\.[^\s@<>"'(),;:]+`
/** A shorter name is part of too many words. */
const LEAST_NAME_LETTERS = 3

/**
 * Blanks the name and the e-mail address of a customer wherever the ledger has them; ids, amounts and what
 * was done stay. Returns the receivables whose name was blanked, each of which says so in its timeline.
 */
export async function eraseCustomer(
  tx: Executor,
  payerKey: string,
  { at, why }: { at: Date; why: string },
): Promise<string[]> {
  const ofCustomer = eq(receivables.payerKey, payerKey)
  const names = await readNames(tx, payerKey)
  await tx
    .update(payers)
    .set({ name: null, email: null })
    .where(and(eq(payers.payerKey, payerKey), or(isNotNull(payers.name), isNotNull(payers.email))))
  await tx
    .update(accountPages)
    .set({ language: null, timezone: null })
    .where(eq(accountPages.payerKey, payerKey))
  await tx
    .update(mails)
    .set({ address: null, reason: null })
    .where(and(eq(mails.payerKey, payerKey), or(isNotNull(mails.address), isNotNull(mails.reason))))
  await eraseTexts(tx, payerKey, names)
  const named = await tx
    .update(receivables)
    .set({ payerName: null })
    .where(and(ofCustomer, isNotNull(receivables.payerName)))
    .returning({ receivableId: receivables.receivableId })
  const receivableIds = named.map(({ receivableId }) => receivableId)
  for (const receivableId of receivableIds) {
    await note(tx, receivableId, `name and e-mail address of the customer blanked: ${why}`, at)
  }
  return receivableIds
}

async function readNames(tx: Executor, payerKey: string): Promise<string[]> {
  const [known, named] = await Promise.all([
    tx.select({ name: payers.name }).from(payers).where(eq(payers.payerKey, payerKey)),
    tx
      .selectDistinct({ name: receivables.payerName })
      .from(receivables)
      .where(eq(receivables.payerKey, payerKey)),
  ])
  const names = [...known, ...named].flatMap(({ name }) => name ?? [])
  return [...new Set(names)].filter(({ length }) => length >= LEAST_NAME_LETTERS)
}

/** A reason may repeat a service's own words, and those the customer's address. */
async function eraseTexts(tx: Executor, payerKey: string, names: readonly string[]) {
  const without = (text: typeof timeline.what | typeof receivables.reason) =>
    names.reduce(
      (cleared, name) => sql<string>`replace(${cleared}, ${name}, ${FORGOTTEN})`,
      sql<string>`regexp_replace(${text}, ${EMAIL}, ${FORGOTTEN}, 'g')`,
    )
  const ofCustomer = eq(receivables.payerKey, payerKey)
  const own = tx.select({ id: receivables.receivableId }).from(receivables).where(ofCustomer)
  await tx
    .update(timeline)
    .set({ what: without(timeline.what) })
    .where(
      and(inArray(timeline.receivableId, own), sql`${timeline.what} <> ${without(timeline.what)}`),
    )
  await tx
    .update(receivables)
    .set({ reason: without(receivables.reason) })
    .where(and(ofCustomer, sql`${receivables.reason} <> ${without(receivables.reason)}`))
}
