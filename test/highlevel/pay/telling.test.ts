import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { eq } from 'drizzle-orm'

import { newOrderId } from '../../../src/billers/orders/ids.ts'
import { orders } from '../../../src/db/schema.ts'
import { eventually, openPaying, type Paying } from './support.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

let paying: Paying
beforeAll(async () => {
  paying = await openPaying({ env: { HIGHLEVEL_TELL_AFTER: '60s' } })
})
afterAll(() => paying.world.close())

const told = (transactionId: string) => paying.eventsOf(transactionId)

describe('a payment that nobody verified', () => {
  test('is told after HIGHLEVEL_TELL_AFTER, once, and claimed by that', async () => {
    const { world } = paying
    const { transactionId, chargeId } = await paying.buy(25.99)
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    await world.quiet()
    expect(told(transactionId)).toEqual([])

    world.advance(61_000)
    await eventually(async () => told(transactionId)[0], 'an event')
    await world.quiet()

    expect(told(transactionId).map(({ body }) => body)).toEqual([
      {
        event: 'payment.captured',
        chargeId,
        ghlTransactionId: transactionId,
        chargeSnapshot: {
          id: chargeId,
          status: 'succeeded',
          amount: 2_599,
          chargeId,
          chargedAt: expect.any(Number),
        },
        locationId: 'loc_demo_1',
        apiKey: paying.apiKey(),
        marketplaceAppId: 'app_demo_1',
      },
    ])
    expect(paying.statusOf(transactionId)).toBe('succeeded')
    expect((await paying.reportsOf(transactionId))[0]).toMatchObject({ claimed: true })
  })

  test('is not told once HighLevel has asked by itself', async () => {
    const { world } = paying
    const { transactionId, chargeId } = await paying.buy()
    await paying.verify(transactionId, chargeId)
    world.advance(61_000)
    await paying.eventuallyOrder(transactionId, ({ told: all }) => all[0]?.status === 'done')
    expect(told(transactionId)).toEqual([])
  })

  test('is told until HighLevel takes it, ever more seldom', async () => {
    const { world } = paying
    const { transactionId } = await paying.buy()
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    const path = '/payments/custom-provider/webhook'
    world.highlevel.faults.add({ kind: 'status', status: 503, times: 2, match: { path } })
    world.advance(61_000)
    await paying.eventuallyOrder(transactionId, ({ told: all }) => all[0]?.attempts === 1)
    expect(told(transactionId)).toEqual([])
    for (let again = 0; again < 2; again += 1) {
      world.advance(HOUR_MS / 60)
      await paying.eventuallyOrder(
        transactionId,
        ({ told: all }) => (all[0]?.attempts ?? 0) >= again + 2,
      )
    }
    await eventually(async () => told(transactionId)[0], 'an event')
    expect(told(transactionId)).toHaveLength(1)
  })

  test('that HighLevel never takes is for a person to look at after three days', async () => {
    const { world } = paying
    const { transactionId } = await paying.buy()
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    const path = '/payments/custom-provider/webhook'
    world.highlevel.faults.add({ kind: 'status', status: 503, match: { path } })
    world.advance(61_000)
    await paying.eventuallyOrder(transactionId, ({ told: all }) => all[0]?.attempts === 1)
    world.advance(3 * DAY_MS + HOUR_MS)
    const order = await paying.eventuallyOrder(transactionId, ({ state }) => state === 'attention')
    world.highlevel.faults.clear()
    expect(order.told).toMatchObject([{ what: 'payment.captured', status: 'failed' }])
  })

  test('of a transaction that asks for another amount by now is not told', async () => {
    const { world } = paying
    const { transactionId, transaction } = await paying.buy(10)
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    transaction.amount = 100
    world.advance(61_000)
    await paying.eventuallyOrder(transactionId, ({ told: all }) => all[0]?.status === 'failed')
    expect(told(transactionId)).toEqual([])
  })
})

describe('what HighLevel was told, and did not apply', () => {
  test('is told again by a sweep an hour later, at most daily, until it does', async () => {
    const { world } = paying
    const { behaviour } = world.highlevel
    const { transactionId } = await paying.buy()
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    behaviour.appliesEvents = false
    world.advance(61_000)
    await eventually(async () => told(transactionId)[0], 'an event')

    await world.sweep()
    await world.quiet()
    expect(told(transactionId)).toHaveLength(1)
    world.advance(HOUR_MS + 1_000)
    await world.sweep()
    await eventually(async () => told(transactionId)[1], 'another event')
    world.advance(2 * HOUR_MS)
    await world.sweep()
    await world.quiet()
    expect(told(transactionId)).toHaveLength(2)

    behaviour.appliesEvents = true
    world.advance(DAY_MS)
    await world.sweep()
    await eventually(async () => told(transactionId)[2], 'a third event')
    expect(paying.statusOf(transactionId)).toBe('succeeded')
    world.advance(2 * DAY_MS)
    await world.sweep()
    await world.quiet()
    expect(told(transactionId)).toHaveLength(3)
  })
})

test('what it did not apply is told again, however many cycles of subscriptions were told meanwhile', async () => {
  const { world } = paying
  const { db } = world.bridge
  const { behaviour } = world.highlevel
  const claimedAt = new Date(world.bridge.deps.now().getTime() - 2 * HOUR_MS)
  const of = { source: 'highlevel', tenant: 'loc_gone', mode: 'test', account: 'main' } as const
  const cycles = Array.from({ length: 250 }, (_, nth) => ({
    ...of,
    orderId: newOrderId(),
    key: `gone#${nth + 2}`,
    amount: 100,
    currency: 'USD',
    collect: 'charge' as const,
    metadata: {},
    claimedAt,
    createdAt: claimedAt,
  }))
  await db.insert(orders).values(cycles)
  behaviour.appliesEvents = false
  const { transactionId } = await paying.buy()
  await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
  world.advance(61_000)
  await eventually(async () => told(transactionId)[0], 'an event')
  behaviour.appliesEvents = true

  world.advance(HOUR_MS + 1_000)
  await world.sweep()
  await eventually(async () => told(transactionId)[1], 'another event')
  await db.delete(orders).where(eq(orders.tenant, 'loc_gone'))
})

test('what cannot be read at HighLevel lets the others go first, for an hour', async () => {
  const { world } = paying
  const { faults } = world.highlevel
  const { transactionId, chargeId } = await paying.buy()
  await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
  await paying.verify(transactionId, chargeId)
  world.advance(HOUR_MS + 1_000)
  faults.add({ kind: 'status', status: 500, match: { method: 'GET', path: '/transactions/' } })

  await world.sweep()
  const asked = faults.spoilt()
  await world.sweep()
  const askedAgain = faults.spoilt()
  world.advance(HOUR_MS + 1_000)
  await world.sweep()
  const askedLater = faults.spoilt()
  faults.clear()

  expect(asked).toBeGreaterThan(0)
  expect(askedAgain).toBe(asked)
  expect(askedLater).toBeGreaterThan(askedAgain)
})

test('money that comes after the app was taken out is late, and goes back', async () => {
  const { world } = paying
  const { transactionId, sessionId } = await paying.begin()
  world.highlevel.uninstall('loc_demo_1')
  await world.quiet()
  const late = world.dodo.pay(sessionId)
  await paying.eventuallyOrder(transactionId, ({ payments }) =>
    payments.some(({ disposition }) => disposition === 'late'),
  )
  await world.quiet()
  expect(world.refundsOf(late.payment_id)).toHaveLength(1)
})

test('a transaction that could not be read before it was paid is compared with the money once it can', async () => {
  const other = await openPaying({
    env: { HIGHLEVEL_TELL_AFTER: '60s' },
    unproven: 'until the transaction can be read, a browser says which order stands for it',
  })
  const { world } = other
  const { behaviour } = world.highlevel
  behaviour.readsPendingTransactions = false
  const dear = other.sell(100)
  const cheap = other.sell(1)
  const { body } = await other.session({ ...dear.props, amount: 1, orderId: cheap.order._id })
  const { payment_id } = world.dodo.pay(await world.follow(String(body['checkoutUrl'])))
  await other.eventuallyOrder(dear.transactionId, ({ state }) => state === 'paid')
  await other.verify(dear.transactionId, payment_id)
  dear.transaction.status = 'succeeded'

  world.advance(61_000)
  const order = await other.eventuallyOrder(
    dear.transactionId,
    ({ state }) => state === 'attention',
  )
  expect(order.reason).toContain('HighLevel asks for another amount than was paid')
  expect(other.eventsOf(dear.transactionId)).toEqual([])
  expect(world.refundsOf(payment_id)).toEqual([])
  await world.close()
})
