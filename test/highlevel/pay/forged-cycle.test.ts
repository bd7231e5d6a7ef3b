import { afterAll, beforeAll, expect, test } from 'bun:test'

import { openPaying, type Paying } from './support.ts'

const DAY_MS = 24 * 3_600_000
let paying: Paying
beforeAll(async () => {
  paying = await openPaying({ env: { HIGHLEVEL_PAYMENTS: 'recurring' } })
})
afterAll(() => paying.world.close())

/** A subscription that began by paying on the page. */
async function subscribe() {
  const { world } = paying
  const begun = await paying.begin(20, { recurring: { interval: 'month', intervalCount: 1 } })
  world.dodo.pay(begun.sessionId)
  await world.quiet()
  return { ...begun, subscriptionId: begun.subscription?._id ?? '' }
}

test.each([
  ['a cheaper order of theirs', 1],
  ['an order of the very same amount', 20],
])(
  'a browser that calls %s a cycle of its subscription takes no cycle’s place',
  async (_what, amount) => {
    const { world } = paying
    const { subscriptionId } = await subscribe()
    const key = `${subscriptionId}#2`
    const cheap = paying.sell(amount)

    const opened = await paying.session({
      ...cheap.props,
      transactionId: key,
      orderId: cheap.order._id,
    })

    expect(opened.status).toBe(400)
    expect(await paying.reportsOf(key)).toEqual([])
    world.advance(31 * DAY_MS)
    const cycle = await paying.eventuallyOrder(key, ({ state }) => state === 'paid')
    expect(cycle).toMatchObject({ amount: 2_000 })
  },
)
