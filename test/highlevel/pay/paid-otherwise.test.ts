import { afterAll, beforeAll, expect, test } from 'bun:test'

import { openPaying, type Paying } from './support.ts'

let paying: Paying
beforeAll(async () => {
  paying = await openPaying()
})
afterAll(() => paying.world.close())

test.each([
  ['by hand', null],
  ['through another provider', 'pi_of_another_provider'],
])(
  'what is paid on the page after HighLevel has it as paid %s is for a person to see, and not told',
  async (_how, chargeId) => {
    const { world } = paying
    const begun = await paying.begin()
    Object.assign(begun.transaction, { status: 'succeeded', chargeId })

    const { payment_id: paid } = world.dodo.pay(begun.sessionId)
    await world.quiet()
    const { body } = await paying.verify(begun.transactionId, paid)

    expect(body).toMatchObject({ success: false, failed: false, message: 'pending' })
    world.advance(2 * 3_600_000)
    const order = await paying.eventuallyOrder(
      begun.transactionId,
      ({ state }) => state === 'attention',
    )
    expect(order.reason).toContain('paid by other means')
    expect(order).toMatchObject({ claimed: false, payments: [{ dodoPaymentId: paid }] })
    expect(paying.eventsOf(begun.transactionId)).toEqual([])
  },
)

test('what HighLevel has as paid with our own charge is paid, also to a ledger that does not know of having said so', async () => {
  const { world } = paying
  const begun = await paying.begin()
  const { payment_id: paid } = world.dodo.pay(begun.sessionId)
  Object.assign(begun.transaction, { status: 'succeeded', chargeId: paid })
  await world.quiet()

  const { body } = await paying.verify(begun.transactionId, paid)

  expect(body).toMatchObject({ success: true })
})
