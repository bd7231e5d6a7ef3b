import { afterAll, beforeAll, expect, test } from 'bun:test'

import { reconcile } from '../../src/report/reconcile.ts'
import { openShopWorld, type ShopWorld } from '../support/shop.ts'

let shop: ShopWorld
beforeAll(async () => {
  shop = await openShopWorld()
})
afterAll(() => shop.world.close())

async function reconciled(isDryRun = false) {
  const lines: string[] = []
  const write = (line: string) => void lines.push(line)
  const code = await reconcile(
    shop.world.bridge,
    { isDryRun },
    { write, progress: () => undefined },
  )
  return { code, text: lines.join('\n') }
}

test('reconcile finds what was never told of an order: its payment, a refund by hand, and a dispute that was lost', async () => {
  const { world } = shop
  const { cart, paymentId, payment } = await world.inSilence(() => shop.sell())

  const dry = await reconciled(true)
  expect(dry.text).toContain(cart.id)
  expect(dry.text).toContain('Nothing was changed')
  expect(await shop.report(paymentId)).toMatchObject({ state: 'open' })

  const paid = await reconciled()
  expect(paid).toMatchObject({ code: 0 })
  expect(paid.text).toContain('1 order settled, 0 of them need attention')
  expect(paid.text).toMatch(new RegExp(`${cart.id}\\s+paid\\s+paid by ${payment.payment_id}`))

  await world.inSilence(() => world.dodo.refund(payment.payment_id, 700))
  const refunded = await reconciled()
  expect(refunded.text).toContain(cart.id)
  expect(await shop.report(paymentId)).toMatchObject({
    state: 'paid',
    refunds: [{ amount: 700, status: 'succeeded' }],
  })
  expect(await reconciled()).toEqual({
    code: 0,
    text: 'Both ledgers agree: nothing was found.',
  })

  await world.inSilence(() => {
    const dispute = world.dodo.openDispute(payment.payment_id)
    world.dodo.moveDispute(dispute.dispute_id, 'dispute_lost')
  })
  const lost = await reconciled()
  expect(lost.text).toMatch(new RegExp(`${cart.id}\\s+attention\\s+a dispute took payment`))
  expect(await shop.report(paymentId)).toMatchObject({ reasonCode: 'dispute_lost' })
}, 120_000)
