import { and, asc, eq, gt, inArray, isNull, ne, notExists, sql } from 'drizzle-orm'

import { LOST } from '../../collect/ledger.ts'
import { disputes, orders, recordings, refunds, tellings } from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { planTelling } from '../orders/tellings.ts'
import { COMPLETE } from './complete.ts'

const DAY_MS = 24 * 3_600_000
/** What was paid before and has waited so long was seen to by somebody. */
const TAKEN_UP_MS = 3 * DAY_MS
/** Something that a person has to mend is looked at again for so long. */
const LOOKED_AT_MS = 30 * DAY_MS
const MAX_PLANNED = 500
/** Each costs the shop a request. */
const MAX_LOOKED_AT = 50
/** In the metadata of an order that is for an invoice of a business account. */
export const INVOICE = 'openfront_invoice_id'

/** The stores whose carts the bridge completes: without a token nobody could tell whether one has an order. */
export const completedStores = ({ openfront }: Pick<Deps['config'], 'openfront'>): string[] =>
  (openfront?.stores ?? [])
    .filter(({ url, token }) => url !== undefined && token !== undefined)
    .map(({ name }) => name)

/**
 * What a sweep does about carts: one that was paid and that nobody has planned to complete is planned, and one that
 * needs a person is looked at again, since that person may have seen to it.
 */
export async function takeUpCarts(deps: Pick<Deps, 'config' | 'db' | 'now'>): Promise<void> {
  const stores = completedStores(deps.config)
  if (stores.length === 0) return
  await planForgotten(deps, stores)
  await lookAgain(deps, stores)
}

const isOfThese = (stores: string[]) =>
  and(eq(orders.source, 'openfront'), inArray(orders.tenant, stores))

async function planForgotten(
  { config, db, now }: Pick<Deps, 'config' | 'db' | 'now'>,
  stores: string[],
) {
  const isPlanned = db
    .select()
    .from(tellings)
    .where(and(eq(tellings.orderId, orders.orderId), eq(tellings.what, COMPLETE)))
  const isGoing = db
    .select()
    .from(refunds)
    .where(and(eq(refunds.dodoPaymentId, recordings.dodoPaymentId), ne(refunds.status, 'failed')))
  const isLost = db
    .select()
    .from(disputes)
    .where(
      and(
        eq(disputes.dodoPaymentId, recordings.dodoPaymentId),
        inArray(disputes.status, [...LOST]),
      ),
    )
  const forgotten = await db
    .select({ orderId: orders.orderId, paidAt: recordings.recordedAt })
    .from(orders)
    .innerJoin(recordings, eq(recordings.receivableId, orders.orderId))
    .where(
      and(
        isOfThese(stores),
        isNull(orders.supersededAt),
        eq(recordings.disposition, 'applied'),
        gt(recordings.recordedAt, new Date(now().getTime() - TAKEN_UP_MS)),
        sql`not ${orders.metadata} ? ${INVOICE}`,
        notExists(isPlanned),
        notExists(isGoing),
        notExists(isLost),
      ),
    )
    .limit(MAX_PLANNED)
  const afterMs = config.openfront?.completeAfterMs ?? 0
  for (const { orderId, paidAt } of forgotten) {
    const at = paidAt ?? now()
    const dueAt = new Date(at.getTime() + afterMs)
    await planTelling(db, { orderId, what: COMPLETE, at, dueAt })
  }
}

async function lookAgain({ db, now }: Pick<Deps, 'db' | 'now'>, stores: string[]) {
  const failed = db
    .select({ id: tellings.id })
    .from(tellings)
    .innerJoin(orders, eq(orders.orderId, tellings.orderId))
    .where(
      and(
        isOfThese(stores),
        eq(tellings.what, COMPLETE),
        eq(tellings.status, 'failed'),
        isNull(tellings.nextTryAt),
        gt(tellings.plannedAt, new Date(now().getTime() - LOOKED_AT_MS)),
      ),
    )
    .orderBy(asc(tellings.triedAt))
    .limit(MAX_LOOKED_AT)
  await db.update(tellings).set({ nextTryAt: now() }).where(inArray(tellings.id, failed))
}
