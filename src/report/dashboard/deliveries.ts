import { and, desc, eq, lte, sql } from 'drizzle-orm'
import type { SelectResultFields } from 'drizzle-orm/query-builders/select.types'

import type { Database } from '../../db/client.ts'
import { isAnyOf } from '../../db/any-of.ts'
import { deliveries, payments, receivables } from '../../db/schema.ts'
import { conditionOf, hasGivenUp, type Filter } from '../../deliveries/filter.ts'
import { readAt } from '../../deliveries/read-span.ts'
import type { Source } from '../../webhook-sources.ts'
import { readTimeline } from '../../collect/timeline.ts'
import { PAGE_ROWS, pageOf, readCursorOf, writeCursor, type Listing } from '../../db/cursor.ts'

export type DeliveryFilter = Omit<Filter, 'since' | 'until'> & { since?: Date | undefined }

const LISTED = {
  source: deliveries.source,
  deliveryId: deliveries.deliveryId,
  eventType: deliveries.eventType,
  wakes: deliveries.wakes,
  wakesKey: deliveries.wakesKey,
  receivedAt: deliveries.receivedAt,
  replayedAt: deliveries.replayedAt,
  processedAt: deliveries.processedAt,
  verifiedWith: deliveries.verifiedWith,
  dodoPaymentId: deliveries.dodoPaymentId,
  outcome: deliveries.outcome,
}
/** A delivery without what was said in it. */
export type ListedDelivery = SelectResultFields<typeof LISTED> & { hasGivenUp: boolean }

/** How many of the same thing are looked at to tell what one of them did. */
const MAX_BESIDE = 200

/** What was said to us, the newest first. */
export async function listDeliveries(
  db: Database,
  { since, ...rest }: DeliveryFilter,
  before: string | undefined,
  limit = PAGE_ROWS,
): Promise<Listing<ListedDelivery>> {
  const cursor = readCursorOf(before, 'moment')
  const rows = await db
    .select({ ...LISTED, hasGivenUp: sql<boolean>`${hasGivenUp(db)}` })
    .from(deliveries)
    .where(
      and(
        conditionOf(db, { ...rest, ...(since && { since: { at: since } }) }, since ?? new Date(0)),
        cursor &&
          sql`(${deliveries.receivedAt}, ${deliveries.deliveryId}) < (${cursor[0]}::timestamptz, ${cursor[1]}::text)`,
      ),
    )
    .orderBy(desc(deliveries.receivedAt), desc(deliveries.deliveryId))
    .limit(limit + 1)
  return pageOf(rows, limit, (last) => writeCursor(last.receivedAt.toISOString(), last.deliveryId))
}

/** One delivery, with what was said in it. */
export async function readDelivery(db: Database, source: Source, deliveryId: string) {
  const [row] = await db
    .select()
    .from(deliveries)
    .where(and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId)))
  return row
}

/** What the ledger wrote down of it while the delivery was read, the newest last. */
export async function readWritten(
  db: Database,
  { deliveryId, wakesKey, processedAt }: Omit<ListedDelivery, 'hasGivenUp'>,
  receivableId: string,
) {
  const [lines, told] = await Promise.all([
    readTimeline(db, receivableId),
    db
      .select(LISTED)
      .from(deliveries)
      .where(
        and(
          eq(deliveries.wakesKey, wakesKey ?? ''),
          processedAt === null ? undefined : lte(deliveries.receivedAt, processedAt),
        ),
      )
      .orderBy(desc(deliveries.receivedAt))
      .limit(MAX_BESIDE),
  ])
  return lines.filter(({ at }) => readAt(told, at).some((one) => one.deliveryId === deliveryId))
}

/** What a delivery is about, by the number that people know it by. */
export type Subject = Pick<typeof receivables.$inferSelect, 'receivableId' | 'kind' | 'number'>

/** Of each delivery what it is about, as far as the ledger has it: by its own key, or by the payment that it names. */
export async function readSubjects(
  db: Database,
  listed: readonly Pick<ListedDelivery, 'wakesKey' | 'dodoPaymentId'>[],
): Promise<(one: Pick<ListedDelivery, 'wakesKey' | 'dodoPaymentId'>) => Subject | undefined> {
  const keys = listed.flatMap(({ wakesKey, dodoPaymentId }) => [
    ...(wakesKey === null ? [] : [wakesKey]),
    ...(dodoPaymentId === null ? [] : [dodoPaymentId]),
  ])
  if (keys.length === 0) return () => undefined
  const subject = {
    receivableId: receivables.receivableId,
    kind: receivables.kind,
    number: receivables.number,
  }
  const [own, paid] = await Promise.all([
    db.select(subject).from(receivables).where(isAnyOf(receivables.receivableId, keys)),
    db
      .select({ ...subject, dodoPaymentId: payments.dodoPaymentId })
      .from(payments)
      .innerJoin(receivables, eq(receivables.receivableId, payments.receivableId))
      .where(isAnyOf(payments.dodoPaymentId, keys)),
  ])
  const byKey = new Map<string, Subject>([
    ...paid.map((one) => [one.dodoPaymentId, one] as const),
    ...own.map((one) => [one.receivableId, one] as const),
  ])
  return ({ wakesKey, dodoPaymentId }) =>
    byKey.get(wakesKey ?? '') ?? byKey.get(dodoPaymentId ?? '')
}
