import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { GRAPHQL_PATH } from '../../sandbox/openfront/openfront.ts'
import { completeCart } from '../../src/billers/openfront/complete.ts'
import { supersede } from '../../src/billers/orders/ensure.ts'
import { findOrder } from '../../src/billers/orders/order.ts'
import { listTellings, wakeTellings } from '../../src/billers/orders/tellings.ts'
import { refundOrders, refunds } from '../../src/db/schema.ts'
import { messageOf } from '../../src/errors.ts'
import { openShops } from '../../src/openfront/shops.ts'
import { ADMIN_TOKEN } from '../support/world.ts'
import { openShopWorld, OTHER_KEY, PROVIDER_CODE, type ShopWorld } from '../support/shop.ts'

const WORDS = { superseded: 'replaced', waits: '', asked: '', claimed: '', replaced: '' }
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

let shop: ShopWorld
beforeAll(async () => {
  shop = await openShopWorld({ hasToken: true, env: { OPENFRONT_COMPLETE_AFTER: '2m' } })
})
afterAll(() => shop.world.close())
afterEach(() => {
  shop.shop.faults.clear()
  Object.assign(shop.shop.behaviour, { patch: 'full', deniedReads: 'null' })
})

/** A cart that was paid, and whose shopper does not come back. */
async function paidAndLeft() {
  const sale = await shop.sell()
  await shop.eventually(sale.paymentId, ({ state }) => state === 'paid')
  return sale
}
const ordersOf = (cartId: string) =>
  [...shop.shop.store.orders.values()].filter((one) => one.cartId === cartId)
/** How often the shop was asked to make an order of it, and did not lose the request on the way. */
const completionsOf = async (cartId: string) => {
  const bodies = await Promise.all(
    shop.world.requests
      .filter((one) => one.url.startsWith('http://shop.test'))
      .map((one) => one.clone().text()),
  )
  return bodies.filter((text) => text.includes('completeActiveCart(') && text.includes(cartId))
    .length
}
const failure = (kind: 'after_drop' | 'after_status' | 'drop' | 'status', times = 1) =>
  shop.shop.faults.add({ kind, status: 503, times, match: { method: 'POST', path: GRAPHQL_PATH } })

describe('a paid cart that nobody comes back to', () => {
  test('is left to its shopper for a while, and then completed, once', async () => {
    const { cart, paymentId } = await paidAndLeft()
    shop.world.advance(MINUTE_MS)
    await shop.world.quiet()
    expect(ordersOf(cart.id)).toEqual([])

    shop.world.advance(MINUTE_MS)
    const isTold = (one: { claimed: boolean; told: { status: string }[] }) =>
      one.claimed && one.told[0]?.status === 'done'
    const told = await shop.eventually(paymentId, isTold)

    expect(ordersOf(cart.id)).toHaveLength(1)
    expect(told).toMatchObject({
      state: 'paid',
      claimed: true,
      told: [{ what: 'completeActiveCart', status: 'done', attempts: 1 }],
    })
    expect(told.timeline.at(-1)?.what).toMatch(/^the cart is order cm\w+ of the shop$/)
    await shop.world.sweep()
    await shop.world.quiet()
    expect(await completionsOf(cart.id)).toBe(1)
  })

  test('is let alone when its shopper did come back', async () => {
    const { cart, session, paymentId } = await paidAndLeft()
    await shop.shop.completeCart(cart.id, session.id)
    shop.world.advance(3 * MINUTE_MS)

    await shop.eventually(paymentId, (one) => one.told[0]?.status === 'done')

    expect(ordersOf(cart.id)).toHaveLength(1)
    expect(await completionsOf(cart.id)).toBe(0)
  })

  test('is let alone a moment longer when its shopper has come back this very moment', async () => {
    const { cart, session, paymentId } = await paidAndLeft()
    const { world } = shop
    world.advance(2 * MINUTE_MS - 1_000)
    expect((await shop.call('get-payment-status', { paymentId })).body['status']).toBe('captured')
    world.advance(1_500)
    await wakeTellings(world.bridge.deps)
    const isTried = ({ told }: { told: { attempts: number }[] }) => (told[0]?.attempts ?? 0) > 0
    await shop.eventually(paymentId, isTried)
    await world.quiet()
    expect(ordersOf(cart.id)).toEqual([])

    await shop.shop.completeCart(cart.id, session.id)
    world.advance(10_000)
    await wakeTellings(world.bridge.deps)
    await shop.eventually(paymentId, (one) => one.told[0]?.status === 'done')
    expect([ordersOf(cart.id).length, await completionsOf(cart.id)]).toEqual([1, 0])
  })

  test('is let alone, too, when a part of it was given back after that', async () => {
    const { cart, session, paymentId } = await paidAndLeft()
    await shop.shop.completeCart(cart.id, session.id)
    await shop.call('refund-payment', { paymentId, amount: 500 })
    shop.world.advance(3 * MINUTE_MS)

    const told = await shop.eventually(paymentId, (one) => one.told[0]?.status === 'done')

    expect(told.state).toBe('paid')
    expect(await completionsOf(cart.id)).toBe(0)
  })

  test('is found by the sweep when its completion was never planned', async () => {
    const { cart, paymentId } = await paidAndLeft()
    await shop.forgetTellings(paymentId)
    shop.world.advance(3 * MINUTE_MS)

    await shop.world.sweep()

    await shop.eventually(paymentId, (one) => one.told[0]?.status === 'done')
    expect(ordersOf(cart.id)).toHaveLength(1)
  })
})

describe('a completion whose answer is lost', () => {
  test.each(['after_drop', 'after_status'] as const)(
    'after its effect (%s) is found by looking, and not made again',
    async (kind) => {
      const { cart, paymentId } = await paidAndLeft()
      shop.loseCompletion(kind)
      shop.world.advance(2 * MINUTE_MS)

      await shop.eventually(paymentId, (one) => one.told[0]?.status === 'done')

      expect(ordersOf(cart.id)).toHaveLength(1)
      expect(await completionsOf(cart.id)).toBe(1)
    },
  )

  test('before its effect is never made again: a person is told once nothing can come of it', async () => {
    const { cart, paymentId } = await paidAndLeft()
    shop.loseCompletion('drop')
    shop.world.advance(2 * MINUTE_MS)
    while ((await completionsOf(cart.id)) === 0) await Bun.sleep(50)
    expect(await shop.report(paymentId)).toMatchObject({ told: [{ status: 'waiting' }] })

    shop.world.advance(6 * MINUTE_MS)
    const told = await shop.eventually(paymentId, ({ state }) => state === 'attention')

    expect(told).toMatchObject({ reasonCode: 'cart_unresolved', told: [{ status: 'failed' }] })
    expect(await completionsOf(cart.id)).toBe(1)
    expect(ordersOf(cart.id)).toEqual([])
  })

  test('and the shop turned it away at the door: that was no try, and it is made a moment later', async () => {
    const { cart, paymentId } = await paidAndLeft()
    shop.loseCompletion('turned_away')
    shop.world.advance(2 * MINUTE_MS)
    while ((await completionsOf(cart.id)) === 0) await Bun.sleep(50)
    await shop.world.quiet()
    shop.world.advance(MINUTE_MS)

    await shop.eventually(paymentId, (one) => one.told[0]?.status !== 'waiting')

    expect(await shop.report(paymentId)).toMatchObject({ told: [{ status: 'done' }] })
    expect(ordersOf(cart.id)).toHaveLength(1)
  })

  test('and the shop away: nothing is tried until the cart was read, and then it is completed', async () => {
    const { cart, paymentId } = await paidAndLeft()
    failure('status', 3)
    shop.world.advance(2 * MINUTE_MS)
    await shop.world.quiet()
    expect(await completionsOf(cart.id)).toBe(0)

    shop.shop.faults.clear()
    shop.world.advance(MINUTE_MS)

    await shop.eventually(paymentId, (one) => one.told[0]?.status === 'done')
    expect(ordersOf(cart.id)).toHaveLength(1)
  })
})

describe('a person is needed', () => {
  test('when the cart asks for another amount now; the money stays, and once that is mended it goes on', async () => {
    const { cart, paymentId, payment } = await paidAndLeft()
    shop.shop.addDiscountCode(cart.id, 'SALE', 100)
    shop.world.advance(2 * MINUTE_MS)

    const told = await shop.eventually(paymentId, ({ state }) => state === 'attention')
    expect(told).toMatchObject({ reasonCode: 'cart_changed', told: [{ status: 'failed' }] })
    expect(told.reason).toContain('25.99 USD was paid')
    expect(await completionsOf(cart.id)).toBe(0)
    expect(shop.world.refundsOf(payment.payment_id)).toEqual([])

    shop.shop.removeDiscountCode(cart.id, 'SALE')
    await shop.world.sweep()
    await shop.eventually(paymentId, ({ state }) => state === 'paid')
    expect(ordersOf(cart.id)).toHaveLength(1)
  })

  test('when the session is gone', async () => {
    const { cart, paymentId } = await paidAndLeft()
    shop.shop.chooseShipping(cart.id, 0)
    shop.world.advance(2 * MINUTE_MS)

    const told = await shop.eventually(paymentId, ({ state }) => state === 'attention')

    expect(told).toMatchObject({ reasonCode: 'cart_changed' })
  })

  test('when the shop is as published and refuses; asked once, and done when somebody makes the order', async () => {
    const { cart, session, paymentId } = await paidAndLeft()
    shop.shop.behaviour.patch = 'none'
    shop.world.advance(2 * MINUTE_MS)
    const told = await shop.eventually(paymentId, ({ state }) => state === 'attention')
    expect(told).toMatchObject({ reasonCode: 'cart_refused' })
    expect(told.reason).toContain('Unsupported payment provider: pp_dodo')

    await shop.world.sweep()
    await shop.world.quiet()
    expect(await completionsOf(cart.id)).toBe(1)
    expect(await shop.report(paymentId)).toMatchObject({ reasonCode: 'cart_refused' })
    shop.shop.behaviour.patch = 'full'
    await shop.shop.completeCart(cart.id, session.id)
    await shop.world.sweep()

    await shop.eventually(paymentId, ({ state }) => state === 'paid')
    expect(await completionsOf(cart.id)).toBe(1)
  })

  test('when the token may not read carts: that none is shown proves nothing', async () => {
    const { cart, paymentId } = await paidAndLeft()
    shop.takeTokenAway()
    shop.world.advance(2 * MINUTE_MS)

    const told = await shop.eventually(paymentId, ({ state }) => state === 'attention')

    expect(told).toMatchObject({ reasonCode: 'cart_not_found' })
    expect(await completionsOf(cart.id)).toBe(0)
    shop.giveTokenBack()
    await shop.world.sweep()
    await shop.eventually(paymentId, ({ state }) => state === 'paid')
    expect(ordersOf(cart.id)).toHaveLength(1)
  })

  test('when a part of the money went back; when all of it did, nobody', async () => {
    const partly = await paidAndLeft()
    await shop.call('refund-payment', { paymentId: partly.paymentId, amount: 500 })
    const wholly = await paidAndLeft()
    await shop.call('refund-payment', { paymentId: wholly.paymentId, amount: 2_599 })
    await shop.world.quiet()
    shop.world.advance(2 * MINUTE_MS)

    const told = await shop.eventually(partly.paymentId, ({ state }) => state === 'attention')
    expect(told).toMatchObject({ reasonCode: 'cart_refunded' })
    const other = await shop.eventually(wholly.paymentId, (one) => one.told.length === 0)
    expect(other.state).toBe('paid')
    expect([...ordersOf(partly.cart.id), ...ordersOf(wholly.cart.id)]).toEqual([])
  })
})

test('money that came for a cart which had become an order with other money is shown: the shop has no order for it', async () => {
  const { cart, session } = await paidAndLeft()
  await shop.shop.completeCart(cart.id, session.id)
  shop.shop.addLine(cart.id, shop.product.id)
  const { data } = await shop.shop.choosePayment(cart.id, PROVIDER_CODE)
  const second = data as { paymentId: string; checkoutUrl: string }
  const payment = shop.world.dodo.pay(await shop.world.follow(second.checkoutUrl))
  await shop.eventually(second.paymentId, ({ state }) => state === 'paid')
  shop.world.advance(3 * MINUTE_MS)

  const held = await shop.eventually(
    second.paymentId,
    ({ told: [one] }) => one?.status !== 'waiting',
  )
  await shop.world.quiet()

  expect(held.told).toMatchObject([{ status: 'failed' }])
  expect(await shop.report(second.paymentId)).toMatchObject({
    state: 'attention',
    reasonCode: 'cart_changed',
    claimed: false,
  })
  expect(ordersOf(cart.id)).toHaveLength(1)
  expect(await completionsOf(cart.id)).toBe(0)

  const stated = await shop.world.get('/api/statement?source=openfront', {
    headers: { Authorization: `Bearer ${ADMIN_TOKEN}` },
  })
  expect(await stated.text()).toContain(`"dodoPaymentId":"${payment.payment_id}","sides":"51.98`)

  shop.world.dodo.refund(payment.payment_id)
  await shop.world.quiet()
  await shop.world.sweep()
  await shop.eventually(second.paymentId, ({ state }) => state === 'paid')
})

test.each([
  ['is not decided', 'cart_refunded', undefined],
  ['was lost', 'dispute_lost', 'dispute_lost'],
] as const)(
  'a cart whose payment is disputed, which %s, becomes no order once it can be read',
  async (_what, reasonCode, end) => {
    const { cart, paymentId, payment } = await paidAndLeft()
    shop.takeTokenAway()
    shop.world.advance(3 * MINUTE_MS)
    await shop.eventually(paymentId, (one) => one.reasonCode === 'cart_not_found')
    const { dispute_id } = shop.world.dodo.openDispute(payment.payment_id)
    if (end) shop.world.dodo.moveDispute(dispute_id, end)
    await shop.world.quiet()
    shop.giveTokenBack()

    await shop.world.sweep()
    await shop.eventually(paymentId, ({ told: [one] }) => one === undefined || one.attempts > 1)
    await shop.world.quiet()

    expect(await shop.report(paymentId)).toMatchObject({ reasonCode })
    expect(ordersOf(cart.id)).toEqual([])
  },
)

test('money that the shop was told of, and asks for no more, is a person’s to see to until it is given back', async () => {
  const { cart, paymentId, payment } = await paidAndLeft()
  await shop.call('get-payment-status', { paymentId })
  const amount = 9_999
  await shop.call('create-payment', { cart: { id: cart.id }, amount, currency: 'usd' })
  shop.world.advance(3 * MINUTE_MS)
  await shop.world.sweep()
  await shop.world.quiet()

  expect(await shop.report(paymentId)).toMatchObject({
    state: 'attention',
    reasonCode: 'cart_changed',
    claimed: true,
  })
  expect(ordersOf(cart.id)).toEqual([])

  shop.world.dodo.refund(payment.payment_id)
  await shop.world.quiet()
  await shop.world.sweep()
  await shop.eventually(paymentId, ({ state }) => state === 'paid')
})

describe('of what was decided on what a paid cart was', () => {
  /** A worker who has read the order, and completes it now; `meanwhile` happens as it has read the cart. */
  async function hold(
    orderId: string,
    meanwhile: () => Promise<unknown> = async () => undefined,
    change: { currency?: string } = {},
  ) {
    const { db, now, config } = shop.world.bridge.deps
    const order = await findOrder(db, orderId)
    const [telling] = await listTellings(db, orderId)
    if (!order || !telling) throw new Error('it is not planned')
    const shops = openShops({ config, fetch: shop.world.fetch, now })
    const real = shops.find('demo')
    if (!real) throw new Error('there is no shop')
    const findActiveCart: typeof real.findActiveCart = async (cartId) => {
      const found = await real.findActiveCart(cartId)
      await meanwhile()
      return found && { ...found, ...change }
    }
    const deps = { db, now, findShop: () => ({ ...real, findActiveCart }), completeAfterMs: 0 }
    const complete = () => completeCart(deps, order, telling).finally(() => shops.close())
    return { db, now, complete }
  }

  test('a cart that another worker completes while it is read is not completed once more', async () => {
    const { cart, paymentId } = await paidAndLeft()
    const other = await hold(paymentId)
    const { complete } = await hold(paymentId, other.complete)

    const told = await complete().catch(messageOf)
    expect(told).toContain('has begun elsewhere')

    expect(await completionsOf(cart.id)).toBe(1)
    expect(ordersOf(cart.id)).toHaveLength(1)
  })

  test('one that asks for another payment by now is not completed', async () => {
    const { cart, paymentId } = await paidAndLeft()
    const { db, now, complete } = await hold(paymentId)
    await supersede(db, paymentId, WORDS, now())

    expect(await complete()).toMatchObject({ is: 'dropped' })
    expect(await completionsOf(cart.id)).toBe(0)
  })

  test('one of whose money a refund was just asked for is a person’s to see to', async () => {
    const { cart, paymentId, payment } = await paidAndLeft()
    const { db, now, complete } = await hold(paymentId)
    const times = { repeatableAt: new Date(now().getTime() + HOUR_MS), orderedAt: now() }
    const of = { dodoPaymentId: payment.payment_id, receivableId: paymentId }
    const order = { ...of, ...times, cause: 'asked', amount: 500, status: 'intended' } as const
    await db.insert(refundOrders).values(order)

    expect(await complete()).toMatchObject({ is: 'failed', code: 'cart_refunded' })
    expect(await completionsOf(cart.id)).toBe(0)
    await db.delete(refundOrders).where(eq(refundOrders.dodoPaymentId, payment.payment_id))
  })

  test('one that asks for as much of another currency is a person’s to see to', async () => {
    const { cart, paymentId } = await paidAndLeft()
    const { complete } = await hold(paymentId, undefined, { currency: 'EUR' })

    expect(await complete()).toMatchObject({ is: 'failed', code: 'cart_changed' })
    expect(await completionsOf(cart.id)).toBe(0)
  })

  test('one whose refund came to nothing is completed', async () => {
    const { cart, paymentId, payment } = await paidAndLeft()
    const { db, now, complete } = await hold(paymentId)
    await db.insert(refunds).values({
      dodoRefundId: 'ref_failed',
      dodoPaymentId: payment.payment_id,
      status: 'failed',
      amount: 500,
      madeAt: now(),
      observedAt: now(),
    })

    expect(await complete()).toMatchObject({ is: 'done' })
    expect(ordersOf(cart.id)).toHaveLength(1)
    await db.delete(refunds).where(eq(refunds.dodoRefundId, 'ref_failed'))
  })
})

describe('never completed', () => {
  test('is a cart that asks for another payment by now', async () => {
    const old = await shop.begin()
    shop.shop.addLine(old.cart.id, shop.product.id)
    const session = await shop.shop.choosePayment(old.cart.id, 'pp_dodo')
    const { paymentId } = session.data as { paymentId: string }
    shop.world.dodo.pay(old.dodoSessionId)
    await shop.eventually(old.paymentId, (one) => one.payments[0]?.disposition === 'late')
    shop.world.advance(HOUR_MS)
    await shop.world.sweep()
    await shop.world.quiet()

    expect((await shop.report(old.paymentId)).told).toEqual([])
    expect((await shop.report(paymentId)).told).toEqual([])
    expect(ordersOf(old.cart.id)).toEqual([])
  })

  test('is an invoice, whose owner has to be logged in', async () => {
    const invoice = shop.shop.createInvoice(2_599, 'USD', 'user_1')
    const session = await shop.shop.chooseInvoicePayment(invoice.id, 'pp_dodo')
    const { paymentId, checkoutUrl } = session.data as { paymentId: string; checkoutUrl: string }
    shop.world.dodo.pay(await shop.world.follow(checkoutUrl))
    await shop.eventually(paymentId, ({ state }) => state === 'paid')
    shop.world.advance(HOUR_MS)
    await shop.world.sweep()
    await shop.world.quiet()

    expect(await shop.report(paymentId)).toMatchObject({ state: 'paid', told: [] })
  })

  test('is a cart of a store without a token', async () => {
    const key = `cm${crypto.randomUUID()}`
    const credentials = { apiKey: OTHER_KEY }
    const fields = { cart: { id: key }, amount: 2_599, currency: 'usd' }
    const { body } = await shop.call('create-payment', fields, credentials)
    const { paymentId, checkoutUrl } = body as { paymentId: string; checkoutUrl: string }
    shop.world.dodo.pay(await shop.world.follow(checkoutUrl))
    await shop.eventually(paymentId, ({ state }) => state === 'paid')
    shop.world.advance(HOUR_MS)
    await shop.world.sweep()
    await shop.world.quiet()

    expect(await shop.report(paymentId)).toMatchObject({ state: 'paid', told: [] })
  })
})
