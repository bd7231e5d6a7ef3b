import { and, eq, inArray, isNotNull, ne } from 'drizzle-orm'

import { isLost, isUndecided } from '../../collect/ledger.ts'
import { formatDodo } from '../../collect/money.ts'
import type { Executor } from '../../db/client.ts'
import {
  disputes,
  intents,
  orders,
  payments,
  recordings,
  refundOrders,
  refunds,
} from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { ApiError, Later, reasonOf, WrongAddress } from '../../errors.ts'
import { GRAPHQL_ERRORS, type Openfront } from '../../openfront/client.ts'
import { isOf, lockOrder, type OrderRow } from '../orders/order.ts'
import type { TellingRow, Told } from '../orders/source.ts'

/** What the shop is told, and how: the mutation that makes an order of a cart. */
export const COMPLETE = 'completeActiveCart'

const LOOK_AGAIN_MS = 10_000
/** What was carried out although nobody heard of it shows within this. */
const SETTLES_MS = 5 * 60_000
/** A shop that is away so long is somebody's to look at; the sweep goes on looking. */
const AWAY_MS = 3_600_000

/** A shopper who has come back this very moment is about to make the order. */
const COMES_BACK_MS = 5_000

/** What it takes to complete carts. */
export type Completing = Pick<Deps, 'db' | 'now'> & {
  findShop: (store: string) => Openfront | undefined
  /** How long a shopper has. */
  completeAfterMs: number
}
type Failed = Extract<Told, { is: 'failed' }>

const failed = (code: NonNullable<Failed['code']>, why: string): Told => ({
  is: 'failed',
  code,
  why,
})

/**
 * Makes an order of a paid cart that its shopper has not come back to. At most once for a cart, whatever happens: the
 * shop makes a second order of one that has one, so the intent is committed before the call, and never again is there
 * another; from then on the cart is only looked at.
 */
export async function completeCart(
  deps: Completing,
  order: OrderRow,
  telling: TellingRow,
): Promise<Told> {
  try {
    return await complete(deps, order, telling)
  } catch (error) {
    if (isNoFor(error)) return failed('cart_refused', `the shop refuses: ${reasonOf(error)}`)
    const awayMs = deps.now().getTime() - telling.plannedAt.getTime()
    if (awayMs < AWAY_MS) throw error
    return failed('cart_unresolved', `the shop could not be asked: ${reasonOf(error)}`)
  }
}

/** Its word, and not an outage: asked again it says the same until somebody mends something. */
const isNoFor = (error: unknown) =>
  error instanceof WrongAddress ||
  (error instanceof ApiError && error.outcome === 'refused' && error.status !== undefined)

async function complete(deps: Completing, order: OrderRow, telling: TellingRow): Promise<Told> {
  const { db, now, findShop } = deps
  const shop = findShop(order.tenant)
  if (!shop) return { is: 'dropped', why: 'the shop is not configured any more' }
  if (order.supersededAt && !order.claimedAt) return SUPERSEDED
  const paid = await findPaid(db, order.orderId)
  if ('is' in paid && paid.is === 'dropped') return paid
  const placed = await shop.findOrderOfCart(order.key)
  if (placed)
    return (await isOfOtherMoney(db, order))
      ? failed('cart_changed', ORDERED_BEFORE)
      : isOrder(placed)
  if (placed === undefined)
    return failed(
      'cart_not_found',
      `the shop shows no cart ${order.key}: may the token read orders?`,
    )
  // Only of a cart that is no order yet does it matter what went back.
  if ('is' in paid) return paid
  const begun = await findBegun(db, order)
  if (begun) return judgeBegun(begun, telling, now())
  // What the shop was told of stays here (P5), and no order is made of it: a person must know.
  if (order.supersededAt) return REPLACED
  const session = await findSession(shop, order, paid)
  if ('is' in session) return session
  return (await begin(deps, order)) ?? call(deps, shop, order, session.id)
}

const SUPERSEDED: Told = { is: 'dropped', why: 'the cart asks for another amount now' }
const REPLACED = failed(
  'cart_changed',
  'the cart asks for another amount now, and the shop was told of this money before',
)
const isOrder = ({ id }: { id: string }): Told => ({
  is: 'done',
  line: `the cart is order ${id} of the shop`,
})

const ORDERED_BEFORE =
  'the cart is an order of the shop, made with what was paid for it before: there is none for this money'

/** Whether the shop has taken other money for the cart, and never asked about this. */
async function isOfOtherMoney(db: Executor, order: OrderRow): Promise<boolean> {
  if (order.claimedAt) return false
  const taken = and(
    isOf(order),
    eq(orders.key, order.key),
    ne(orders.orderId, order.orderId),
    isNotNull(orders.claimedAt),
  )
  return (await db.$count(orders, taken)) > 0
}

type Paid = { dodoPaymentId: string; amount: number; currency: string }

/** The money that pays it, if all of it is still here. */
async function findPaid(db: Executor, orderId: string): Promise<Paid | Told> {
  const [paid] = await db
    .select({
      dodoPaymentId: payments.dodoPaymentId,
      amount: payments.amount,
      currency: payments.currency,
    })
    .from(recordings)
    .innerJoin(payments, eq(payments.dodoPaymentId, recordings.dodoPaymentId))
    .where(and(eq(recordings.receivableId, orderId), eq(recordings.disposition, 'applied')))
  if (!paid) return { is: 'dropped', why: 'it is not paid' }
  const { dodoPaymentId } = paid
  const given = await db
    .select({ amount: refunds.amount, status: refunds.status })
    .from(refunds)
    .where(and(eq(refunds.dodoPaymentId, dodoPaymentId), ne(refunds.status, 'failed')))
  const ordered = await db
    .select({ id: refundOrders.id })
    .from(refundOrders)
    .where(
      and(
        eq(refundOrders.dodoPaymentId, dodoPaymentId),
        inArray(refundOrders.status, ['intended', 'unknown']),
      ),
    )
  const back = given
    .filter(({ status }) => status === 'succeeded')
    .reduce((sum, { amount }) => sum + (amount ?? 0), 0)
  if (back >= paid.amount) return { is: 'dropped', why: 'the money was given back' }
  const contested = await db
    .select({ status: disputes.status })
    .from(disputes)
    .where(eq(disputes.dodoPaymentId, dodoPaymentId))
  if (contested.some(isLost)) return { is: 'dropped', why: 'a dispute took the money back' }
  if (contested.some(isUndecided))
    return failed('cart_refunded', 'the payment is disputed before the cart is an order')
  if (given.length + ordered.length > 0)
    return failed('cart_refunded', 'a part of the money goes back before the cart is an order')
  return paid
}

/** The cart's session of this payment, if the cart asks for what was paid, to the cent. */
async function findSession(
  shop: Openfront,
  { key, orderId }: OrderRow,
  { amount, currency }: Paid,
): Promise<{ id: string } | Told> {
  const cart = await shop.findActiveCart(key)
  if (!cart) return failed('cart_not_found', `the shop has no cart ${key}`)
  if (cart.amount !== amount || cart.currency !== currency) {
    const asked = `${cart.amount} ${cart.currency ?? 'of no currency'}`
    return failed(
      'cart_changed',
      `the cart asks for ${asked} in the smallest unit now, and ${formatDodo(amount, currency)} was paid`,
    )
  }
  const session = cart.sessions.find(({ paymentId }) => paymentId === orderId)
  return session ?? failed('cart_changed', 'the cart has no session of this payment any more')
}

/** A cart belongs to its store, whichever mode it is paid in. */
const keyOf = ({ tenant, key }: OrderRow) => `openfront:complete:${tenant}:${key}`

async function findBegun(db: Executor, order: OrderRow): Promise<Date | undefined> {
  const [row] = await db
    .select()
    .from(intents)
    .where(eq(intents.key, keyOf(order)))
  return row?.repeatableAt
}

/** It was tried, by this order or another one of the cart, and the cart is none all the same. */
function judgeBegun(settledAt: Date, { status, error, code }: TellingRow, now: Date): Told {
  if (now < settledAt) return { is: 'again', why: 'its outcome is not known yet', at: later(now) }
  // What was said then says more than that nothing came of it.
  if (status === 'failed' && error !== null) return { is: 'failed', why: error, code }
  return failed(
    'cart_unresolved',
    'it was tried once, and the cart is no order: complete it in the shop, or give the money back',
  )
}

const later = (now: Date) => new Date(now.getTime() + LOOK_AGAIN_MS)

/** The one try of this cart, for ever; or why it is not made now. */
async function begin(
  { db, now, completeAfterMs }: Completing,
  order: OrderRow,
): Promise<Told | undefined> {
  return db.transaction(async (tx) => {
    const locked = await lockOrder(tx, order.orderId)
    if (!locked || locked.supersededAt) return locked?.claimedAt ? REPLACED : SUPERSEDED
    const comesBackMs = Math.min(COMES_BACK_MS, completeAfterMs)
    const mayBeAt = new Date((locked.claimedAt?.getTime() ?? 0) + comesBackMs)
    if (mayBeAt > now()) return { is: 'again', why: 'its shopper has come back', at: mayBeAt }
    const begun = await tx
      .insert(intents)
      .values({ key: keyOf(order), repeatableAt: new Date(now().getTime() + SETTLES_MS) })
      .onConflictDoNothing()
      .returning({ key: intents.key })
    if (begun.length === 0)
      throw new Error(`the completion of cart ${order.key} has begun elsewhere`)
    return undefined
  })
}

async function call(
  { db, now }: Completing,
  shop: Openfront,
  order: OrderRow,
  sessionId: string,
): Promise<Told> {
  try {
    return isOrder(await shop.completeCart(order.key, sessionId))
  } catch (error) {
    if (isNoTry(error)) {
      await db.delete(intents).where(eq(intents.key, keyOf(order)))
      throw error
    }
    if (!(error instanceof ApiError)) throw error
    const placed = await shop.findOrderOfCart(order.key)
    if (placed) return isOrder(placed)
    const isSaid = error.outcome === 'refused' || error.code === GRAPHQL_ERRORS
    if (isSaid) return failed('cart_refused', `the shop makes no order of it: ${reasonOf(error)}`)
    return { is: 'again', why: reasonOf(error), at: later(now()) }
  }
}

/** Whether it has not left this machine, or was turned away at the door. */
const isNoTry = (error: unknown) =>
  error instanceof Later ||
  (error instanceof ApiError && error.outcome === 'refused' && error.status === undefined)
