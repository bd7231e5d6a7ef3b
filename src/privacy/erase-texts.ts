import { and, eq, inArray, or, sql, type SQL, type SQLWrapper } from 'drizzle-orm'
import type { AnyPgColumn, PgTable } from 'drizzle-orm/pg-core'

import type { Executor } from '../db/client.ts'
import {
  creditNotes,
  credits,
  deadLetters,
  deliveries,
  dismissals,
  highlevelSubscriptions,
  mandates,
  operatorActions,
  orders,
  payers,
  payments,
  receivables,
  recordings,
  refundOrders,
  refundRequests,
  refunds,
  tellings,
  timeline,
} from '../db/schema.ts'
import { eraseTold } from './erase-told.ts'
import { EMAIL, FORGOTTEN } from './forgotten.ts'

type Text = AnyPgColumn<{ data: string }>
type Without = (text: Text) => SQL<string>
type Whose = {
  /** The ids of their receivables. */
  own: SQLWrapper
  payerKey?: string | undefined
  names: readonly string[]
}

/**
 * A reason may repeat a service's own words, and those the customer's address; a person may have written the name into
 * a note. Wherever such words are repeated, both are taken out of them.
 */
export async function eraseTexts(tx: Executor, { own, payerKey, names }: Whose): Promise<void> {
  const without: Without = (text) =>
    names.reduce(
      (cleared, name) => sql<string>`replace(${cleared}, ${name}, ${FORGOTTEN})`,
      sql<string>`regexp_replace(${text}, ${EMAIL}, ${FORGOTTEN}, 'g')`,
    )
  const paid = tx
    .select({ id: payments.dodoPaymentId })
    .from(payments)
    .where(inArray(payments.receivableId, own))
  for (const [table, texts, isTheirs] of textsOf({ own, paid, payerKey })) {
    const cleared = Object.entries(texts).map(([name, text]) => [name, without(text)] as const)
    const isTelling = Object.values(texts).map((text) => sql`${text} <> ${without(text)}`)
    await tx
      .update(table)
      .set(Object.fromEntries(cleared))
      .where(and(isTheirs, or(...isTelling)))
  }
  await eraseDismissals(tx, own, without)
  await eraseTold(tx, { own, paid, payerKey }, names)
}

type Texts = [table: PgTable, texts: Record<string, Text>, isTheirs: SQL | undefined]

/** Every column of words that somebody else wrote, by whose they are. */
function textsOf(whose: { own: SQLWrapper; paid: SQLWrapper; payerKey: string | undefined }) {
  const { own, paid, payerKey } = whose
  const { reason, seenReason, seenNote, lastError, metadataRefusal } = receivables
  const isOwn = (id: Text) => inArray(id, own)
  const isKnownBy = (key: Text) => (payerKey === undefined ? undefined : eq(key, payerKey))
  const ofReceivables: Texts[] = [
    [timeline, { what: timeline.what }, isOwn(timeline.receivableId)],
    [
      receivables,
      { reason, seenReason, seenNote, lastError, metadataRefusal },
      isOwn(receivables.receivableId),
    ],
    [
      recordings,
      { reason: recordings.reason, ruledWhy: recordings.ruledWhy },
      isOwn(recordings.receivableId),
    ],
    ...[refundOrders, credits, creditNotes].map((table): Texts => [
      table,
      { reason: table.reason },
      isOwn(table.receivableId),
    ]),
    [refunds, { refundReason: refunds.refundReason }, inArray(refunds.dodoPaymentId, paid)],
    [refundRequests, { reason: refundRequests.reason }, isOwn(refundRequests.orderId)],
    [tellings, { error: tellings.error }, isOwn(tellings.orderId)],
    [orders, { closedReason: orders.closedReason }, isOwn(orders.orderId)],
    [
      deliveries,
      { outcome: deliveries.outcome },
      or(
        isOwn(deliveries.wakesKey),
        inArray(deliveries.wakesKey, paid),
        isKnownBy(deliveries.wakesKey),
      ),
    ],
    [
      deadLetters,
      { error: deadLetters.error },
      or(isOwn(deadLetters.key), isKnownBy(deadLetters.key)),
    ],
    // What was done and by whom stays; its last word is what it was done to.
    [
      operatorActions,
      { outcome: operatorActions.outcome },
      sql`(split_part(${operatorActions.subject}, ' ', -1) in ${own}
        or split_part(${operatorActions.subject}, ' ', -1) = ${payerKey ?? null}::text)`,
    ],
  ]
  if (payerKey === undefined) return ofReceivables
  return ofReceivables.concat([
    [payers, { setupRefusal: payers.setupRefusal }, eq(payers.payerKey, payerKey)],
    [mandates, { refusal: mandates.refusal }, eq(mandates.payerKey, payerKey)],
    [
      highlevelSubscriptions,
      { trouble: highlevelSubscriptions.trouble },
      eq(highlevelSubscriptions.payerKey, payerKey),
    ],
  ])
}

/** What is put aside is known by its words: it is put aside by those that are left of them. */
async function eraseDismissals(tx: Executor, own: SQLWrapper, without: Without) {
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
