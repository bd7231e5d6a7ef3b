import { and, desc, eq, isNotNull, isNull, ne, notExists, or, sql } from 'drizzle-orm'

import { newPayToken } from '../../collect/load.ts'
import { note } from '../../collect/timeline.ts'
import type { Executor } from '../../db/client.ts'
import {
  dismissals,
  disputes,
  orders,
  receivables,
  recordings,
  refundOrders,
  refundRequests,
  refunds,
  tellings,
} from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { wakeWithin } from '../../wakes.ts'
import type { Words } from './decide/order.ts'
import { newOrderId } from './ids.ts'
import { isOf, toBooksMinor, type OrderRow, type Scope } from './order.ts'

/** What a source wants to have collected. */
export type Asked = {
  /** On which Dodo account, if it becomes a new order: one that is there stays where it was opened. */
  account: string
  key: string
  /** The source's minor units. */
  amount: number
  currency: string
  email?: string | undefined
  name?: string | undefined
  country?: string | undefined
  /** Who pays, where Dodo is to keep a customer: by a key that names account, tenant and payer. */
  payerKey?: string | undefined
  collect?: OrderRow['collect']
  /** The mandate that is charged. */
  dodoSubscriptionId?: string | undefined
  metadata?: Record<string, string>
}

/**
 * The current order of a key, for what is asked for now. Asked for the same it is the same one, however often and at
 * once, as long as it can be paid; asked for another amount it is superseded by a new one, or by an older one whose money came late and is
 * still here. What became something else by this, and a charge that begins with it, is looked at, even if nobody lives to say so.
 */
export async function ensureOrder(
  { db, queue, now }: Pick<Deps, 'db' | 'queue' | 'now'>,
  scope: Scope,
  asked: Asked,
  words: Words,
): Promise<OrderRow> {
  const { key, amount, currency } = asked
  return db.transaction(async (tx) => {
    await lockKey(tx, scope, key)
    const current = await findCurrent(tx, scope, key)
    const isSame = current?.amount === amount && current.currency === currency
    if (isSame && !(await isToBeginAnew(tx, current, asked))) return current
    const at = now()
    if (current) await supersede(tx, current.orderId, words, at)
    const revived = await revive(tx, scope, asked, at)
    const order = revived ?? (await insert(tx, scope, asked, at))
    const changed = [current, revived].flatMap((one) => one?.orderId ?? [])
    // Nobody stands at a charge to ask for it again.
    const begun = order.collect === 'charge' && !revived ? [order.orderId] : []
    const woken = [...changed, ...begun]
    if (woken.length > 0) await wakeWithin({ db: tx, queue }, 'settle', woken, 'customer')
    return order
  })
}

/**
 * Nobody can pay it any more, and its source asks for it on a page all the same. A charge is made once; and what came
 * late, and is still here, is for a person to see to before anything more is paid.
 */
async function isToBeginAnew(
  tx: Executor,
  { orderId, closedAt }: OrderRow,
  { collect = 'checkout' }: Asked,
): Promise<boolean> {
  if (closedAt === null || collect === 'charge') return false
  const isHere = and(eq(recordings.receivableId, orderId), isNotGivenBack(tx))
  return (await tx.$count(recordings, isHere)) === 0
}

const lockKey = (tx: Executor, { source, tenant, mode }: Scope, key: string) =>
  tx.execute(
    sql`select pg_advisory_xact_lock(hashtextextended(${`order:${source}:${tenant}:${mode}:${key}`}, 0))`,
  )

async function findCurrent(tx: Executor, scope: Scope, key: string) {
  const [current] = await tx
    .select()
    .from(orders)
    .where(and(isOf(scope), eq(orders.key, key), isNull(orders.supersededAt)))
    .for('update')
  return current
}

/** From now on its money is late, unless it was claimed before. */
export async function supersede(tx: Executor, orderId: string, { superseded }: Words, at: Date) {
  const rows = await tx
    .update(orders)
    .set({ supersededAt: at })
    .where(and(eq(orders.orderId, orderId), isNull(orders.supersededAt)))
    .returning({ orderId: orders.orderId })
  if (rows.length > 0) await note(tx, orderId, superseded, at)
}

/**
 * An order that was superseded, and whose money is here all the same: it is current again, instead of being asked for
 * twice. Not once any of it was given back, or is about to be.
 */
async function revive(tx: Executor, scope: Scope, asked: Asked, at: Date) {
  const { key, amount, currency } = asked
  const [found] = await tx
    .select({ orderId: orders.orderId, dodoPaymentId: recordings.dodoPaymentId })
    .from(orders)
    .innerJoin(recordings, eq(recordings.receivableId, orders.orderId))
    .where(
      and(
        isOf(scope),
        eq(orders.key, key),
        eq(orders.amount, amount),
        eq(orders.currency, currency),
        isNotNull(orders.supersededAt),
        isNull(orders.closedAt),
        isStillHere(tx),
      ),
    )
    .orderBy(desc(orders.createdAt))
    .limit(1)
    .for('update')
  if (!found) return undefined
  const { orderId, dodoPaymentId } = found
  await tx
    .update(recordings)
    .set({ disposition: 'applied', status: 'recorded' })
    .where(and(eq(recordings.receivableId, orderId), eq(recordings.dodoPaymentId, dodoPaymentId)))
  const [order] = await tx
    .update(orders)
    .set({ supersededAt: null })
    .where(eq(orders.orderId, orderId))
    .returning()
  // What could not be told of it was not to be told then.
  const isUntold = and(eq(tellings.orderId, orderId), eq(tellings.status, 'failed'))
  const anew = { attempts: 0, error: null, code: null, plannedAt: at, nextTryAt: at }
  await tx
    .update(tellings)
    .set({ ...anew, status: 'waiting' })
    .where(isUntold)
  await note(tx, orderId, `it is asked for again, and payment ${dodoPaymentId} pays it`, at)
  return order
}

/**
 * Money that was late or in time, claimed or not, of which nothing goes back: `reason` says that it is being let go of. What a person
 * has dealt with may be anywhere by now.
 */
const isStillHere = (tx: Executor) =>
  and(
    or(
      and(eq(recordings.disposition, 'late'), notExists(putAside(tx))),
      eq(recordings.disposition, 'applied'),
    ),
    isNull(recordings.reason),
    isNull(recordings.ruling),
    notExists(
      tx
        .select()
        .from(refundOrders)
        .where(eq(refundOrders.dodoPaymentId, recordings.dodoPaymentId)),
    ),
    // Nor has anybody asked for it back, even if nothing was made of that yet.
    notExists(
      tx
        .select()
        .from(refundRequests)
        .where(eq(refundRequests.dodoPaymentId, recordings.dodoPaymentId)),
    ),
    isNotGivenBack(tx),
    // What is contested may be gone tomorrow.
    notExists(
      tx.select().from(disputes).where(eq(disputes.dodoPaymentId, recordings.dodoPaymentId)),
    ),
  )

const putAside = (tx: Executor) =>
  tx.select().from(dismissals).where(eq(dismissals.receivableId, orders.orderId))

const isNotGivenBack = (tx: Executor) =>
  notExists(
    tx
      .select()
      .from(refunds)
      .where(
        and(eq(refunds.dodoPaymentId, recordings.dodoPaymentId), ne(refunds.status, 'failed')),
      ),
  )

async function insert(tx: Executor, scope: Scope, asked: Asked, at: Date): Promise<OrderRow> {
  const { account, key, amount, currency, email, name, country, payerKey } = asked
  const orderId = newOrderId()
  await tx.insert(receivables).values({
    receivableId: orderId,
    kind: 'order',
    number: key,
    payerKey: payerKey ?? null,
    payerName: name ?? email ?? null,
    currency,
    amountDue: toBooksMinor(amount, currency) ?? 0,
    payToken: newPayToken(),
    createdAt: at,
  })
  const [row] = await tx
    .insert(orders)
    .values({
      orderId,
      ...scope,
      account,
      key,
      amount,
      currency,
      email: email ?? null,
      name: name ?? null,
      country: country ?? null,
      collect: asked.collect ?? 'checkout',
      dodoSubscriptionId: asked.dodoSubscriptionId ?? null,
      metadata: asked.metadata ?? {},
      createdAt: at,
    })
    .returning()
  if (!row) throw new Error('an order was not written')
  return row
}
