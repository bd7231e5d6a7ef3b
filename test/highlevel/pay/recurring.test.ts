import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { eq, like } from 'drizzle-orm'

import type { HighlevelDeps } from '../../../src/billers/highlevel/deps.ts'
import { wakeSubscriptions } from '../../../src/billers/highlevel/recurring/settle.ts'
import { sweepHighlevel } from '../../../src/billers/highlevel/sweep.ts'
import { highlevelSetups, tellings } from '../../../src/db/schema.ts'
import { eventually, LOCATION, openPaying, type Paying } from './support.ts'

const DAY_MS = 24 * 3_600_000
const MONTHLY = { interval: 'month', intervalCount: 1 } as const

let paying: Paying
beforeAll(async () => {
  paying = await openPaying({
    env: { HIGHLEVEL_PAYMENTS: 'recurring', RETRY_SCHEDULE: '1d,2d', HIGHLEVEL_TELL_AFTER: '60s' },
  })
})
afterAll(() => paying.world.close())

const contact = () =>
  paying.world.highlevel.createContact({
    locationId: LOCATION,
    name: 'Ada Demo',
    email: `ada-${crypto.randomUUID()}@example.test`,
  }).id

/** A contact with a card that was saved on the page. */
async function saveCard(contactId = contact()) {
  const body = await paying.saveCard(contactId)
  return { contactId, ref: String(body['ref']), body }
}
const methodsOf = async (contactId: string) =>
  (await paying.query('list_payment_methods', { contactId, locationId: LOCATION }))
    .body as unknown as { id: string }[]
async function savedMethod() {
  const { contactId } = await saveCard()
  const [method] = await methodsOf(contactId)
  return { contactId, methodId: method?.id ?? 'none' }
}
const charge = (sale: { transactionId: string; contactId: string }, methodId: string, more = {}) =>
  paying.query('charge_payment', {
    paymentMethodId: methodId,
    contactId: sale.contactId,
    transactionId: sale.transactionId,
    chargeDescription: 'Demo',
    amount: 25.99,
    currency: 'USD',
    ...more,
  })
const chargesOf = (methodId: string) =>
  [...paying.world.dodo.store.payments.values()].filter(
    ({ subscription_id: mandate, total_amount: amount }) => mandate === methodId && amount > 0,
  )
const subscriptionEvents = (subscriptionId: string) =>
  paying.world.highlevel.store.events
    .map(({ body }) => body)
    .filter((body) => body['ghlSubscriptionId'] === subscriptionId)

describe('a card', () => {
  test('is saved on the page without paying, and shown', async () => {
    const { contactId, ref, body } = await saveCard()
    expect(body).toMatchObject({ amount: 0, currency: 'USD', status: 'open' })
    expect((await paying.show(ref)).body).toEqual({ status: 'succeeded' })
    expect(await methodsOf(contactId)).toEqual([
      {
        id: expect.stringMatching(/^sub_/),
        type: 'card',
        title: 'VISA (USD)',
        subTitle: '**** 4242',
        expiry: '06/32',
        customerId: expect.stringMatching(/^cus_/),
        imageUrl: expect.any(String),
      },
    ] as never)
  })

  test('says at Dodo whose it is, and nothing of Lago', async () => {
    const { world } = paying
    const contactId = contact()
    const props = world.highlevel.setupProps({ contactId, currency: 'USD', liveMode: false })
    await paying.session(props)
    const asked = (await world
      .sent('POST', /\/checkouts$/)
      .at(-1)
      ?.clone()
      .json()) as {
      metadata: Record<string, string>
    }
    expect(asked.metadata).toEqual({
      bridge_source: 'highlevel',
      bridge_tenant: LOCATION,
      highlevel_location_id: LOCATION,
      highlevel_contact_id: contactId,
      bridge_setup: expect.any(String),
    })
  })

  test('is found to be saved although every webhook was lost', async () => {
    const { world } = paying
    const contactId = contact()
    const props = world.highlevel.setupProps({ contactId, currency: 'USD', liveMode: false })
    const { body } = await paying.session(props)
    const { ref, checkoutUrl } = body as { ref: string; checkoutUrl: string }
    await world.inSilence(() => world.dodo.saveCard(checkoutUrl.split('/').at(-1) ?? ''))
    expect((await paying.show(ref)).body).toEqual({ status: 'succeeded' })
    expect(await methodsOf(contactId)).toHaveLength(1)
  })

  test('is asked for on one page, however often and at once', async () => {
    const { world } = paying
    const props = world.highlevel.setupProps({
      contactId: contact(),
      currency: 'USD',
      liveMode: false,
    })
    const answers = await Promise.all([1, 2, 3].map(() => paying.session(props)))
    expect(new Set(answers.map(({ body }) => body['checkoutUrl'])).size).toBe(1)
  })

  test('of a contact is nothing that another contact can be charged with', async () => {
    const { methodId } = await savedMethod()
    const sale = paying.sell()
    const answer = await charge(sale, methodId)
    expect(answer.body).toMatchObject({ success: false, failed: true, chargeId: '' })
    expect(chargesOf(methodId)).toEqual([])
  })
})

describe('a charge without the buyer', () => {
  test('is made once for a transaction, whatever is repeated, and told in major units', async () => {
    const { contactId, methodId } = await savedMethod()
    const sale = paying.sell(25.99, { contactId })
    const answers = await Promise.all([
      charge({ ...sale, contactId }, methodId),
      charge({ ...sale, contactId }, methodId),
    ])
    answers.push(await charge({ ...sale, contactId }, methodId))
    const charges = chargesOf(methodId)

    expect(charges).toHaveLength(1)
    for (const { body } of answers)
      expect(body).toMatchObject({
        success: true,
        failed: false,
        chargeId: charges[0]?.payment_id,
        chargeSnapshot: { status: 'succeeded', amount: 25.99 },
      })
  })

  test('that is declined says so in words, and is not made again', async () => {
    const { world } = paying
    const { contactId, methodId } = await savedMethod()
    const sale = { ...paying.sell(25.99, { contactId }), contactId }
    world.dodo.setCard(methodId, 'INSUFFICIENT_FUNDS')
    const first = await charge(sale, methodId)
    world.dodo.setCard(methodId)
    const again = await charge(sale, methodId)
    for (const { body } of [first, again])
      expect(body).toMatchObject({ success: false, failed: true, message: expect.any(String) })
    expect(chargesOf(methodId)).toHaveLength(1)
  })

  test.each<[string, Record<string, unknown>]>([
    ['another amount', { amount: 1 }],
    ['another currency', { currency: 'EUR' }],
    ['a transaction that HighLevel does not know', { transactionId: 'f'.repeat(24) }],
    ['somebody else', { contactId: 'ct_other' }],
  ])('for %s than HighLevel says is not made', async (_what, more) => {
    const { contactId, methodId } = await savedMethod()
    const sale = { ...paying.sell(25.99, { contactId }), contactId }
    const answer = await charge(sale, methodId, more)
    expect(answer).toMatchObject({ status: 200, body: { success: false, failed: true } })
    expect(chargesOf(methodId)).toEqual([])
  })

  test('repeated for another amount, or for somebody else, is not made, and leaves what was charged alone', async () => {
    const { world } = paying
    const { contactId, methodId } = await savedMethod()
    const sale = { ...paying.sell(25.99, { contactId }), contactId }
    const other = await savedMethod()
    world.dodo.behaviour.charges = 'hold'
    const pending = await charge(sale, methodId)
    world.dodo.behaviour.charges = 'succeed'
    expect(pending.body).toMatchObject({ success: false, failed: false })
    const [made] = chargesOf(methodId)
    if (!made) throw new Error('nothing was charged')

    const forged = await charge(sale, methodId, { amount: 1 })
    const stolen = await charge({ ...sale, contactId: other.contactId }, other.methodId)
    expect(forged.body).toMatchObject({ success: false, failed: true, chargeId: '' })
    expect(stolen.body).toMatchObject({ success: false, failed: true, chargeId: '' })

    world.dodo.settlePayment(made.payment_id, 'succeeded')
    await world.quiet()
    expect((await charge(sale, methodId)).body).toMatchObject({
      success: true,
      chargeId: made.payment_id,
    })
    expect(await paying.reportsOf(sale.transactionId)).toMatchObject([
      { state: 'paid', claimed: true, amount: 2_599 },
    ])
    expect([...chargesOf(methodId), ...chargesOf(other.methodId)]).toHaveLength(1)
  })

  test('is not made while HighLevel cannot be asked', async () => {
    const { world } = paying
    const { contactId, methodId } = await savedMethod()
    const sale = { ...paying.sell(25.99, { contactId }), contactId }
    const match = { method: 'GET', path: '/payments/transactions/' }
    world.highlevel.faults.add({ kind: 'status', status: 500, match })
    const answer = await charge(sale, methodId)
    world.highlevel.faults.clear()
    expect(answer.body).toMatchObject({ success: false, failed: true })
    expect(chargesOf(methodId)).toEqual([])
  })

  test('whose answer is lost is looked for, and not made again', async () => {
    const { world } = paying
    const { contactId, methodId } = await savedMethod()
    const sale = { ...paying.sell(25.99, { contactId }), contactId }
    const match = { method: 'POST', path: '/charge$' }
    world.dodo.faults.add({ kind: 'after_drop', times: 1, match })
    await charge(sale, methodId)
    world.advance(30_000)
    await paying.eventuallyOrder(sale.transactionId, ({ state }) => state === 'paid')
    expect(chargesOf(methodId)).toHaveLength(1)
    expect((await charge(sale, methodId)).body).toMatchObject({ success: true })
    expect(chargesOf(methodId)).toHaveLength(1)
  })
})

/** A subscription that began by paying on the page. */
async function subscribe(more: Parameters<Paying['sell']>[1] = {}) {
  const { world } = paying
  const begun = await paying.begin(20, { recurring: { ...MONTHLY }, ...more })
  const payment = world.dodo.pay(begun.sessionId)
  await world.quiet()
  const subscriptionId = begun.subscription?._id ?? ''
  const answer = await paying.verify(begun.transactionId, payment.payment_id, { subscriptionId })
  return {
    ...begun,
    payment,
    subscriptionId,
    answer,
    mandate: String(payment.subscription_id),
  }
}

/** Lets a month pass, the clock with it. */
async function monthPasses() {
  paying.world.advance(31 * DAY_MS)
  // As the clock of the bridge does every few seconds.
  await wakeSubscriptions(paying.world.bridge.deps)
  await paying.world.quiet()
}

describe('a subscription', () => {
  test('begins by paying on the page, which saves the card, and is verified as active', async () => {
    const { answer, payment } = await subscribe()
    expect(payment).toMatchObject({ total_amount: 2_000 })
    expect(payment.metadata).toMatchObject({ highlevel_subscription_id: expect.any(String) })
    expect(answer.body).toMatchObject({
      success: true,
      subscriptionStatus: 'active',
      subscriptionSnapshot: { status: 'active', nextCharge: expect.any(Number) },
    })
  })

  test('is charged once a cycle, which is told', async () => {
    const { subscriptionId, mandate } = await subscribe()
    await monthPasses()
    await eventually(
      async () =>
        subscriptionEvents(subscriptionId).find(({ event }) => event === 'subscription.charged'),
      'the cycle is told',
    )
    expect(chargesOf(mandate)).toHaveLength(2)
    const [order] = await paying.reportsOf(`${subscriptionId}#2`)
    expect(order).toMatchObject({ state: 'paid', amount: 2_000 })
  })

  test('that was cancelled in HighLevel is not charged any more', async () => {
    const { subscription, subscriptionId, mandate } = await subscribe()
    if (subscription) subscription.canceledAt = new Date().toISOString()
    await monthPasses()
    expect(chargesOf(mandate)).toHaveLength(1)
    expect(paying.world.dodo.store.subscriptions.get(mandate)?.status).toBe('cancelled')
    expect(await paying.reportsOf(`${subscriptionId}#2`)).toEqual([])
  })

  test('that asks for another amount by now is not charged', async () => {
    const { subscription, mandate } = await subscribe()
    if (subscription) subscription.amount = 2_000
    await monthPasses()
    expect(chargesOf(mandate)).toHaveLength(1)
  })

  test('is cancelled with one word, its mandate with it, and again the same', async () => {
    const { subscriptionId, mandate } = await subscribe()
    const first = await paying.query('cancel_subscription', { subscriptionId })
    const again = await paying.query('cancel_subscription', { subscriptionId })
    expect(first.body).toEqual({ status: 'canceled' })
    expect(again.body).toEqual({ status: 'canceled' })
    expect(paying.world.dodo.store.subscriptions.get(mandate)?.status).toBe('cancelled')
    await monthPasses()
    expect(chargesOf(mandate)).toHaveLength(1)
  })

  test('that is softly declined is told as unpaid, and charged by the schedule', async () => {
    const { world } = paying
    const { subscriptionId, mandate } = await subscribe()
    world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
    await monthPasses()
    await eventually(
      async () =>
        subscriptionEvents(subscriptionId).find(({ event }) => event === 'subscription.updated'),
      'it is told as unpaid',
    )
    world.dodo.setCard(mandate)
    world.advance(DAY_MS + 60_000)
    await paying.eventuallyOrder(`${subscriptionId}#2`, ({ state }) => state === 'paid')
    await eventually(
      async () =>
        subscriptionEvents(subscriptionId).find(({ event }) => event === 'subscription.charged'),
      'the cycle is told',
    )
  })

  test('with a trial begins with saving a card, and is charged at its end', async () => {
    const { world } = paying
    const sale = paying.sell(0.01, { recurring: { ...MONTHLY, trialPeriod: 7 } })
    sale.transaction.amount = 0
    sale.order.amount = 0
    if (sale.subscription) sale.subscription.amount = 20
    const props = world.highlevel.paymentProps(sale.transactionId)
    const { body, status } = await paying.session(props)
    expect({ status, body }).toMatchObject({ status: 200, body: { amount: 0 } })
    world.dodo.saveCard(String(body['checkoutUrl']).split('/').at(-1) ?? '')
    await world.quiet()
    const subscriptionId = sale.subscription?._id ?? ''
    const verified = await paying.verify(sale.transactionId, '', { subscriptionId })
    expect(verified.body).toMatchObject({ success: true, subscriptionStatus: 'trialing' })

    // The page, loaded again, knows that it has begun.
    expect((await paying.session(props)).body).toMatchObject({ status: 'succeeded', amount: 0 })
    world.advance(8 * DAY_MS)
    await paying.eventuallyOrder(`${subscriptionId}#1`, ({ state }) => state === 'paid')
  })

  test('is created on a saved card, and charged once whatever is repeated', async () => {
    const { world } = paying
    const { contactId, methodId } = await savedMethod()
    const sale = paying.sell(20, { contactId, recurring: { ...MONTHLY } })
    const asked = { paymentMethodId: methodId, startDate: new Date().toISOString().slice(0, 10) }
    const create = () => world.highlevel.createSubscription(sale.transactionId, asked)
    const answers = [await create(), await create()]
    for (const answer of answers)
      expect(answer).toMatchObject({
        success: true,
        transaction: { chargeSnapshot: { status: 'succeeded', amount: 20 } },
        subscription: { subscriptionSnapshot: { status: 'active' } },
      })
    expect(chargesOf(methodId)).toHaveLength(1)
  })

  test('that begins later is scheduled, and nothing is charged now', async () => {
    const { world } = paying
    const { contactId, methodId } = await savedMethod()
    const sale = paying.sell(20, { contactId, recurring: { ...MONTHLY } })
    const later = new Date(Date.now() + 400 * DAY_MS).toISOString().slice(0, 10)
    const answer = await world.highlevel.createSubscription(sale.transactionId, {
      paymentMethodId: methodId,
      startDate: later,
    })
    expect(answer).toMatchObject({
      success: true,
      subscription: { subscriptionSnapshot: { status: 'scheduled' } },
    })
    expect(answer.transaction).toBeUndefined()
    expect(chargesOf(methodId)).toEqual([])
  })

  test('of one cycle is no trial to who verifies its payment', async () => {
    const { world } = paying
    const { transactionId, chargeId, subscription } = await paying.buy(20, {
      recurring: { ...MONTHLY, totalCycles: 1 },
    })
    const subscriptionId = subscription?._id ?? ''
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    await wakeSubscriptions(world.bridge.deps)
    await world.quiet()

    expect((await paying.verify(transactionId, chargeId, { subscriptionId })).body).toMatchObject({
      success: true,
      subscriptionStatus: 'active',
      subscriptionSnapshot: { status: 'expired' },
    })
  })

  const allIsTold = () =>
    eventually(async () => {
      const { db } = paying.world.bridge
      const waiting = await db.$count(tellings, eq(tellings.status, 'waiting'))
      return waiting === 0 ? true : undefined
    }, 'all is told')

  test('that is cancelled before it was to begin is not told to have begun', async () => {
    const { world } = paying
    const { contactId, methodId } = await savedMethod()
    const sale = paying.sell(20, { contactId, recurring: { ...MONTHLY } })
    const subscriptionId = sale.subscription?._id ?? ''
    const startDate = new Date(Date.now() + 400 * DAY_MS).toISOString().slice(0, 10)
    const asked = { paymentMethodId: methodId, startDate }
    await world.highlevel.createSubscription(sale.transactionId, asked)
    await paying.query('cancel_subscription', { subscriptionId })
    world.advance(61_000)
    await allIsTold()

    const events = subscriptionEvents(subscriptionId)
    expect(events.map(({ event }) => event)).toEqual(['subscription.updated'])
    const { body } = await paying.verify(sale.transactionId, '', { subscriptionId })
    expect(body).toMatchObject({ success: false, failed: false, message: 'pending' })
  })

  test('that is cancelled right after it was paid is told of its money and its end alone', async () => {
    const { world } = paying
    const { transactionId, subscription } = await paying.buy(20, { recurring: { ...MONTHLY } })
    const subscriptionId = subscription?._id ?? ''
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'paid')
    await world.quiet()
    await paying.query('cancel_subscription', { subscriptionId })
    world.advance(61_000)
    await allIsTold()

    const events = subscriptionEvents(subscriptionId)
    expect(events.map(({ event }) => event)).toEqual(['subscription.updated'])
    const [captured] = paying.eventsOf(transactionId)
    expect(captured?.body).toMatchObject({ event: 'payment.captured' })
  })
})

test('pages that were left are looked at some at each sweep, and all in turn', async () => {
  const { world } = paying
  const { db, deps } = world.bridge
  const at = deps.now()
  const left = Array.from({ length: 60 }, (_, index) => ({
    ref: `left-${String(index).padStart(2, '0')}`,
    locationId: LOCATION,
    mode: 'test' as const,
    contactId: `ct_left_${index}`,
    payerKey: `highlevel:default:${LOCATION}:ct_left_${index}`,
    currency: 'USD',
    nonce: `left-${index}`,
    status: 'open' as const,
    createdAt: at,
    expiresAt: new Date(at.getTime() + DAY_MS),
  }))
  await db.insert(highlevelSetups).values(left)
  const looked: string[] = []
  const onAccount = async (_account: string, urgency: string) => void looked.push(urgency)
  const locations = { isUninstalled: async () => true }
  const sweeping = { ...deps, locations, onAccount } as unknown as HighlevelDeps
  const sweep = async () => {
    await sweepHighlevel(sweeping, { isDryRun: false, isThorough: false })
    return looked.splice(0)
  }

  const [first, second] = [await sweep(), await sweep()]
  await db.delete(highlevelSetups).where(like(highlevelSetups.ref, 'left-%'))

  expect(first).toEqual(Array(50).fill('sweep'))
  expect(second.length).toBeGreaterThanOrEqual(10)
  expect(second.length).toBeLessThan(50)
})
