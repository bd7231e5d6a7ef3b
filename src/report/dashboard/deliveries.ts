import { and, desc, eq, gte, isNotNull, isNull, sql, type SQL } from 'drizzle-orm'

import type { Database } from '../../db/client.ts'
import { deliveries } from '../../db/schema.ts'
import { readCursor, writeCursor } from './cursor.ts'
import { PAGE_ROWS, type Listing } from './list-invoices.ts'

export const SOURCES = ['lago', 'dodo'] as const
export const OUTCOMES = ['read', 'waiting'] as const

export type DeliveryFilter = {
  source?: (typeof SOURCES)[number] | undefined
  outcome?: (typeof OUTCOMES)[number] | undefined
  event?: string | undefined
  since?: Date | undefined
  /** An id of a delivery, or of what it is about. */
  about?: string | undefined
}

/** A delivery without what was said in it. */
export type ListedDelivery = Pick<
  typeof deliveries.$inferSelect,
  | 'source'
  | 'deliveryId'
  | 'eventType'
  | 'wakes'
  | 'wakesKey'
  | 'receivedAt'
  | 'processedAt'
  | 'outcome'
>

const LISTED = {
  source: deliveries.source,
  deliveryId: deliveries.deliveryId,
  eventType: deliveries.eventType,
  wakes: deliveries.wakes,
  wakesKey: deliveries.wakesKey,
  receivedAt: deliveries.receivedAt,
  processedAt: deliveries.processedAt,
  outcome: deliveries.outcome,
}

/** What was said to us, the newest first. */
export async function listDeliveries(
  db: Database,
  filter: DeliveryFilter,
  before: string | undefined,
): Promise<Listing<ListedDelivery>> {
  const cursor = readCursor(before)
  const rows = await db
    .select(LISTED)
    .from(deliveries)
    .where(
      and(
        conditionOf(filter),
        cursor &&
          sql`(${deliveries.receivedAt}, ${deliveries.deliveryId}) < (${cursor[0]}::timestamptz, ${cursor[1]}::text)`,
      ),
    )
    .orderBy(desc(deliveries.receivedAt), desc(deliveries.deliveryId))
    .limit(PAGE_ROWS + 1)
  const items = rows.slice(0, PAGE_ROWS)
  const last = items.at(-1)
  const isMore = rows.length > PAGE_ROWS && last
  return {
    items,
    next: isMore ? writeCursor(last.receivedAt.toISOString(), last.deliveryId) : undefined,
  }
}

function conditionOf({ source, outcome, event, since, about }: DeliveryFilter): SQL | undefined {
  return and(
    source && eq(deliveries.source, source),
    outcome && (outcome === 'read' ? isNotNull : isNull)(deliveries.processedAt),
    event === undefined ? undefined : eq(deliveries.eventType, event),
    since && gte(deliveries.receivedAt, since),
    about === undefined
      ? undefined
      : sql`(${deliveries.deliveryId} = ${about} or ${deliveries.wakesKey} = ${about} or ${deliveries.dodoPaymentId} = ${about})`,
  )
}

/** One delivery, with what was said in it. */
export async function readDelivery(
  db: Database,
  source: (typeof SOURCES)[number],
  deliveryId: string,
) {
  const [row] = await db
    .select()
    .from(deliveries)
    .where(and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId)))
  return row
}
