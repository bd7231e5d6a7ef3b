import { afterAll, beforeAll, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { ensureOrder } from '../../src/billers/orders/ensure.ts'
import { findOrder } from '../../src/billers/orders/order.ts'
import { mandates } from '../../src/db/schema.ts'
import { wake } from '../../src/wakes.ts'
import { chargesSent, withMandate, type Customer } from '../support/mandates.ts'
import { openWorld, type World } from '../support/world.ts'

const WORDS = {
  superseded: 'replaced',
  waits: 'waits',
  asked: 'asked',
  claimed: 'told',
  replaced: 'paid anew',
}

let world: World
let customer: Customer
let mandate: string
beforeAll(async () => {
  world = await openWorld({
    env: { COLLECTION: 'automatic', OPENFRONT_API_KEYS: 'demo:ofk_0123456789abcdef' },
    unproven: 'its orders are written by hand',
  })
  const saved = await withMandate(world)
  customer = saved.customer
  mandate = saved.mandate
  await world.quiet()
})
afterAll(() => world.close())

/** Has the saved card charged for an order of that payer, and waits for what comes of it. */
async function charge(payerKey: string) {
  const { deps } = world.bridge
  const { orderId } = await ensureOrder(
    deps,
    { source: 'openfront', tenant: 'demo', mode: 'test' },
    {
      account: deps.account,
      key: `cart_${crypto.randomUUID()}`,
      amount: 2_599,
      currency: 'USD',
      payerKey,
      collect: 'charge',
      dodoSubscriptionId: mandate,
    },
    WORDS,
  )
  const before = chargesSent(world).length
  await wake(deps, 'settle', [orderId], 'customer')
  await world.quiet()
  const order = await findOrder(deps.db, orderId)
  return { charges: chargesSent(world).length - before, closed: order?.closedReason }
}

const CANNOT = { charges: 0, closed: 'the saved card cannot be charged' }

test('a saved card is charged for whose it is', async () => {
  expect(await charge(customer.external_id)).toEqual({ charges: 1, closed: null })
})

test('a saved card is not charged for another payer who names it', async () => {
  expect(await charge('somebody else')).toEqual(CANNOT)
})

test('a saved card of another Dodo account is not charged', async () => {
  const isThis = eq(mandates.dodoSubscriptionId, mandate)
  await world.bridge.db.update(mandates).set({ account: 'acc_other' }).where(isThis)
  expect(await charge(customer.external_id)).toEqual(CANNOT)
})
