import { describe, expect, test } from 'bun:test'

import { Later } from '../../src/errors.ts'
import { chargesSent, withMandate } from '../support/mandates.ts'
import { isCall, tap } from '../support/tap.ts'
import { shareWorld, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

describe('a saved card that Dodo will not charge because of an earlier payment', () => {
  const shared = shareWorld({ env: { COLLECTION: 'automatic' } })

  /** How long it is waited before it is asked again. */
  async function waitOf(world: World, lagoInvoiceId: string) {
    const { bridge } = world
    const thrown = await bridge.settle(lagoInvoiceId, { cause: 'sweep' }).catch((error) => error)
    expect(thrown).toBeInstanceOf(Later)
    return Math.round(((thrown as Later).at.getTime() - bridge.deps.now().getTime()) / 1_000)
  }

  /** The queue may be at it as well, and then one of the two goes on later. */
  const settleBeside = ({ bridge }: World, lagoInvoiceId: string) =>
    bridge.settle(lagoInvoiceId, { cause: 'sweep' }).catch((error: unknown) => {
      expect(error).toBeInstanceOf(Later)
    })

  test('is asked for ever more seldom, is shown to a person after hours, and is charged in the end', async () => {
    const { world } = shared
    const { customer } = await withMandate(world)
    await world.quiet()
    const close = tap(world, 'dodo', async (request, pass) =>
      isCall(request, 'POST', /\/charge$/)
        ? Response.json({ code: 'PREVIOUS_PAYMENT_PENDING', message: 'busy' }, { status: 409 })
        : pass(),
    )
    const { lago_id: id } = world.bill(2_000, { customer })
    await world.eventually(id, () => chargesSent(world).length > 0)

    expect(await waitOf(world, id)).toBe(20)
    world.advance(4 * MINUTE_MS)
    expect(await waitOf(world, id)).toBeGreaterThan(200)
    world.advance(3 * HOUR_MS)
    expect(await waitOf(world, id)).toBe(1_800)
    world.advance(4 * HOUR_MS)
    await settleBeside(world, id)
    expect(await world.eventually(id, ({ state }) => state === 'attention')).toMatchObject({
      reasonCode: 'dodo_refused',
      reason: expect.stringContaining('an earlier payment'),
    })

    close()
    await settleBeside(world, id)
    await world.eventually(id, ({ state }) => state === 'paid')
    expect(world.paidIn(id)).toHaveLength(1)
  }, 60_000)

  test('because it is being charged for another invoice, is asked for ever more seldom, too', async () => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    await world.quiet()
    world.dodo.setCard(mandate, 'hold')
    const slow = world.bill(3_000, { customer })
    await world.eventually(slow.lago_id, ({ state }) => state === 'processing')
    const { lago_id: id } = world.bill(4_000, { customer })
    await world.eventually(id, ({ reason }) => reason.startsWith('waiting'))

    world.advance(HOUR_MS)

    expect(await waitOf(world, id)).toBe(1_800)
  })
})
