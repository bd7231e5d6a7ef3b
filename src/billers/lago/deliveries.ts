import { and, asc, eq, getTableColumns, isNull } from 'drizzle-orm'
import { z } from 'zod'

import { isDataError } from '../../db/data-error.ts'
import { deliveries, receivables } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { DodoPayment } from '../../dodo/objects.ts'
import { readableBody } from '../../db/readable-body.ts'
import { LagoCreditNote } from '../../lago/objects.ts'
import { observeCreditNote } from './act/observe-credit-note.ts'
import type { ReceivableRow } from '../../collect/load.ts'
import { observePayment } from '../../collect/act/observe.ts'
import { readPayment } from '../../collect/act/read-dodo.ts'
import { isRetry, takeRetry } from './retry.ts'
import type { Source } from '../../webhook-sources.ts'

/** More are left to the next look, which is asked for as soon as this one rests: many of one invoice are one job. */
const MAX_DELIVERIES = 200

export type DeliveryKey = { source: Source; deliveryId: string }
export type UnreadDelivery = typeof deliveries.$inferSelect
type Reader = Pick<Deps, 'account' | 'biller' | 'config' | 'db' | 'dodo' | 'lago' | 'now' | 'queue'>

/**
 * The unread deliveries of an invoice, the oldest first, with our row of it where there is one and there are some. Those
 * about another Lago organisation on the same Dodo account are put aside: nothing of it is ours to keep.
 */
export async function listUnread(
  deps: Reader,
  receivableId: string,
): Promise<{ unread: UnreadDelivery[]; isMore: boolean; row: ReceivableRow | undefined }> {
  const found = await deps.db
    .select({
      delivery: { ...getTableColumns(deliveries), body: readableBody },
      row: getTableColumns(receivables),
    })
    .from(deliveries)
    .leftJoin(receivables, eq(receivables.receivableId, deliveries.wakesKey))
    .where(
      and(
        eq(deliveries.wakes, 'settle'),
        eq(deliveries.wakesKey, receivableId),
        isNull(deliveries.processedAt),
      ),
    )
    .orderBy(asc(deliveries.receivedAt))
    .limit(MAX_DELIVERIES)
  const unread: UnreadDelivery[] = []
  for (const { delivery } of found) {
    if (await isOfAnother(delivery, deps)) await putAside(deps, delivery)
    else unread.push(delivery)
  }
  const isMore = found.length === MAX_DELIVERIES
  return { unread, isMore, row: found[0]?.row ?? undefined }
}

const Marked = z.object({ data: z.object({ metadata: z.record(z.string(), z.string()) }) })

async function isOfAnother({ source, body }: UnreadDelivery, { biller }: Reader) {
  const { data } = Marked.safeParse(source === 'dodo' ? readJson(body) : undefined)
  return data !== undefined && biller.isForeign(data.data.metadata)
}

const putAside = ({ db, now }: Reader, { source, deliveryId }: UnreadDelivery) =>
  db
    .update(deliveries)
    .set({ processedAt: now(), outcome: 'about another Lago organisation' })
    .where(and(eq(deliveries.source, source), eq(deliveries.deliveryId, deliveryId)))

/**
 * Takes down what the unread deliveries of an invoice say. They stay unread until the invoice is settled, but
 * for a wish, which is written down once; reading the others twice changes nothing.
 */
export async function readDeliveries(
  deps: Reader,
  receivableId: string,
  unread: readonly UnreadDelivery[],
): Promise<DeliveryKey[]> {
  for (const row of unread) {
    const reading =
      row.source === 'dodo'
        ? readDodoDelivery(deps, row, receivableId)
        : readLagoDelivery(deps, row, receivableId)
    await reading.catch((error: unknown) => askInstead(deps, row, { receivableId, error }))
  }
  return unread.map(({ source, deliveryId }) => ({ source, deliveryId }))
}

/** What no database holds, a NUL or a year 0, is not taken down; it must not hold up all else that there is to know. */
async function askInstead(
  deps: Reader,
  { dodoPaymentId }: UnreadDelivery,
  { receivableId: settling, error }: { receivableId: string; error: unknown },
) {
  if (!isDataError(error)) throw error
  if (dodoPaymentId) await readPayment(deps, dodoPaymentId, { settling })
}

async function readDodoDelivery(deps: Reader, row: UnreadDelivery, settling: string) {
  const parsed = z.object({ data: DodoPayment }).safeParse(readJson(row.body))
  // What it says of refunds and disputes is not believed, but asked for.
  const isMore =
    parsed.data && parsed.data.data.refunds.length + parsed.data.data.disputes.length > 0
  if (parsed.success && !isMore) {
    const observation = { source: 'webhook' as const, at: deps.now(), settling }
    await deps.db.transaction((tx) =>
      observePayment({ ...deps, db: tx }, parsed.data.data, observation),
    )
  } else if (row.dodoPaymentId) {
    await readPayment(deps, row.dodoPaymentId, { settling })
  }
}

async function readLagoDelivery(deps: Reader, row: UnreadDelivery, receivableId: string) {
  const { db, now } = deps
  if (await isRetry(deps, row, receivableId)) return takeRetry(deps, row, receivableId)
  if (row.eventType !== 'credit_note.created') return
  const parsed = z.object({ credit_note: LagoCreditNote }).safeParse(readJson(row.body))
  if (parsed.success)
    await observeCreditNote(db, parsed.data.credit_note, { source: 'webhook', at: now() })
}

/** Of a delivery that was emptied and is put through again nothing is left to read. */
const readJson = (body: Buffer): unknown =>
  body.length === 0 ? undefined : JSON.parse(body.toString('utf8'))
