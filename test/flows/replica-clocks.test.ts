import { describe, expect, test } from 'bun:test'

import pino from 'pino'

import { openBridge } from '../../src/bridge.ts'
import { withMandate } from '../support/mandates.ts'
import { holdBack } from '../support/tap.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const isPaid = ({ state }: Report) => state === 'paid'

/** A bridge on the same database, on a machine whose clock is off. It works nothing by itself. */
function openOther(world: World, minutes: number) {
  const { config, now } = world.bridge.deps
  const off = (at: Date) => new Date(at.getTime() + minutes * MINUTE_MS)
  return openBridge(config, {
    log: pino({ level: 'silent' }),
    now: () => off(now()),
    ownClock: () => off(new Date()),
    fetch: (input, init) => {
      const request = new Request(input instanceof URL ? input.href : (input as string), init)
      const isLago = new URL(request.url).host === 'lago.test'
      return (isLago ? world.lago : world.dodo).fetch(request)
    },
  })
}

describe('a replica on a machine whose clock is off', () => {
  test.each([-5, 5])(
    'by %d minutes does not repeat a charge that may still be made',
    async (minutes) => {
      const world = await openWorld({ env: { COLLECTION: 'automatic' } })
      const { customer } = await withMandate(world)
      const held = holdBack(world, 'dodo', 'POST', /^\/subscriptions\/[^/]+\/charge$/)
      const invoice = world.bill(7_000, { customer })
      await world.eventually(invoice.lago_id, held.isHeld)
      await world.quiet()
      const other = await openOther(world, minutes)

      await other.settle(invoice.lago_id, { cause: 'operator' }).catch(() => undefined)
      await held.carryOut()
      await other.close()
      world.advance(130_000)
      await world.sweep()
      await world.quiet()

      await world.eventually(invoice.lago_id, isPaid)
      const made = [...world.dodo.store.payments.values()].filter(
        ({ metadata }) => metadata['lago_invoice_id'] === invoice.lago_id,
      )
      expect(made).toHaveLength(1)
      await world.close()
    },
  )
})
