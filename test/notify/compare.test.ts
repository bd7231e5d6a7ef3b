import { expect, test } from 'bun:test'

import { sql } from 'drizzle-orm'

import { compareDaily } from '../../src/notify/compare.ts'
import { ADMIN_TOKEN, openWorld } from '../support/world.ts'
import { openShopWorld } from '../support/shop.ts'
import { openReceiver } from './support.ts'

const HOUR_MS = 3_600_000

test('both ledgers are compared once a day, and what nothing explains is told', async () => {
  const receiver = openReceiver()
  const world = await openWorld({
    unproven: 'somebody deletes a payment in Lago',
    env: { ALERT_WEBHOOK_URL: receiver.url, ALERT_EVENTS: 'ledger.difference' },
  })
  const { deps } = world.bridge
  const found = async () => {
    const [row] = await world.bridge.db.execute<{ value: object }>(
      sql`select value from findings where name = 'statement'`,
    )
    return row?.value
  }
  const invoice = world.bill(10_800)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')

  await compareDaily(deps)
  expect(await found()).toBeUndefined()
  world.advance(2 * HOUR_MS)
  await compareDaily(deps)
  expect(await found()).toEqual({ explained: 0, unexplained: 0, amounts: {} })

  // Somebody deletes the payment in Lago.
  world.lago.store.payments.splice(0)
  world.advance(2 * HOUR_MS)
  await compareDaily(deps)
  expect(await found()).toMatchObject({ unexplained: 0 })
  world.advance(24 * HOUR_MS)
  await compareDaily(deps)
  expect(await found()).toEqual({ explained: 0, unexplained: 1, amounts: { USD: 108 } })

  await world.bridge.watch()
  world.advance(2 * 60_000)
  await world.bridge.watch()
  await receiver.until(() => receiver.ofType('ledger.difference').length > 0)
  await world.quiet()
  expect(receiver.received).toHaveLength(1)
  expect(receiver.received[0]?.body).toMatchObject({
    text: expect.stringContaining('bridge statement'),
    data: { unexplained: 1, amounts: { USD: 108 } },
  })
  await world.close()
  await receiver.close()
})

test('orders are compared with Dodo and with their source, also without Lago, and counted by the calls of the shop', async () => {
  const receiver = openReceiver()
  const shop = await openShopWorld({
    unproven: 'somebody takes a payment out of Dodo',
    hasToken: true,
    env: {
      LAGO_API_KEY: '',
      LAGO_WEBHOOK_HMAC_KEY: '',
      ALERT_WEBHOOK_URL: receiver.url,
      ALERT_EVENTS: 'ledger.difference',
    },
  })
  const { world } = shop
  const { deps } = world.bridge
  const found = async () => {
    const [row] = await world.bridge.db.execute<{ value: object }>(
      sql`select value from findings where name = 'statement'`,
    )
    return row?.value
  }
  const { paymentId, payment } = await shop.sell()
  await shop.eventually(paymentId, ({ state }) => state === 'paid')
  world.advance(3 * 60_000)
  await shop.eventually(paymentId, ({ told }) => told[0]?.status === 'done')

  await compareDaily(deps)
  world.advance(2 * HOUR_MS)
  await compareDaily(deps)
  expect(await found()).toEqual({ explained: 0, unexplained: 0, amounts: {} })

  world.dodo.store.payments.delete(payment.payment_id)
  world.advance(26 * HOUR_MS)
  await compareDaily(deps)
  expect(await found()).toEqual({ explained: 0, unexplained: 1, amounts: { USD: 25.99 } })

  await world.bridge.watch()
  world.advance(2 * 60_000)
  await world.bridge.watch()
  await receiver.until(() => receiver.ofType('ledger.difference').length > 0)
  expect(receiver.received[0]?.body).toMatchObject({ data: { unexplained: 1 } })
  const metrics = await (
    await world.get('/metrics', { headers: { Authorization: `Bearer ${ADMIN_TOKEN}` } })
  ).text()
  expect(metrics).toMatch(
    /bridge_api_requests_total\{[^}]*service="openfront"[^}]*code="2xx"[^}]*\} [1-9]/,
  )
  await world.close()
  await receiver.close()
})
