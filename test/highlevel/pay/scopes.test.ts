import { afterAll, beforeAll, expect, test } from 'bun:test'

import type { HighlevelDeps } from '../../../src/billers/highlevel/deps.ts'
import { findCurrent } from '../../../src/billers/highlevel/recurring/charge.ts'
import { ensureSubscription } from '../../../src/billers/highlevel/recurring/ensure.ts'
import { findSubscription, type Whose } from '../../../src/billers/highlevel/recurring/rows.ts'
import { findOrderOf } from '../../../src/billers/highlevel/verify.ts'
import { ensureOrder } from '../../../src/billers/orders/ensure.ts'
import { WORDS } from '../../../src/billers/highlevel/words.ts'
import { openWorld, type World } from '../../support/world.ts'

const OURS: Whose = { locationId: 'loc_1', mode: 'test' }
const OTHERS: [string, Whose][] = [
  ['location', { ...OURS, locationId: 'loc_2' }],
  ['mode', { ...OURS, mode: 'live' }],
]

let world: World
let deps: HighlevelDeps
beforeAll(async () => {
  world = await openWorld({ unproven: 'its orders are written by hand' })
  // All that these look at is the database.
  deps = world.bridge.deps as unknown as HighlevelDeps
})
afterAll(() => world.close())

test.each(OTHERS)('a transaction is not the same one in another %s', async (_what, other) => {
  const { db, account } = world.bridge.deps
  const transactionId = crypto.randomUUID()
  const { locationId: tenant, mode } = OURS
  const scope = { source: 'highlevel', tenant, mode } as const
  const asked = { account, key: transactionId, amount: 2_599, currency: 'USD' }
  const { orderId } = await ensureOrder(world.bridge.deps, scope, asked, WORDS)

  const named = { transactionId, chargeId: undefined }
  expect(await findOrderOf({ db }, OURS, named)).toMatchObject({ orderId })
  expect(await findCurrent(deps, OURS, transactionId)).toMatchObject({ orderId })
  expect(await findOrderOf({ db }, other, named)).toBeUndefined()
  expect(await findCurrent(deps, other, transactionId)).toBeUndefined()
})

test.each(OTHERS)('a subscription is not the same one in another %s', async (_what, other) => {
  const { db, account } = world.bridge.deps
  const subscriptionId = crypto.randomUUID()
  const asked = {
    subscriptionId,
    transactionId: 'transaction',
    account,
    contactId: 'contact',
    payerKey: 'payer',
    money: { amount: 2_000, currency: 'USD' },
    terms: { interval: 'month', intervalCount: 1, trialDays: 0, totalCycles: null },
  } as const
  const ours = await ensureSubscription(deps, OURS, asked)
  expect(await findSubscription(db, other, subscriptionId)).toBeUndefined()

  await ensureSubscription(deps, other, { ...asked, contactId: 'somebody else' })

  expect(await findSubscription(db, OURS, subscriptionId)).toEqual(ours)
})
