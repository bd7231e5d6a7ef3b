import { and, eq, inArray, isNotNull, or, sql, type SQL, type SQLWrapper } from 'drizzle-orm'
import type { AnyPgColumn } from 'drizzle-orm/pg-core'

import type { Executor } from '../db/client.ts'
import {
  accountPages,
  creditNotes,
  credits,
  deadLetters,
  dismissals,
  mails,
  payers,
  payments,
  receivables,
  recordings,
  refundOrders,
  refunds,
  timeline,
} from '../db/schema.ts'
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

type Text = AnyPgColumn<{ data: string }>

/**
 * A reason may repeat a service's own words, and those the customer's address; a person may have written the name into
 * a note.
 */
async function eraseTexts(tx: Executor, payerKey: string, names: readonly string[]) {
  const without = (text: Text) =>
    names.reduce(
      (cleared, name) => sql<string>`replace(${cleared}, ${name}, ${FORGOTTEN})`,
      sql<string>`regexp_replace(${text}, ${EMAIL}, ${FORGOTTEN}, 'g')`,
    )
  const isToBeErased = (text: Text) => sql`${text} <> ${without(text)}`
  const ofCustomer = eq(receivables.payerKey, payerKey)
  const own = tx.select({ id: receivables.receivableId }).from(receivables).where(ofCustomer)
  await tx
    .update(timeline)
    .set({ what: without(timeline.what) })
    .where(and(inArray(timeline.receivableId, own), isToBeErased(timeline.what)))
  const { reason, seenReason, seenNote, lastError, metadataRefusal } = receivables
  await tx
    .update(receivables)
    .set({
      reason: without(reason),
      seenReason: without(seenReason),
      seenNote: without(seenNote),
      lastError: without(lastError),
      metadataRefusal: without(metadataRefusal),
    })
    .where(
      and(
        ofCustomer,
        or(...[reason, seenReason, seenNote, lastError, metadataRefusal].map(isToBeErased)),
      ),
    )
  await tx
    .update(recordings)
    .set({ reason: without(recordings.reason), ruledWhy: without(recordings.ruledWhy) })
    .where(
      and(
        inArray(recordings.receivableId, own),
        or(isToBeErased(recordings.reason), isToBeErased(recordings.ruledWhy)),
      ),
    )
  for (const table of [refundOrders, credits, creditNotes])
    await tx
      .update(table)
      .set({ reason: without(table.reason) })
      .where(and(inArray(table.receivableId, own), isToBeErased(table.reason)))
  const paid = tx
    .select({ id: payments.dodoPaymentId })
    .from(payments)
    .where(inArray(payments.receivableId, own))
  await tx
    .update(refunds)
    .set({ refundReason: without(refunds.refundReason) })
    .where(and(inArray(refunds.dodoPaymentId, paid), isToBeErased(refunds.refundReason)))
  await tx
    .update(deadLetters)
    .set({ error: without(deadLetters.error) })
    .where(
      and(
        or(inArray(deadLetters.key, own), eq(deadLetters.key, payerKey)),
        isToBeErased(deadLetters.error),
      ),
    )
  await eraseDismissals(tx, own, without)
}

/** What is put aside is known by its words: it is put aside by those that are left of them. */
async function eraseDismissals(
  tx: Executor,
  own: SQLWrapper,
  without: (text: Text) => SQL<string>,
) {
  const isMeant = and(
    inArray(dismissals.receivableId, own),
    sql`${dismissals.reason} <> ${without(dismissals.reason)}`,
  )
  const told = await tx
    .select({
      receivableId: dismissals.receivableId,
      reason: without(dismissals.reason),
      dismissedAt: dismissals.dismissedAt,
    })
    .from(dismissals)
    .where(isMeant)
  if (told.length === 0) return
  await tx.delete(dismissals).where(isMeant)
  await tx.insert(dismissals).values(told).onConflictDoNothing()
}
