import { afterAll, beforeAll, expect, test } from 'bun:test'

import { eventually, LOCATION, openPaying, type Paying } from './support.ts'

const DAY_MS = 24 * 3_600_000
const MINUTE_MS = 60_000
let paying: Paying
beforeAll(async () => {
  paying = await openPaying({
    env: { HIGHLEVEL_PAYMENTS: 'recurring', RETRY_SCHEDULE: '1d,3d', HIGHLEVEL_TELL_AFTER: '60s' },
  })
})
afterAll(() => paying.world.close())

const now = () => paying.world.bridge.deps.now()
const passUntil = (at: Date) => paying.world.advance(at.getTime() - now().getTime())
const dayOf = (at: string | Date) => new Date(at).toISOString().slice(0, 10)

/** Noon of the next 31st of January, and of the last day of each month after it. */
const start = new Date(Date.UTC(new Date().getUTCFullYear() + 1, 0, 31, 12))
const dueAt = (cycle: number) =>
  new Date(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + cycle, 0, 12))

async function saveCard() {
  const { world } = paying
  const { contactId } = paying.sell()
  await paying.saveCard(contactId)
  const contact = { locationId: LOCATION, contactId, liveMode: false }
  const [method] = await world.highlevel.listPaymentMethods(contact)
  return { contactId, methodId: method?.id ?? 'none' }
}

test('a subscription over fourteen months is charged at the end of each, but those that nobody expects any more', async () => {
  const { world } = paying
  const { dodo, highlevel } = world
  passUntil(start)
  const { contactId, methodId } = await saveCard()
  const recurring = { interval: 'month', intervalCount: 1 } as const
  const sale = paying.sell(20, { contactId, recurring })
  const subscriptionId = sale.subscription?._id ?? ''
  const asked = { paymentMethodId: methodId, startDate: dayOf(now()) }
  expect(await highlevel.createSubscription(sale.transactionId, asked)).toMatchObject({
    success: true,
  })
  const until = (cycle: number, state: string) =>
    paying.eventuallyOrder(`${subscriptionId}#${cycle}`, (order) => order.state === state)
  const charges = () =>
    [...dodo.store.payments.values()].filter(
      ({ subscription_id: id, total_amount: amount, status }) =>
        id === methodId && amount > 0 && status === 'succeeded',
    )

  for (let cycle = 2; cycle <= 14; cycle += 1) {
    // A bridge that is away over the eighth and until after the ninth.
    if (cycle === 8) continue
    if (cycle !== 9) {
      passUntil(new Date(dueAt(cycle).getTime() - MINUTE_MS))
      await world.quiet()
    }
    if (cycle === 5) dodo.setCard(methodId, 'INSUFFICIENT_FUNDS')
    passUntil(new Date(dueAt(cycle).getTime() + 2 * MINUTE_MS))
    if (cycle === 5) {
      await paying.eventuallyOrder(`${subscriptionId}#5`, ({ reason }) =>
        reason.startsWith('declined'),
      )
      dodo.setCard(methodId)
      passUntil(new Date(dueAt(cycle).getTime() + DAY_MS + 5 * MINUTE_MS))
    }
    await until(cycle, 'paid')
    await world.quiet()
  }
  expect(await paying.query('cancel_subscription', { subscriptionId })).toMatchObject({
    body: { status: 'canceled' },
  })
  passUntil(dueAt(17))
  await world.quiet()

  const expected = [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14].map((cycle) =>
    dayOf(new Date(dueAt(cycle).getTime() + (cycle === 5 ? DAY_MS : 0))),
  )
  expect(charges().map(({ created_at }) => dayOf(created_at))).toEqual(expected)
  const told = () =>
    highlevel.store.events
      .map(({ body }) => body)
      .filter((body) => body['ghlSubscriptionId'] === subscriptionId)
      .filter(({ event }) => event === 'subscription.charged')
      .map((body) => body['chargeId'])
  await eventually(async () => (told().length >= 12 ? true : undefined), 'all are told')
  const ids = charges().map(({ payment_id }) => payment_id)
  expect(new Set(told())).toEqual(new Set(ids.slice(1)))
}, 200_000)
