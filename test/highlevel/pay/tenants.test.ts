import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { highlevelLocations } from '../../../src/db/schema.ts'
import { makeKey } from '../../../src/highlevel/keys.ts'
import { HIGHLEVEL_SECRET } from '../../support/world.ts'
import { install, LOCATION, openPaying, type Paying } from './support.ts'

const OTHER = 'loc_demo_2'
const MONTHLY = { interval: 'month', intervalCount: 1 } as const
const PENDING = { success: false, failed: false, message: 'pending' }
const UNKNOWN = { success: false, message: 'Unknown payment' }

let paying: Paying
beforeAll(async () => {
  paying = await openPaying({
    env: { HIGHLEVEL_LOCATIONS: `${LOCATION},${OTHER}`, HIGHLEVEL_PAYMENTS: 'recurring' },
  })
  paying.world.highlevel.createLocation(OTHER)
  await install(paying.world, OTHER)
})
afterAll(() => paying.world.close())

/** Who may ask, and of whom none of what follows is. */
const strangers = () =>
  [
    ['another location', paying.apiKey(OTHER)],
    [
      'the other mode',
      makeKey(HIGHLEVEL_SECRET, { kind: 'apiKey', mode: 'live', locationId: LOCATION }),
    ],
  ] as const

describe('the key of another location, and that of the other mode,', () => {
  test('verify no transaction, and give none back, though no charge is named', async () => {
    const { transactionId, chargeId } = await paying.buy()
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')

    for (const [, key] of strangers()) {
      const about = { transactionId, chargeId: '', subscriptionId: '' }
      expect((await paying.query('verify', about, key)).body).toMatchObject(PENDING)
      const refund = { transactionId, amount: 5 }
      expect((await paying.query('refund', refund, key)).body).toMatchObject(UNKNOWN)
    }

    expect(await paying.reportsOf(transactionId)).toMatchObject([{ claimed: false }])
    expect(paying.world.refundsOf(chargeId)).toEqual([])
  })

  test('end no subscription', async () => {
    const { world } = paying
    const begun = await paying.begin(20, { recurring: MONTHLY })
    world.dodo.pay(begun.sessionId)
    await world.quiet()
    const subscriptionId = begun.subscription?._id ?? ''

    for (const [, key] of strangers())
      expect((await paying.query('cancel_subscription', { subscriptionId }, key)).body).toEqual({
        success: false,
        failed: true,
        message: 'Unknown subscription',
      })

    const { body } = await paying.verify(begun.transactionId, '', { subscriptionId })
    expect(body).toMatchObject({ success: true, subscriptionStatus: 'active' })
  })
})

test('a browser that names what another location was paid gets no page of it', async () => {
  const { world } = paying
  const { props, transactionId } = await paying.buy()
  await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
  const { publishableKey } = world.highlevel.store.integrations.get(OTHER)?.keys.test ?? {}

  const opened = await paying.session({ ...props, locationId: OTHER, publishableKey })

  expect(opened.status).toBe(409)
  expect(Object.keys(opened.body)).toEqual(['error'])
})

test('a location that is not allowed any more has no key that counts, though it has the app', async () => {
  const { deps } = paying.world.bridge
  const locationId = 'loc_left_out'
  const at = deps.now()
  await deps.db
    .insert(highlevelLocations)
    .values({ locationId, state: 'installed', installedAt: at, createdAt: at })

  const key = makeKey(HIGHLEVEL_SECRET, { kind: 'apiKey', mode: 'test', locationId })
  const about = { transactionId: 'tx', chargeId: '', subscriptionId: '' }

  expect(await paying.query('verify', about, key)).toMatchObject({ status: 401 })
})
