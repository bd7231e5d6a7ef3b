import { afterAll, beforeAll, expect, test } from 'bun:test'

import { refundOrders } from '../../src/db/schema.ts'
import { openShopWorld, OTHER_KEY, STORE_KEY, type ShopWorld } from '../support/shop.ts'

let shop: ShopWorld
beforeAll(async () => {
  shop = await openShopWorld({ unproven: 'its books are spoilt to see whether that is seen' })
})
afterAll(() => shop.world.close())

const brokenRules = async () =>
  shop.world.assertProven().then(
    () => '',
    (error: unknown) => String(error),
  )

test('the oracle has nothing to say of an order that was paid, and names each rule once its books are spoilt', async () => {
  const { world } = shop
  const { paymentId, payment } = await shop.sell()
  await world.quiet()
  shop.ageALook()
  const { body } = await shop.call('get-payment-status', { paymentId })
  expect(body['status']).toBe('captured')
  expect(await brokenRules()).toBe('')
  expect(world.watch.counts.unasked).toBe(0)

  const answers = (apiKey: string, said: Record<string, unknown>) =>
    world.watch.answers(
      '/api/get-payment-status',
      JSON.stringify({ provider: { credentials: { apiKey } }, paymentId }),
      Response.json(said),
    )
  const { total_amount: amount, metadata, payment_id: dodoPaymentId } = payment
  const captured = { status: 'captured', amount, dodoPaymentId, paymentId }

  payment.status = 'processing'
  await answers(STORE_KEY, captured)
  expect(await brokenRules()).toContain(
    `P1: ${paymentId} is said to be paid with ${dodoPaymentId}, which is processing in Dodo`,
  )
  expect(await brokenRules()).toContain(`P1: ${paymentId} is paid, with`)
  payment.status = 'succeeded'
  await answers(STORE_KEY, { ...captured, amount: amount + 1 })
  expect(await brokenRules()).toContain(`as ${amount + 1}, of which Dodo holds ${amount}`)

  payment.metadata = { ...metadata, bridge_order: 'ord_another' }
  await answers(STORE_KEY, captured)
  expect(await brokenRules()).toContain("which is ord_another's")
  expect(await brokenRules()).toContain(
    `P2: ${paymentId} is paid, with ${dodoPaymentId}, which was for another`,
  )
  payment.metadata = metadata

  await answers(OTHER_KEY, { status: 'pending', amount, paymentId })
  expect(await brokenRules()).toContain('P7: other asked /api/get-payment-status')

  const [order] = await world.bridge.db
    .insert(refundOrders)
    .values({
      dodoPaymentId,
      receivableId: paymentId,
      cause: 'late',
      status: 'intended',
      amount,
      repeatableAt: new Date(),
      orderedAt: new Date(),
    })
    .returning()
  await world.fetch('http://dodo.test/refunds', {
    method: 'POST',
    headers: { Authorization: 'Bearer dodo_test_key', 'Content-Type': 'application/json' },
    body: JSON.stringify({
      payment_id: dodoPaymentId,
      metadata: { bridge_order: paymentId, bridge_refund: order?.id },
    }),
  })
  expect(await brokenRules()).toContain(
    `P5: ${dodoPaymentId}, which its source was told of as paid`,
  )
  expect(world.watch.counts.unasked).toBe(0)
})
