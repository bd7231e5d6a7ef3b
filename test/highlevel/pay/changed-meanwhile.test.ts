import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { FRESH_MS, install, LOCATION, openPaying, type Paying } from './support.ts'

const DAY_MS = 24 * 3_600_000
let paying: Paying
beforeAll(async () => {
  paying = await openPaying({ env: { HIGHLEVEL_PAYMENTS: 'recurring' } })
})
afterAll(() => paying.world.close())

const paidByHand = { status: 'succeeded', chargeId: null }

describe('what HighLevel does not ask for any more', () => {
  test('is not handed to the buyer again, though its page was opened before', async () => {
    const begun = await paying.begin()
    Object.assign(begun.transaction, paidByHand)

    expect(await paying.session(begun.props)).toMatchObject({ status: 409 })
  })

  test('has no new checkout opened behind its old link', async () => {
    const { world } = paying
    const begun = await paying.begin()
    Object.assign(begun.transaction, paidByHand)
    world.advance(2 * DAY_MS)

    expect(await world.follow(begun.checkoutUrl)).toBe('')
    await world.quiet()
    expect(await paying.reportsOf(begun.transactionId)).toMatchObject([{ state: 'failed' }])
  })

  test('was paid, and is told of as paid when it asks for another amount: that is asked for by itself', async () => {
    const { world } = paying
    const { transactionId, transaction, chargeId } = await paying.buy(10)
    const first = await paying.verify(transactionId, chargeId)
    Object.assign(transaction, { amount: 15, status: 'pending', chargeId: null })

    const again = await paying.session(world.highlevel.paymentProps(transactionId))
    expect(again).toMatchObject({ status: 200, body: { status: 'open', amount: 1_500 } })
    // What was said stays what was said, whichever order asks now.
    world.advance(FRESH_MS)
    expect(await paying.verify(transactionId)).toEqual(first)
  })
})

test('what HighLevel has as paid with the charge of another transaction is not taken for paid with its own', async () => {
  const { world } = paying
  const other = await paying.buy()
  const begun = await paying.begin()
  Object.assign(begun.transaction, { status: 'succeeded', chargeId: other.chargeId })
  const { payment_id: paid } = world.dodo.pay(begun.sessionId)
  await world.quiet()

  expect((await paying.verify(begun.transactionId, paid)).body).toMatchObject({ success: false })
  expect(await paying.reportsOf(begun.transactionId)).toMatchObject([{ claimed: false }])
})

test('a subscription that began by paying is verified with its charge, and claims the money by that', async () => {
  const { world } = paying
  const begun = await paying.begin(20, { recurring: { interval: 'month', intervalCount: 1 } })
  const { payment_id: paid } = world.dodo.pay(begun.sessionId)
  await world.quiet()
  const subscriptionId = begun.subscription?._id ?? ''

  const { body } = await paying.verify(begun.transactionId, '', { subscriptionId })

  expect(body).toMatchObject({ success: true, chargeSnapshot: { chargeId: paid, amount: 2_000 } })
  expect(await paying.reportsOf(begun.transactionId)).toMatchObject([{ claimed: true }])
})

test('money whose place another order takes in the very moment it is verified is not said to pay', async () => {
  const { world } = paying
  const { transactionId, transaction, sessionId } = await paying.begin(10)
  const { payment_id: paid } = world.dodo.pay(sessionId)
  await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
  const real = world.highlevel.fetch
  let isDone = false
  // HighLevel answers with what it asked for, and asks for something else right after that.
  const look = async (...[input, init]: Parameters<typeof real>) => {
    const answer = await real(input, init)
    if (isDone || !(input as Request).url.includes(`/transactions/${transactionId}`)) return answer
    isDone = true
    transaction.amount = 15
    expect(await paying.session(world.highlevel.paymentProps(transactionId))).toMatchObject({
      body: { amount: 1_500 },
    })
    return answer
  }
  world.highlevel.fetch = look as typeof real

  const { body } = await paying.verify(transactionId, paid)

  world.highlevel.fetch = real
  expect(isDone).toBe(true)
  expect(body).toMatchObject({ success: false, failed: false, message: 'pending' })
  await world.quiet()
})

test('a subscription that ended with the app before it was paid has no new checkout behind its old link', async () => {
  const { world } = paying
  const begun = await paying.begin(20, { recurring: { interval: 'month', intervalCount: 1 } })
  world.highlevel.uninstall(LOCATION)
  await world.highlevel.idle()
  await world.quiet()
  await install(world, LOCATION)
  world.advance(2 * DAY_MS)

  expect(await world.follow(begun.checkoutUrl)).toBe('')
  await world.quiet()
  expect(await paying.reportsOf(begun.transactionId)).toMatchObject([{ state: 'failed' }])
})
