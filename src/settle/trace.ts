import { and, asc, eq, isNull } from 'drizzle-orm'
import { z } from 'zod'

import type { Executor } from '../db/client.ts'
import { deliveries, payments, shares } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { DodoRefund } from '../dodo/objects.ts'
import { finishDeliveries } from './finish-deliveries.ts'
import { observeRefund } from './observe.ts'
import { readPayment } from './read-dodo.ts'

type Tracing = Pick<Deps, 'db' | 'dodo' | 'queue' | 'now' | 'organizationId'>

/**
 * Finds out which invoices a payment belongs to, for deliveries that do not say (refunds and disputes carry
 * no metadata of the payment), and wakes them. Dodo's answer is written down on the way.
 */
export async function tracePayment(deps: Tracing, dodoPaymentId: string): Promise<void> {
  const lagoInvoiceIds =
    (await readRefunds(deps, dodoPaymentId)) ?? (await readPayment(deps, dodoPaymentId))
  const outcome = describeOutcome(dodoPaymentId, lagoInvoiceIds)
  await deps.db.transaction(async (tx) => {
    await finishDeliveries(tx, ['trace', dodoPaymentId], { at: deps.now(), outcome })
    const jobs = (lagoInvoiceIds ?? []).map((key) => ({
      key,
      priority: 10,
      data: { cause: 'trace' },
    }))
    await deps.queue.send(tx, 'settle', jobs)
  })
}

/**
 * A refund that went through, of a payment that we know, is told in full by its delivery: nothing need be
 * asked. Undefined when there is anything else to find out.
 */
async function readRefunds(
  { db, now }: Tracing,
  dodoPaymentId: string,
): Promise<string[] | undefined> {
  const unread = await db
    .select()
    .from(deliveries)
    .where(
      and(
        eq(deliveries.wakes, 'trace'),
        eq(deliveries.wakesKey, dodoPaymentId),
        isNull(deliveries.processedAt),
      ),
    )
  const told = unread.map(({ body }) =>
    // Of a delivery that was emptied and is put through again nothing is left to read.
    SucceededRefund.safeParse(body.length === 0 ? undefined : JSON.parse(body.toString('utf8'))),
  )
  if (told.length === 0 || !told.every(({ success }) => success)) return undefined
  const lagoInvoiceIds = await findInvoices(db, dodoPaymentId)
  if (lagoInvoiceIds.length === 0) return undefined
  await db.transaction(async (tx) => {
    for (const { data } of told) {
      if (data) await observeRefund(tx, data.data, lagoInvoiceIds, now())
    }
  })
  return lagoInvoiceIds
}

const SucceededRefund = z.object({
  type: z.string(),
  data: DodoRefund.extend({ status: z.literal('succeeded'), amount: z.number().int() }),
})

/** The invoices that a payment of ours is for, the oldest first. */
async function findInvoices(db: Executor, dodoPaymentId: string): Promise<string[]> {
  const rows = await db
    .select({ lagoInvoiceId: shares.lagoInvoiceId })
    .from(payments)
    .innerJoin(shares, eq(shares.attemptId, payments.attemptId))
    .where(and(eq(payments.dodoPaymentId, dodoPaymentId), eq(payments.isConfirmed, true)))
    .orderBy(asc(shares.position))
  return rows.map(({ lagoInvoiceId }) => lagoInvoiceId)
}

function describeOutcome(dodoPaymentId: string, lagoInvoiceIds: string[] | undefined) {
  if (!lagoInvoiceIds) return `Dodo does not know payment ${dodoPaymentId}`
  if (lagoInvoiceIds.length === 0) return `payment ${dodoPaymentId} is not for an invoice of Lago`
  return `woke invoice ${lagoInvoiceIds.join(', ')}`
}
