import { and, desc, eq, gt, isNull, ne, or, sql } from 'drizzle-orm'

import { canBeRefundedNow } from '../../collect/decide/next-refund.ts'
import type { Payment, RefundOrder } from '../../collect/ledger.ts'
import { formatDodo } from '../../collect/money.ts'
import type { Executor } from '../../db/client.ts'
import { orders, refundOrders, refundRequests, refunds } from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { wakeWithin } from '../../wakes.ts'
import { findAppliedTo, leftOf } from './decide/money-of-order.ts'
import { readStanding, waitFor, type Standing } from './look.ts'

type Refunding = Pick<Deps, 'config' | 'db' | 'queue' | 'now'>
type Wish = {
  amount: number
  reason: string | undefined
  key: string | undefined
  /** The payment that is meant, if it was named. */
  dodoPaymentId: string | undefined
}
type RequestRow = typeof refundRequests.$inferSelect

/**
 * Without a key, the same payment and amount within this time is the same refund; and for however long nobody was told
 * what came of it, since who was not is to ask again.
 */
const SAME_MS = 120_000

export type Refunded =
  | { is: 'done'; payment: Payment; dodoRefundId: string; amount: number; status: string }
  /** Nothing was created. */
  | { is: 'refused'; why: string }
  | { is: 'busy' }
  | { is: 'unknown' }

/** Gives money back once, however often it is asked for (P6), and waits for what Dodo says. */
export async function refundPayment(
  deps: Refunding,
  standing: Standing,
  wish: Wish,
): Promise<Refunded> {
  const payment = findRefunded(standing, wish.dodoPaymentId)
  if (!payment) return { is: 'refused', why: 'it is not paid' }
  const request = await ensureRequest(deps, standing, payment, wish)
  if (typeof request === 'string') return { is: 'refused', why: request }
  const outcome = await awaitOutcome(deps, request)
  if (!outcome) return withdraw(deps, request)
  // From the first answer on: asking again must not keep the two minutes from passing.
  const isUntold = and(eq(refundRequests.id, request.id), isNull(refundRequests.answeredAt))
  await deps.db.update(refundRequests).set({ answeredAt: deps.now() }).where(isUntold)
  return outcome
}

function findRefunded({ ledger }: Standing, named: string | undefined) {
  const wanted = named ?? findAppliedTo(ledger)?.dodoPaymentId
  return ledger.payments.find(
    ({ dodoPaymentId, status }) => dodoPaymentId === wanted && status === 'succeeded',
  )
}

/** The request that this one is, or a new one; in words why there can be none. The order's lock makes it one. */
async function ensureRequest(
  deps: Refunding,
  { order }: Standing,
  { dodoPaymentId }: Payment,
  { amount, reason, key }: Wish,
): Promise<RequestRow | string> {
  const { config, db, queue, now } = deps
  const { orderId } = order
  // Asked for and not looked at, it would be made whenever something else wakes the order, when nobody expects it any more.
  const look = (tx: Executor) => wakeWithin({ db: tx, queue }, 'settle', [orderId], 'customer')
  return db.transaction(async (tx) => {
    await tx.select().from(orders).where(eq(orders.orderId, orderId)).for('update')
    const same = await findSame(tx, { orderId, dodoPaymentId, amount, key, now: now() })
    if (same) {
      const isSame = same.amount === amount && same.dodoPaymentId === dodoPaymentId
      if (!isSame) return 'idempotencyKey was used for another refund'
      await look(tx)
      return same
    }
    // Over this very connection: as many at once as there are connections would wait for each other.
    const { ledger } = await readStanding({ config, db: tx }, orderId)
    const payment = ledger.payments.find((one) => one.dodoPaymentId === dodoPaymentId)
    const waiting = await tx
      .select()
      .from(refundRequests)
      .where(eq(refundRequests.dodoPaymentId, dodoPaymentId))
    const unplaced = waiting
      .filter(({ id }) => !payment?.orders.some(({ creditNoteId }) => creditNoteId === id))
      .reduce((sum, one) => sum + one.amount, 0)
    const left = payment ? leftOf(payment) - unplaced : 0
    if (!payment || amount > left) {
      const most = payment ? formatDodo(Math.max(left, 0), payment.currency) : 'nothing'
      return `only ${most} is left of the payment`
    }
    const [row] = await tx
      .insert(refundRequests)
      .values({
        orderId,
        dodoPaymentId,
        amount,
        reason: reason ?? null,
        key: key ?? null,
        status: 'open',
        createdAt: now(),
      })
      .returning()
    await look(tx)
    return row ?? 'it was not written down'
  })
}

async function findSame(
  tx: Executor,
  asked: {
    orderId: string
    dodoPaymentId: string
    amount: number
    key: string | undefined
    now: Date
  },
) {
  const { orderId, dodoPaymentId, amount, key } = asked
  const since = new Date(asked.now.getTime() - SAME_MS)
  const isSame =
    key !== undefined
      ? eq(refundRequests.key, key)
      : and(
          isNull(refundRequests.key),
          eq(refundRequests.dodoPaymentId, dodoPaymentId),
          eq(refundRequests.amount, amount),
          or(
            isNull(refundRequests.answeredAt),
            gt(refundRequests.answeredAt, since),
            gt(refundRequests.createdAt, since),
          ),
        )
  const rows = await tx
    .select({
      request: refundRequests,
      isNothing: sql<boolean>`coalesce(${refundOrders.status} = 'refused' or ${refunds.status} = 'failed', false)`,
    })
    .from(refundRequests)
    .leftJoin(refundOrders, eq(refundOrders.creditNoteId, sql`${refundRequests.id}::text`))
    .leftJoin(refunds, eq(refunds.dodoRefundId, refundOrders.dodoRefundId))
    .where(and(eq(refundRequests.orderId, orderId), isSame))
    .orderBy(desc(refundRequests.createdAt))
  // What was refused without a key, or has failed, may be asked for again: nothing came of it.
  return rows.find(({ isNothing }) => key !== undefined || !isNothing)?.request
}

/** Its end, which the bank mostly says within seconds; what is open by then is as good as accepted. */
async function awaitOutcome(deps: Refunding, request: RequestRow): Promise<Refunded | undefined> {
  const ended = await waitFor(async () => {
    const outcome = await findOutcome(deps, request)
    return outcome?.is === 'done' && outcome.status === 'pending' ? undefined : outcome
  })
  return ended ?? findOutcome(deps, request)
}

async function findOutcome(
  deps: Refunding,
  { id, orderId, dodoPaymentId }: RequestRow,
): Promise<Refunded | undefined> {
  const { ledger } = await readStanding(deps, orderId)
  const payment = ledger.payments.find((one) => one.dodoPaymentId === dodoPaymentId)
  const order = payment?.orders.find(({ creditNoteId }) => creditNoteId === id)
  if (payment && order) return outcomeOf(payment, order)
  const [kept] = await deps.db.select().from(refundRequests).where(eq(refundRequests.id, id))
  return kept
    ? undefined
    : { is: 'refused', why: 'it was not made: less than that is left, or it took too long' }
}

function outcomeOf(payment: Payment, order: RefundOrder): Refunded | undefined {
  const { status, dodoRefundId, amount, reason } = order
  if (status === 'refused') return { is: 'refused', why: reason ?? 'Dodo refused' }
  if (status !== 'accepted' || dodoRefundId === null) return undefined
  const refund = payment.refunds.find((one) => one.dodoRefundId === dodoRefundId)
  if (refund?.status === 'failed') return { is: 'refused', why: 'Dodo could not carry it out' }
  return {
    is: 'done',
    payment,
    dodoRefundId,
    amount: refund?.amount ?? amount,
    status: refund?.status === 'succeeded' ? 'succeeded' : 'pending',
  }
}

/** It took too long. What has not begun is as if it had never been asked for; of what has, the outcome is not known. */
async function withdraw(deps: Refunding, request: RequestRow): Promise<Refunded> {
  const { ledger } = await readStanding(deps, request.orderId)
  const payment = ledger.payments.find((one) => one.dodoPaymentId === request.dodoPaymentId)
  const isBusy = payment !== undefined && !canBeRefundedNow(payment)
  const withdrawn = await deps.db
    .delete(refundRequests)
    .where(and(eq(refundRequests.id, request.id), ne(refundRequests.status, 'begun')))
    .returning({ status: refundRequests.status })
  const isTurnedAway = withdrawn.some(({ status }) => status === 'busy')
  return withdrawn.length > 0 && (isBusy || isTurnedAway) ? { is: 'busy' } : { is: 'unknown' }
}
