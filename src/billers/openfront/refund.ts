import { and, desc, eq, gt, isNull, sql } from 'drizzle-orm'

import { canBeRefundedNow } from '../../collect/decide/next-refund.ts'
import type { Payment, RefundOrder } from '../../collect/ledger.ts'
import type { Executor } from '../../db/client.ts'
import { orders, refundOrders, refundRequests } from '../../db/schema.ts'
import type { Deps } from '../../deps.ts'
import { wake } from '../../wakes.ts'
import { findAppliedTo, leftOf } from './decide/decide.ts'
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

/** Without a key, the same payment and amount within this time is the same refund. */
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
  const { orderId } = standing.order
  const payment = findRefunded(standing, wish.dodoPaymentId)
  if (!payment) return { is: 'refused', why: 'it is not paid' }
  const request = await ensureRequest(deps, standing, payment, wish)
  if (typeof request === 'string') return { is: 'refused', why: request }
  await wake(deps, 'settle', [orderId], 'customer')
  const outcome = await waitFor(() => findOutcome(deps, request))
  return outcome ?? withdraw(deps, request)
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
  const { db, now } = deps
  const { orderId } = order
  return db.transaction(async (tx) => {
    await tx.select().from(orders).where(eq(orders.orderId, orderId)).for('update')
    const same = await findSame(tx, { orderId, dodoPaymentId, amount, key, now: now() })
    if (same) {
      const isSame = same.amount === amount && same.dodoPaymentId === dodoPaymentId
      return isSame ? same : 'idempotencyKey was used for another refund'
    }
    const { ledger } = await readStanding(deps, orderId)
    const payment = ledger.payments.find((one) => one.dodoPaymentId === dodoPaymentId)
    const waiting = await tx
      .select()
      .from(refundRequests)
      .where(eq(refundRequests.dodoPaymentId, dodoPaymentId))
    const unplaced = waiting
      .filter(({ id }) => !payment?.orders.some(({ creditNoteId }) => creditNoteId === id))
      .reduce((sum, one) => sum + one.amount, 0)
    const left = payment ? leftOf(payment) - unplaced : 0
    if (amount > left) return `only ${Math.max(left, 0)} is left of the payment`
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
  const isSame =
    key !== undefined
      ? eq(refundRequests.key, key)
      : and(
          isNull(refundRequests.key),
          eq(refundRequests.dodoPaymentId, dodoPaymentId),
          eq(refundRequests.amount, amount),
          gt(refundRequests.createdAt, new Date(asked.now.getTime() - SAME_MS)),
        )
  const rows = await tx
    .select({ request: refundRequests, status: refundOrders.status })
    .from(refundRequests)
    .leftJoin(refundOrders, eq(refundOrders.creditNoteId, sql`${refundRequests.id}::text`))
    .where(and(eq(refundRequests.orderId, orderId), isSame))
    .orderBy(desc(refundRequests.createdAt))
  // What was refused without a key may be asked for again: nothing came of it.
  return rows.find(({ status }) => key !== undefined || status !== 'refused')?.request
}

async function findOutcome(
  deps: Refunding,
  { id, orderId, dodoPaymentId }: RequestRow,
): Promise<Refunded | undefined> {
  const { ledger } = await readStanding(deps, orderId)
  const payment = ledger.payments.find((one) => one.dodoPaymentId === dodoPaymentId)
  const order = payment?.orders.find(({ creditNoteId }) => creditNoteId === id)
  return payment && order ? outcomeOf(payment, order) : undefined
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
    .where(and(eq(refundRequests.id, request.id), eq(refundRequests.status, 'open')))
    .returning({ id: refundRequests.id })
  return withdrawn.length > 0 && isBusy ? { is: 'busy' } : { is: 'unknown' }
}
