import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { claim, closeOrder, isReplacedByClaimed } from '../../src/billers/orders/claim.ts'
import { ensureOrder, supersede, type Asked } from '../../src/billers/orders/ensure.ts'
import { outcomeOf, readStanding } from '../../src/billers/orders/look.ts'
import { findNamed, findOrder, type OrderRow, type Scope } from '../../src/billers/orders/order.ts'
import {
  dismissals,
  disputes,
  orders,
  payments,
  recordings,
  refundOrders,
  refunds,
  timeline,
} from '../../src/db/schema.ts'
import { openWorld, type World } from '../support/world.ts'

const SCOPE: Scope = { source: 'openfront', tenant: 'demo', mode: 'test' }
/** What is somebody else's, or of another time, although it is called the same. */
const OTHERS: [string, Scope][] = [
  ['source', { ...SCOPE, source: 'highlevel' }],
  ['store', { ...SCOPE, tenant: 'other' }],
  ['mode', { ...SCOPE, mode: 'live' }],
]
const WORDS = {
  superseded: 'replaced',
  waits: 'waits',
  asked: 'asked',
  claimed: 'told',
  replaced: 'paid anew',
}
const AMOUNT = 2_599

let world: World
beforeAll(async () => {
  world = await openWorld({ unproven: 'the rows of its orders are written by hand' })
})
afterAll(() => world.close())

const ask = (key: string, given: Partial<Asked> = {}, scope = SCOPE) => {
  const asked = { account: 'test', key, amount: AMOUNT, currency: 'USD', ...given }
  return ensureOrder(world.bridge.deps, scope, asked, WORDS)
}

const newKey = () => `cart_${crypto.randomUUID()}`
const again = async (orderId: string) => (await findOrder(world.bridge.db, orderId)) as OrderRow

/** Money that came for it, and what it counts as. */
async function pay(
  { orderId, account, currency, amount }: OrderRow,
  recording: Partial<typeof recordings.$inferInsert> = {},
) {
  const at = world.bridge.deps.now()
  const dodoPaymentId = `pay_${crypto.randomUUID()}`
  await world.bridge.db.insert(payments).values({
    dodoPaymentId,
    account,
    receivableId: orderId,
    status: 'succeeded',
    currency,
    amount,
    isConfirmed: true,
    madeAt: at,
    changedAt: at,
    observedAt: at,
  })
  await world.bridge.db.insert(recordings).values({
    dodoPaymentId,
    receivableId: orderId,
    disposition: 'late',
    status: 'held',
    amount,
    repeatableAt: at,
    ...recording,
  })
  return dodoPaymentId
}

describe('an order is its own tenant’s alone:', () => {
  test.each(OTHERS)('the same key of another %s is another order', async (_what, scope) => {
    const key = newKey()
    const order = await ask(key)

    const other = await ask(key, { amount: 3_599 }, scope)

    expect(other.orderId).not.toBe(order.orderId)
    expect((await again(order.orderId)).supersededAt).toBeNull()
    expect(await findNamed(world.bridge.db, scope, order.orderId)).toBeUndefined()
    expect(await findNamed(world.bridge.db, SCOPE, order.orderId)).toBeDefined()
  })
})

test('the same amount of another currency is another order', async () => {
  const order = await ask(newKey())
  const other = await ask(order.key, { currency: 'EUR' })
  expect(other.orderId).not.toBe(order.orderId)
  expect((await again(order.orderId)).supersededAt).not.toBeNull()
})

test.each([
  ['a page is another order', 'checkout', false],
  ['a charge is the same one, which is not made twice', 'charge', true],
] as const)('what nobody could pay any more, asked for on %s', async (_how, collect, isSame) => {
  const { db, now } = world.bridge.deps
  const order = await ask(newKey(), { collect })
  await closeOrder(db, order.orderId, { reason: 'it was declined', at: now() })

  const next = await ask(order.key, { collect })

  expect(next.orderId === order.orderId).toBe(isSame)
})

test('an order is superseded once: the first moment stays, and is said once', async () => {
  const { db, now } = world.bridge.deps
  const { orderId } = await ask(newKey())
  await supersede(db, orderId, WORDS, new Date(now().getTime() - 60_000))
  const first = (await again(orderId)).supersededAt

  await supersede(db, orderId, WORDS, now())

  expect((await again(orderId)).supersededAt).toEqual(first)
  const lines = await db.select().from(timeline).where(eq(timeline.receivableId, orderId))
  expect(lines.map(({ what }) => what)).toEqual([WORDS.superseded])
})

describe('an order that was superseded, and whose money came all the same,', () => {
  const late = async (recording?: Partial<typeof recordings.$inferInsert>) => {
    const order = await ask(newKey())
    await ask(order.key, { amount: 3_599 })
    return { order, paymentId: await pay(order, recording) }
  }
  const now = () => world.bridge.deps.now()
  const refundOf = (dodoPaymentId: string, status: string) =>
    world.bridge.db.insert(refunds).values({
      dodoRefundId: `ref_${crypto.randomUUID()}`,
      dodoPaymentId,
      status,
      amount: 100,
      madeAt: now(),
      observedAt: now(),
    })

  test('is paid by it when that amount is asked for again', async () => {
    const { order } = await late()
    expect((await ask(order.key)).orderId).toBe(order.orderId)
  })

  test('is so, too, when a refund of it has failed', async () => {
    const { order, paymentId } = await late()
    await refundOf(paymentId, 'failed')
    expect((await ask(order.key)).orderId).toBe(order.orderId)
  })

  test.each<[string, Partial<Asked>, Scope]>([
    ['in another currency', { currency: 'EUR' }, SCOPE],
    ['of another amount', { amount: 2_600 }, SCOPE],
    ['for another cart', { key: 'cart_other' }, SCOPE],
    ...OTHERS.map(([what, scope]): [string, Partial<Asked>, Scope] => [
      `of another ${what}`,
      {},
      scope,
    ]),
  ])('pays nothing %s', async (_what, asked, scope) => {
    const { order } = await late()
    expect((await ask(order.key, asked, scope)).orderId).not.toBe(order.orderId)
    expect((await again(order.orderId)).supersededAt).not.toBeNull()
  })

  test.each<[string, (order: OrderRow, paymentId: string) => Promise<unknown>]>([
    [
      'it was closed',
      ({ orderId }) =>
        world.bridge.db
          .update(orders)
          .set({ closedAt: now(), closedReason: 'over' })
          .where(eq(orders.orderId, orderId)),
    ],
    [
      'the money is about to go back',
      (_order, paymentId) =>
        world.bridge.db
          .update(recordings)
          .set({ reason: 'goes back' })
          .where(eq(recordings.dodoPaymentId, paymentId)),
    ],
    [
      'a person has decided about it',
      (_order, paymentId) =>
        world.bridge.db
          .update(recordings)
          .set({ ruling: 'accepted', ruledAt: now(), ruledAmount: AMOUNT })
          .where(eq(recordings.dodoPaymentId, paymentId)),
    ],
    [
      'a refund of it was asked for',
      ({ orderId }, dodoPaymentId) =>
        world.bridge.db.insert(refundOrders).values({
          dodoPaymentId,
          receivableId: orderId,
          cause: 'late',
          status: 'intended',
          amount: AMOUNT,
          repeatableAt: now(),
          orderedAt: now(),
        }),
    ],
    ['some of it went back', (_order, paymentId) => refundOf(paymentId, 'succeeded')],
    [
      'it is contested',
      (_order, dodoPaymentId) =>
        world.bridge.db.insert(disputes).values({
          dodoDisputeId: `dp_${crypto.randomUUID()}`,
          dodoPaymentId,
          status: 'dispute_opened',
          stage: 'dispute',
          isByRdr: false,
          amount: '2599',
          currency: 'USD',
          observedAt: now(),
        }),
    ],
    [
      'a person put it aside',
      ({ orderId }) =>
        world.bridge.db
          .insert(dismissals)
          .values({ receivableId: orderId, reason: 'held', dismissedAt: now() }),
    ],
  ])('is not paid by it any more once %s', async (_what, happen) => {
    const { order, paymentId } = await late()
    await happen(order, paymentId)
    expect((await ask(order.key)).orderId).not.toBe(order.orderId)
  })

  test.each(['duplicate', 'mismatch'] as const)(
    'is not paid by what counts as a %s',
    async (disposition) => {
      const { order } = await late({ disposition })
      expect((await ask(order.key)).orderId).not.toBe(order.orderId)
    },
  )
})

describe('a source is told that an order is paid', () => {
  const applied = { disposition: 'applied', status: 'recorded' } as const

  test.each(['late', 'duplicate', 'mismatch'] as const)(
    'not by money that counts as %s',
    async (disposition) => {
      const order = await ask(newKey())
      await pay(order, { disposition })
      expect(await claim(world.bridge.deps, order.orderId, WORDS)).toBe(false)
    },
  )

  test('not once it was superseded, unless it was told before; and then it is not closed', async () => {
    const { db, now } = world.bridge.deps
    const [told, untold] = [await ask(newKey()), await ask(newKey())]
    for (const order of [told, untold]) await pay(order, applied)
    expect(await claim(world.bridge.deps, told.orderId, WORDS)).toBe(true)
    for (const { orderId } of [told, untold]) await supersede(db, orderId, WORDS, now())

    expect(await claim(world.bridge.deps, told.orderId, WORDS)).toBe(true)
    expect(await claim(world.bridge.deps, untold.orderId, WORDS)).toBe(false)
    const outcomes = [told, untold].map(async ({ orderId }) =>
      outcomeOf(await readStanding(world.bridge.deps, orderId)),
    )
    expect((await Promise.all(outcomes)).map(({ status }) => status)).toEqual([
      'captured',
      'pending',
    ])
    const closing = { reason: 'over', at: now() }
    expect(await closeOrder(db, told.orderId, closing)).toBe(false)
    expect((await again(told.orderId)).closedAt).toBeNull()
  })

  test('and what was paid for the same key before is too much from then on, but nothing else is', async () => {
    const { db } = world.bridge
    const key = newKey()
    const before = await ask(key)
    await pay(before, applied)
    const elsewhere = await Promise.all(OTHERS.map(([, scope]) => ask(key, {}, scope)))
    const otherKey = await ask(newKey())
    for (const one of [...elsewhere, otherKey]) {
      await pay(one, applied)
      const { source, tenant, mode } = one
      await ask(one.key, { amount: 3_599 }, { source, tenant, mode })
    }
    const after = await ask(key, { amount: 3_599 })
    const isReplaced = async (order: OrderRow) =>
      isReplacedByClaimed(db, await again(order.orderId))
    // Paid is not told.
    await pay(after, applied)
    expect(await isReplaced(before)).toBe(false)

    await claim(world.bridge.deps, after.orderId, WORDS)

    expect(await isReplaced(before)).toBe(true)
    for (const one of [...elsewhere, otherKey]) expect(await isReplaced(one)).toBe(false)
    await db
      .update(orders)
      .set({ claimedAt: world.bridge.deps.now() })
      .where(eq(orders.orderId, before.orderId))
    expect(await isReplaced(before)).toBe(false)
  })
})
