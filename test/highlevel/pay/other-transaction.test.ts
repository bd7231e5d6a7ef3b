import { afterAll, beforeAll, expect, test } from 'bun:test'

import { openPaying, type Paying } from './support.ts'

const MONTHLY = { interval: 'month', intervalCount: 1 } as const
let paying: Paying
beforeAll(async () => {
  paying = await openPaying({ env: { HIGHLEVEL_PAYMENTS: 'recurring' } })
})
afterAll(() => paying.world.close())

/** A subscription that costs 100 at once, and something that the same contact could buy for 1. */
function tempt(more: Parameters<Paying['sell']>[1] = {}) {
  const dear = paying.sell(100, { recurring: MONTHLY })
  const cheap = paying.sell(1, { contactId: dear.contactId, ...more })
  return { dear, cheap }
}

test.each([
  ['of another order', {}],
  ['of another subscription', { recurring: MONTHLY }],
])('a subscription does not begin with a transaction %s of its contact', async (_which, more) => {
  const { dear, cheap } = tempt(more)

  const { transactionId } = cheap
  const opened = await paying.session({ ...dear.props, amount: 1, transactionId })

  expect(opened).toMatchObject({ status: 409 })
  expect((await paying.session(dear.props)).body).toMatchObject({ status: 'open', amount: 10_000 })
})

test('nor with another order, where its transaction cannot be read', async () => {
  const { behaviour } = paying.world.highlevel
  const { dear, cheap } = tempt()
  behaviour.readsPendingTransactions = false

  const opened = await paying.session({ ...dear.props, amount: 1, orderId: cheap.order._id })
  const own = await paying.session(dear.props)
  behaviour.readsPendingTransactions = true

  expect(opened).toMatchObject({ status: 409 })
  expect(own.body).toMatchObject({ status: 'open', amount: 10_000 })
})
