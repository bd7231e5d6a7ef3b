import { afterAll, beforeAll, expect, test } from 'bun:test'

import { findConditions } from '../../src/notify/conditions.ts'
import { signIn } from '../http/dashboard/support.ts'
import { openShopWorld, type ShopWorld } from '../support/shop.ts'

let shop: ShopWorld
let server: ReturnType<typeof Bun.serve>
beforeAll(async () => {
  shop = await openShopWorld()
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: shop.world.bridge.app.fetch,
  })
})
afterAll(async () => {
  await server.stop(true)
  await shop.world.close()
})

test('what is told of an order leads to the page of that order, and names it as the shop does', async () => {
  const { world } = shop
  const { cart, paymentId, payment } = await shop.sell()
  world.dodo.openDispute(payment.payment_id)
  await world.quiet()
  const disputed = await findConditions({ ...world.bridge.deps, now: new Date() })
  for (const { dispute_id } of world.dodo.store.disputes.values())
    world.dodo.moveDispute(dispute_id, 'dispute_lost')
  await shop.eventually(paymentId, ({ state }) => state === 'attention')
  const lost = await findConditions({ ...world.bridge.deps, now: new Date() })
  const ana = await signIn(`http://127.0.0.1:${server.port}`)

  const told = [...disputed, ...lost]
  expect(told.map(({ type }) => type)).toEqual(['dispute.opened', 'invoice.attention'])
  for (const { text, data } of told) {
    const asked = await ana.get(new URL(String(data['url'])).pathname)
    const page = await ana.get(asked.headers.get('location') ?? '/')
    expect(page.status).toBe(200)
    expect(await page.text()).toContain(cart.id)
    expect(text).toContain(cart.id)
  }
})
