import { and, eq, isNull } from 'drizzle-orm'
import { z } from 'zod'

import { deliveries, refunds } from '../db/schema.ts'
import type { Deps } from './deps.ts'
import { readableBody } from '../db/readable-body.ts'
import { wakeWithin } from '../wakes.ts'
import { keyIn } from '../account-key.ts'
import { finishDeliveries } from './finish-deliveries.ts'
import { writeRefund } from './act/observe.ts'
import { readPayment } from './act/read-dodo.ts'
import { note } from './timeline.ts'

type Tracing = Pick<Deps, 'account' | 'biller' | 'db' | 'dodo' | 'queue' | 'now'>

/**
 * Finds out which invoices a payment belongs to, for deliveries that do not say (refunds and disputes carry
 * no metadata of the payment), and wakes them. Whatever the deliveries claim, what is written down is what Dodo
 * answers when it is asked.
 */
export async function tracePayment(deps: Tracing, dodoPaymentId: string): Promise<void> {
  const key = keyIn(deps.account, dodoPaymentId)
  const { told, read } = await readUnread(deps, key)
  const receivableIds = await readPayment(deps, dodoPaymentId)
  if (receivableIds && receivableIds.length > 0)
    await readTold(deps, { dodoPaymentId, told, receivableIds })
  const outcome = describeOutcome(dodoPaymentId, receivableIds)
  await deps.db.transaction(async (tx) => {
    await finishDeliveries(tx, ['trace', key], { at: deps.now(), outcome, read })
    await wakeWithin({ ...deps, db: tx }, 'settle', receivableIds ?? [], 'payment')
  })
}

const RefundDelivery = z.object({
  data: z.object({ refund_id: z.string().min(1).max(200), status: z.string() }),
})

/** The unread deliveries, and the refunds that they tell of. */
async function readUnread({ db }: Tracing, key: string) {
  const unread = await db
    .select({ deliveryId: deliveries.deliveryId, body: readableBody })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.wakes, 'trace'),
        eq(deliveries.wakesKey, key),
        isNull(deliveries.processedAt),
      ),
    )
  const told = unread.flatMap(({ body }) => {
    // Of a delivery that was emptied and is put through again nothing is left to read.
    if (body.length === 0) return []
    const { data } = RefundDelivery.safeParse(JSON.parse(body.toString('utf8')))
    return data ? [data.data] : []
  })
  return { told, read: unread.map(({ deliveryId }) => deliveryId) }
}

type Told = {
  dodoPaymentId: string
  told: { refund_id: string; status: string }[]
  receivableIds: readonly string[]
}

/** A payment as Dodo shows it may lag behind its refunds: those that it does not show as told are read by their ids. */
async function readTold({ db, dodo, now }: Tracing, { dodoPaymentId, told, receivableIds }: Told) {
  const known = await db.select().from(refunds).where(eq(refunds.dodoPaymentId, dodoPaymentId))
  const lagging = told.filter(
    ({ refund_id, status }) =>
      !known.some((one) => one.dodoRefundId === refund_id && one.status === status),
  )
  for (const dodoRefundId of new Set(lagging.map(({ refund_id }) => refund_id))) {
    const refund = await dodo.findRefund(dodoRefundId)
    if (refund?.payment_id !== dodoPaymentId) continue
    const at = now()
    await db.transaction(async (tx) => {
      const line = await writeRefund(tx, refund, at)
      if (line === undefined) return
      for (const receivableId of receivableIds) await note(tx, receivableId, line, at)
    })
  }
}

function describeOutcome(dodoPaymentId: string, receivableIds: string[] | undefined) {
  if (!receivableIds) return `Dodo does not know payment ${dodoPaymentId}`
  if (receivableIds.length === 0) return `payment ${dodoPaymentId} is not for an invoice of Lago`
  return `woke invoice ${receivableIds.join(', ')}`
}
