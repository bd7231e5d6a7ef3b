import { and, eq, gte, isNull, sql } from 'drizzle-orm'
import { z } from 'zod'

import type { Database, Executor } from '../../db/client.ts'
import { attempts, deliveries, receivables, timeline } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { whyNotRetried } from './retry-wish.ts'
import { wakeWithin } from '../../wakes.ts'
import { note } from '../../collect/timeline.ts'

type Row = typeof deliveries.$inferSelect
type Taking = Pick<Deps, 'config' | 'now'> & { db: Database }

const SAID_ONCE_MS = 3_600_000

const RetryRequest = z.object({
  payment_provider_invoice_payment_error: z.object({
    error_details: z.object({ code: z.literal('customer_must_have_payment_provider') }),
  }),
})
const FailedInvoice = z.object({ invoice: z.object({ payment_status: z.literal('failed') }) })

/** Whether the delivery is what Lago says when the merchant presses Retry for a customer whom it cannot charge itself. */
export async function isRetry(
  { db, lago }: Pick<Deps, 'db' | 'lago'>,
  row: Row,
  receivableId: string,
): Promise<boolean> {
  switch (row.eventType) {
    case 'invoice.payment_failure':
      // It is not a failed payment (lago-api `svc/invoices/payments/retry_service.rb`).
      return RetryRequest.safeParse(readJson(row.body)).success
    case 'invoice.created':
      // Before 1.33.2 the invoice is announced once more, as a delivery of its own (lago-api PR 4226).
      await lago.release.known()
      return lago.release.isBefore('1.33.2') && isCreatedAgain(db, row, receivableId)
    default:
      return false
  }
}

/** Whether an invoice that has been asked for is said to be created, and not for the first time. */
async function isCreatedAgain(db: Executor, { deliveryId, body }: Row, receivableId: string) {
  await db
    .update(receivables)
    .set({ createdBy: deliveryId })
    .where(and(eq(receivables.receivableId, receivableId), isNull(receivables.createdBy)))
  const [known] = await db
    .select({ createdBy: receivables.createdBy, attemptId: attempts.id })
    .from(receivables)
    .innerJoin(attempts, eq(attempts.receivableId, receivables.receivableId))
    .where(eq(receivables.receivableId, receivableId))
    .limit(1)
  if (!known) return false
  return known.createdBy !== deliveryId || FailedInvoice.safeParse(readJson(body)).success
}

/**
 * Writes the merchant's wish down, once: the delivery is done with it, and so is read no more however often the
 * invoice is looked at before it is at rest. A press that does not count is shown.
 */
export async function takeRetry(
  { db, config, now }: Taking,
  { source, deliveryId }: Row,
  receivableId: string,
): Promise<void> {
  const at = now()
  await db.transaction(async (tx) => {
    const wish = await judgePress(tx, config, receivableId, at)
    const read = await tx
      .update(deliveries)
      .set({ processedAt: at, outcome: wish.whyNot ?? 'Retry pressed' })
      .where(
        and(
          eq(deliveries.source, source),
          eq(deliveries.deliveryId, deliveryId),
          isNull(deliveries.processedAt),
        ),
      )
      .returning({ deliveryId: deliveries.deliveryId })
    if (read.length === 0) return
    if (wish.whyNot) return noteOnce(tx, receivableId, wish.whyNot, at)
    await note(tx, receivableId, 'the merchant pressed Retry', at)
    await takeWish(tx, wish, receivableId, at)
  })
}

/** An operator asks for the money now, which counts as a press of Retry does. Returns why it does not count, if so. */
export async function askForMoney(
  { db, config, now, queue }: Taking & Pick<Deps, 'queue'>,
  receivableId: string,
  who: string,
): Promise<string | undefined> {
  const at = now()
  return db.transaction(async (tx) => {
    const wish = await judgePress(tx, config, receivableId, at)
    if (wish.whyNot) return wish.whyNot
    await note(tx, receivableId, `${who} asked for the money now`, at)
    await takeWish(tx, wish, receivableId, at)
    await wakeWithin({ db: tx, queue }, 'settle', [receivableId], 'operator')
    return undefined
  })
}

type Wish = { whyNot: string | undefined; requestedBy: 'customer' | 'merchant' | null }

/** Whether the merchant's wish counts. The row is locked until the transaction ends: of two at once, one does. */
async function judgePress(
  tx: Executor,
  config: Deps['config'],
  receivableId: string,
  at: Date,
): Promise<Wish> {
  const [invoice] = await tx
    .select({ retriedAt: receivables.retriedAt, requestedBy: receivables.requestedBy })
    .from(receivables)
    .where(eq(receivables.receivableId, receivableId))
    .for('update')
  const begun = await tx
    .select({ startedAt: attempts.startedAt })
    .from(attempts)
    .where(and(eq(attempts.receivableId, receivableId), eq(attempts.cause, 'merchant')))
  const presses = {
    retriedAt: invoice?.retriedAt ?? null,
    attemptsAt: begun.map(({ startedAt }) => startedAt),
  }
  return {
    whyNot: whyNotRetried(presses, config.retryScheduleMs, at),
    requestedBy: invoice?.requestedBy ?? null,
  }
}

async function takeWish(tx: Executor, { requestedBy }: Wish, receivableId: string, at: Date) {
  // Who stands at the pay link goes first: their checkout is what the merchant wants, too.
  const isFirst = requestedBy !== 'customer'
  await tx
    .update(receivables)
    .set({ retriedAt: at, ...(isFirst && { requestedBy: 'merchant', requestedAt: at }) })
    .where(eq(receivables.receivableId, receivableId))
}

/** However often it is repeated, the timeline is for people. */
async function noteOnce(db: Executor, receivableId: string, what: string, at: Date) {
  const [said] = await db
    .select({ is: sql`true` })
    .from(timeline)
    .where(
      and(
        eq(timeline.receivableId, receivableId),
        eq(timeline.what, what),
        gte(timeline.at, new Date(at.getTime() - SAID_ONCE_MS)),
      ),
    )
    .limit(1)
  if (!said) await note(db, receivableId, what, at)
}

/** Of a delivery that was emptied and is put through again nothing is left to read. */
const readJson = (body: Buffer): unknown =>
  body.length === 0 ? undefined : JSON.parse(body.toString('utf8'))
