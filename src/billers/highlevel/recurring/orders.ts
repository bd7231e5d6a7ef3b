import { and, eq } from 'drizzle-orm'

import type { Standing } from '../../../collect/receivable.ts'
import type { Executor } from '../../../db/client.ts'
import { attempts, payments, recordings } from '../../../db/schema.ts'
import { PermanentError } from '../../../errors.ts'
import { wakeWithin } from '../../../wakes.ts'
import { closeOrder } from '../../orders/claim.ts'
import type { OrderRow } from '../../orders/order.ts'
import { planTelling } from '../../orders/tellings.ts'
import { isTooLate, TOO_LATE } from '../decide/schedule.ts'
import { whyNotChargeable } from '../decide/subscription.ts'
import type { HighlevelDeps } from '../deps.ts'
import { payerKeyOf } from '../payers.ts'
import { SUBSCRIPTION_BEGUN, SUBSCRIPTION_OVER } from '../words.ts'
import { beginSubscription } from './begin.ts'
import { planBeginning } from './beginning.ts'
import { readAgreed } from './ensure.ts'
import {
  findSubscription,
  isEnded,
  lockSubscription,
  readCycleKey,
  scheduleOf,
  type SubscriptionRow,
} from './rows.ts'
import { CHARGED } from './tell.ts'

const whoseOf = ({ tenant, mode }: OrderRow) => ({ locationId: tenant, mode })

/** The subscription that an order belongs to: as one of its cycles, or as what it began with. */
async function findOf(db: Executor, order: OrderRow): Promise<SubscriptionRow | undefined> {
  const subscriptionId = order.metadata['highlevel_subscription_id']
  return subscriptionId === undefined
    ? undefined
    : findSubscription(db, whoseOf(order), subscriptionId)
}

/**
 * Within the transaction in which an order of a subscription is noted as paid: it begins, or goes on. Once it has, the
 * same payment changes nothing. False where it has begun with another transaction, in this moment or before.
 */
export async function onSubscriptionPaid(
  deps: HighlevelDeps,
  tx: Executor,
  { order, at }: { order: OrderRow; at: Date },
): Promise<boolean> {
  const found = await findOf(tx, order)
  const row = found && (await lockSubscription(tx, found.id))
  if (!row) return true
  if (readCycleKey(order.key)) {
    await planTelling(tx, { orderId: order.orderId, what: CHARGED, at })
    await wakeWithin({ db: tx, queue: deps.queue }, 'subscription', [row.id], 'payment')
    return true
  }
  if (isBegunWithOther(row, order)) return false
  if (row.status !== 'pending') return true
  const [made] = await tx
    .select({ dodoSubscriptionId: payments.dodoSubscriptionId })
    .from(recordings)
    .innerJoin(payments, eq(payments.dodoPaymentId, recordings.dodoPaymentId))
    .where(and(eq(recordings.receivableId, order.orderId), eq(recordings.disposition, 'applied')))
  const dodoSubscriptionId = order.dodoSubscriptionId ?? made?.dodoSubscriptionId ?? null
  // The location may collect into another account by now, which knows nothing of this card.
  const { account } = order
  const payerKey = payerKeyOf({ account, locationId: row.locationId, contactId: row.contactId })
  const first = { ...row, account, payerKey, transactionId: order.key }
  const begun = await beginSubscription(tx, first, {
    now: at,
    isFirstPaid: true,
    dodoSubscriptionId,
  })
  await planBeginning(deps, tx, { row: begun, orderId: order.orderId }, at)
  return true
}

const isBegunWithOther = ({ status, transactionId }: SubscriptionRow, { key }: OrderRow) =>
  status !== 'pending' && transactionId !== key

/**
 * Why nothing more is taken for what a subscription was to begin with: it begins once, and HighLevel may have asked for
 * it with several transactions, whose pages can all be paid.
 */
export async function whyBegun(db: Executor, order: OrderRow): Promise<string | undefined> {
  const row = readCycleKey(order.key) ? undefined : await findOf(db, order)
  return row && isBegunWithOther(row, order) ? SUBSCRIPTION_BEGUN : undefined
}

/** An order of a subscription came to another state: what it means for the subscription is looked at. */
export async function onSubscriptionState(
  { queue }: Pick<HighlevelDeps, 'queue'>,
  tx: Executor,
  order: OrderRow,
  { state, at }: { state: Standing['state']; at: Date },
): Promise<void> {
  const reason = state === 'failed' ? await whyBegun(tx, order) : undefined
  if (reason) await closeOrder(tx, order.orderId, { reason, at })
  const row = readCycleKey(order.key) ? await findOf(tx, order) : undefined
  if (row) await wakeWithin({ db: tx, queue }, 'subscription', [row.id], 'payment')
}

/**
 * Whether a cycle may be charged: HighLevel's subscription is not cancelled, here or there, and asks for the same, and
 * the next one is not due yet. Otherwise its order is closed by that. Throws when HighLevel does not answer.
 */
export async function confirmCycle(deps: HighlevelDeps, order: OrderRow): Promise<boolean> {
  const reason = await whyNot(deps, order)
  if (reason === undefined) return true
  const at = deps.now()
  await deps.db.transaction((tx) => closeOrder(tx, order.orderId, { reason, at }))
  return false
}

/**
 * Whether what a subscription begins with may still be asked for: closed by that where it was cancelled before it was
 * paid, or has begun otherwise.
 */
export async function confirmBeginning(deps: HighlevelDeps, order: OrderRow): Promise<boolean> {
  const row = await findOf(deps.db, order)
  const isOther = row !== undefined && isBegunWithOther(row, order)
  if (!row || (!isEnded(row) && !isOther)) return true
  const at = deps.now()
  const reason = isEnded(row) ? SUBSCRIPTION_OVER : SUBSCRIPTION_BEGUN
  await deps.db.transaction((tx) => closeOrder(tx, order.orderId, { reason, at }))
  return false
}

/** What was cancelled while HighLevel was asked is not charged; what is begun before that is under way. */
export async function mayBeginCharge(tx: Executor, order: OrderRow): Promise<boolean> {
  const found = await findOf(tx, order)
  const row = found && (await lockSubscription(tx, found.id))
  return !row || !isEnded(row)
}

async function whyNot(deps: HighlevelDeps, order: OrderRow): Promise<string | undefined> {
  const row = await findOf(deps.db, order)
  if (!row || isEnded(row)) return SUBSCRIPTION_OVER
  const agreed = await readAgreed(deps, whoseOf(order), row.subscriptionId)
  if (agreed?.isCancelled) return 'the subscription was cancelled in HighLevel'
  if (await isForgotten(deps, order, row)) return TOO_LATE
  // It may be gone, or HighLevel says no to the question: what is closed for that is never charged.
  if (!agreed) throw new PermanentError(UNKNOWN, { code: 'subscription_held' })
  const { amount, currency } = agreed.money
  if (amount !== order.amount || currency !== order.currency)
    return 'HighLevel asks for another amount than was agreed to'
  return whyNotChargeable(agreed.status)
}

const UNKNOWN = 'HighLevel does not know the subscription any more'

/** Nobody expects it any more. After a decline it is the schedule that says until when. */
async function isForgotten(
  { db, now }: HighlevelDeps,
  { orderId, key }: OrderRow,
  row: SubscriptionRow,
) {
  const schedule = scheduleOf(row)
  const nextCycle = readCycleKey(key)?.cycle
  if (!schedule || nextCycle === undefined || !isTooLate({ ...schedule, nextCycle }, now()))
    return false
  const isDeclined = and(eq(attempts.receivableId, orderId), eq(attempts.status, 'declined'))
  return (await db.$count(attempts, isDeclined)) === 0
}
