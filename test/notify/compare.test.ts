import { expect, test } from 'bun:test'

import { sql } from 'drizzle-orm'

import { compareDaily } from '../../src/notify/compare.ts'
import { openWorld } from '../support/world.ts'
import { openReceiver } from './support.ts'

const HOUR_MS = 3_600_000

test('both ledgers are compared once a day, and what nothing explains is told', async () => {
  const receiver = openReceiver()
  const world = await openWorld({
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
