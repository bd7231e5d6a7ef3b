import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'

import { eq } from 'drizzle-orm'

import type { HighlevelDeps } from '../../../src/billers/highlevel/deps.ts'
import {
  settleSubscription,
  wakeSubscriptions,
} from '../../../src/billers/highlevel/recurring/settle.ts'
import { highlevelSubscriptions } from '../../../src/db/schema.ts'
import { install, LOCATION, openPaying, type Paying } from './support.ts'

const DAY_MS = 24 * 3_600_000
let paying: Paying
beforeAll(async () => {
  paying = await openPaying({
    env: { HIGHLEVEL_PAYMENTS: 'recurring', RETRY_SCHEDULE: '1d', HIGHLEVEL_TELL_AFTER: '60s' },
  })
})
afterEach(() => paying.world.highlevel.faults.clear())
afterAll(() => paying.world.close())

/** A contact with a card that was saved for its own sake, which outlives its subscriptions. */
async function saveCard() {
  const { world } = paying
  const { contactId } = paying.sell()
  await paying.saveCard(contactId)
  const contact = { locationId: LOCATION, contactId, liveMode: false }
  const [method] = await world.highlevel.listPaymentMethods(contact)
  return { contactId, methodId: method?.id ?? 'none' }
}

/** A subscription on it, which was paid for the first time. */
async function subscribe(terms: Record<string, unknown> = {}) {
  const { world } = paying
  const { contactId, methodId } = await saveCard()
  const recurring = { interval: 'month', intervalCount: 1, ...terms } as const
  const sale = paying.sell(20, { contactId, recurring })
  const startDate = world.bridge.deps.now().toISOString().slice(0, 10)
  const asked = { paymentMethodId: methodId, startDate }
  await world.highlevel.createSubscription(sale.transactionId, asked)
  await paying.eventuallyOrder(sale.transactionId, ({ state }) => state === 'paid')
  if (!sale.subscription) throw new Error('it is no subscription')
  const { subscription, transactionId } = sale
  return { subscription, subscriptionId: subscription._id, transactionId, methodId }
}
const chargesOf = (mandate: string) =>
  [...paying.world.dodo.store.payments.values()].filter(
    ({ subscription_id: id, total_amount: amount }) => id === mandate && amount > 0,
  )

test('a charge that had not begun when its subscription was cancelled is not begun any more', async () => {
  const { world } = paying
  const { subscriptionId, methodId } = await subscribe()
  const { appliesEvents } = world.highlevel.behaviour
  // What HighLevel is told of the end it has not applied yet when it is asked.
  world.highlevel.behaviour.appliesEvents = false
  world.highlevel.faults.add({
    kind: 'delay',
    ms: 1_500,
    match: { method: 'GET', path: '/payments/subscriptions/' },
  })
  world.advance(31 * DAY_MS)
  await paying.eventuallyOrder(`${subscriptionId}#2`, () => true)
  // HighLevel is being asked, for the last time, whether it may be charged.
  await Bun.sleep(500)

  const { body } = await paying.query('cancel_subscription', { subscriptionId })

  expect(body).toEqual({ status: 'canceled' })
  await paying.eventuallyOrder(`${subscriptionId}#2`, ({ state }) =>
    ['failed', 'paid'].includes(state),
  )
  world.highlevel.behaviour.appliesEvents = appliesEvents
  expect(chargesOf(methodId)).toHaveLength(1)
})

test('a cycle is charged although whoever began it died in the very next moment', async () => {
  const { world } = paying
  const { db, deps, highlevel } = world.bridge
  const { subscriptionId, methodId } = await subscribe()
  const isThis = eq(highlevelSubscriptions.subscriptionId, subscriptionId)
  const [row] = await db.select().from(highlevelSubscriptions).where(isThis)
  const anchorAt = new Date((row?.anchorAt?.getTime() ?? 0) - 31 * DAY_MS)
  await db.update(highlevelSubscriptions).set({ anchorAt, nextWakeAt: null }).where(isThis)
  const send: typeof deps.queue.send = async () => {
    throw new Error('killed')
  }
  const dying = { ...deps, queue: { ...deps.queue, send }, locations: highlevel }

  await settleSubscription(dying as unknown as HighlevelDeps, row?.id ?? '').catch(() => undefined)
  await db
    .update(highlevelSubscriptions)
    .set({ nextWakeAt: new Date(0) })
    .where(isThis)
  await wakeSubscriptions(deps)

  await paying.eventuallyOrder(`${subscriptionId}#2`, ({ state }) => state === 'paid')
  expect(chargesOf(methodId)).toHaveLength(2)
})

test('one that HighLevel shows as paused is not charged but shown, and charged once it goes on there', async () => {
  const { world } = paying
  const { subscription, subscriptionId, transactionId, methodId } = await subscribe()
  subscription.status = 'paused'
  world.advance(31 * DAY_MS)

  const { reason } = await paying.eventuallyOrder(transactionId, ({ state }) => state !== 'paid')
  expect(reason).toContain('HighLevel shows it as paused')
  expect(chargesOf(methodId)).toHaveLength(1)

  subscription.status = 'active'
  world.advance(DAY_MS + 60_000)
  await paying.eventuallyOrder(`${subscriptionId}#2`, ({ state }) => state === 'paid')
  await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
})

test('a cycle that is retried while HighLevel does not show its subscription is held, and charged once it does', async () => {
  const { world } = paying
  const { subscription, subscriptionId, methodId } = await subscribe()
  world.dodo.setCard(methodId, 'INSUFFICIENT_FUNDS')
  world.advance(31 * DAY_MS)
  await paying.eventuallyOrder(`${subscriptionId}#2`, ({ reason }) => reason.startsWith('declined'))
  world.dodo.setCard(methodId)
  world.highlevel.store.subscriptions.delete(subscriptionId)
  world.advance(DAY_MS + 60_000)

  const { reason } = await paying.eventuallyOrder(
    `${subscriptionId}#2`,
    ({ state }) => state === 'attention' || state === 'failed',
  )
  expect(reason).toContain('does not know the subscription')
  world.highlevel.store.subscriptions.set(subscriptionId, subscription)
  await world.sweep()

  await paying.eventuallyOrder(`${subscriptionId}#2`, ({ state }) => state === 'paid')
})

test.each<[string, object]>([
  ['shows it as paused', { status: 'paused' }],
  ['asks for another amount', { amount: 25 }],
  ['has it as cancelled', { canceledAt: new Date().toISOString() }],
])('a cycle that was declined is not charged again once HighLevel %s', async (_how, change) => {
  const { world } = paying
  const { subscription, subscriptionId, methodId } = await subscribe()
  world.dodo.setCard(methodId, 'INSUFFICIENT_FUNDS')
  world.advance(31 * DAY_MS)
  const key = `${subscriptionId}#2`
  await paying.eventuallyOrder(key, ({ reason }) => reason.startsWith('declined'))
  // Told of that, HighLevel shows it as unpaid.
  await paying.eventuallyOrder(key, ({ told }) => told.some(({ status }) => status === 'done'))
  const before = chargesOf(methodId).length
  world.dodo.setCard(methodId)
  Object.assign(subscription, change)
  world.advance(DAY_MS + 60_000)

  await paying.eventuallyOrder(key, ({ state }) => /failed|attention|paid/.test(state))
  expect(chargesOf(methodId)).toHaveLength(before)
})

test('a last cycle that was passed over is for a person to see, although the subscription is expired', async () => {
  const { world } = paying
  const { subscriptionId, transactionId, methodId } = await subscribe({ totalCycles: 2 })
  world.advance(3 * 31 * DAY_MS)

  await world.quiet()

  const { reason } = await paying.eventuallyOrder(
    transactionId,
    ({ state }) => state === 'attention',
  )
  expect(reason).toContain(`subscription ${subscriptionId}: cycle 2 was not charged`)
  expect(chargesOf(methodId)).toHaveLength(1)
})

test('where HighLevel takes no token any more, what is due is shown with what to do, and charged after that', async () => {
  const { world } = paying
  const { subscriptionId, transactionId, methodId } = await subscribe()
  world.highlevel.store.tokens.clear()
  world.advance(31 * DAY_MS)

  const { reason } = await paying.eventuallyOrder(transactionId, ({ state }) => state !== 'paid')
  expect(reason).toContain('install the app')
  expect(chargesOf(methodId)).toHaveLength(1)

  await install(world, LOCATION)
  world.advance(3_600_000)
  await paying.eventuallyOrder(`${subscriptionId}#2`, ({ state }) => state === 'paid')
  await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
})

test('cards that a contact saves on two pages, which were opened before Dodo knew them, are both theirs', async () => {
  const { world } = paying
  const { contactId } = paying.sell()
  const pages = []
  for (const currency of ['USD', 'EUR']) {
    const props = world.highlevel.setupProps({ contactId, currency, liveMode: false })
    pages.push(
      String((await paying.session(props)).body['checkoutUrl'])
        .split('/')
        .at(-1) ?? '',
    )
  }
  for (const page of pages) world.dodo.saveCard(page)
  await world.quiet()

  const contact = { locationId: LOCATION, contactId, liveMode: false }
  const held = await world.highlevel.listPaymentMethods(contact)

  expect(held.map(({ title }) => title).toSorted()).toEqual([
    expect.stringContaining('(EUR)'),
    expect.stringContaining('(USD)'),
  ])
})
