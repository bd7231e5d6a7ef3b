import { expect, test } from 'bun:test'

import { wake } from '../../src/wakes.ts'
import { openWorld } from '../support/world.ts'

const HOUR_MS = 3_600_000

test('what happened after a clock that was an hour ahead has been set right is found by the next sweep', async () => {
  const world = await openWorld()
  const invoice = world.bill(5_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  await world.quiet()
  world.dodo.courier.switches.lose = true
  const sweepByItself = async () => {
    await wake(world.bridge.deps, 'sweep', ['sweep'], 'clock')
    await world.quiet()
  }
  world.skew(HOUR_MS)
  await sweepByItself()
  world.skew(0)

  world.dodo.pay(sessionId)
  await world.dodo.idle()
  await sweepByItself()

  expect(await world.invoiceReport(invoice.lago_id)).toMatchObject({ state: 'paid' })
  await world.close()
})
