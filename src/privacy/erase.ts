import { and, eq, isNotNull, or } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { accountPages, mails, payers, receivables } from '../db/schema.ts'
import { note } from '../collect/timeline.ts'
import { eraseTexts } from './erase-texts.ts'
import { isLongEnough } from './forgotten.ts'

/** While one of these is an invoice's state, its customer is somebody to deal with. */
export const OPEN_STATES = ['open', 'processing', 'failed', 'attention'] as const

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
  await eraseTexts(tx, { own: ownOf(tx, payerKey), payerKey, names })
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

const ownOf = (tx: Executor, payerKey: string) =>
  tx
    .select({ id: receivables.receivableId })
    .from(receivables)
    .where(eq(receivables.payerKey, payerKey))

async function readNames(tx: Executor, payerKey: string): Promise<string[]> {
  const [known, named] = await Promise.all([
    tx.select({ name: payers.name }).from(payers).where(eq(payers.payerKey, payerKey)),
    tx
      .selectDistinct({ name: receivables.payerName })
      .from(receivables)
      .where(eq(receivables.payerKey, payerKey)),
  ])
  const names = [...known, ...named].flatMap(({ name }) => name ?? [])
  return [...new Set(names)].filter(isLongEnough)
}
