import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { eq, sql } from 'drizzle-orm'

import { highlevelSubscriptions, payers } from '../../../src/db/schema.ts'
import { isCall, tap } from '../../support/tap.ts'
import { eventually, LOCATION, openPaying, type Paying } from './support.ts'

const MONTHLY = { interval: 'month', intervalCount: 1 } as const

let paying: Paying
beforeAll(async () => {
  paying = await openPaying({ env: { HIGHLEVEL_PAYMENTS: 'recurring' } })
})
afterAll(() => paying.world.close())

/** A contact with a card that was saved on the page, and what HighLevel calls it. */
async function saveCard() {
  const { world } = paying
  const { id: contactId } = world.highlevel.createContact({
    locationId: LOCATION,
    name: 'Ada Demo',
    email: `ada-${crypto.randomUUID()}@example.test`,
  })
  await paying.saveCard(contactId)
  const listed = await paying.query('list_payment_methods', { contactId, locationId: LOCATION })
  const [method] = listed.body as unknown as { id: string }[]
  return { contactId, methodId: method?.id ?? 'none' }
}
const charge = (
  { transactionId, contactId }: { transactionId: string; contactId: string },
  methodId: string,
) =>
  paying.query('charge_payment', {
    paymentMethodId: methodId,
    contactId,
    transactionId,
    amount: 25.99,
    currency: 'USD',
  })
const chargesOf = (methodId: string) =>
  [...paying.world.dodo.store.payments.values()].filter(
    ({ subscription_id: mandate, total_amount: amount }) => mandate === methodId && amount > 0,
  )
const today = () => new Date().toISOString().slice(0, 10)

/** Dodo carries out the next charge, something happens, and nobody hears of it. */
function loseCharge(meanwhile: () => unknown) {
  const untap = tap(paying.world, 'dodo', async (request, go) => {
    if (!isCall(request, 'POST', /\/charge$/)) return go()
    await go()
    untap()
    await meanwhile()
    throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
  })
}

describe('a charge that is asked for again', () => {
  test('says what came of it, also once its card is gone', async () => {
    const { contactId, methodId } = await saveCard()
    const sale = { ...paying.sell(25.99, { contactId }), contactId }
    const first = await charge(sale, methodId)
    paying.world.dodo.cancelMandate(methodId)
    await paying.world.quiet()

    const again = await charge(sale, methodId)

    expect(first.body).toMatchObject({ success: true, failed: false })
    expect(again.body).toEqual(first.body)
    expect(chargesOf(methodId)).toHaveLength(1)
  })

  test('begins a subscription once, and says of no other transaction that it is paid', async () => {
    const { world } = paying
    const { contactId, methodId } = await saveCard()
    const sale = paying.sell(20, { contactId, recurring: MONTHLY })
    const asked = { paymentMethodId: methodId, startDate: today() }
    const first = await world.highlevel.createSubscription(sale.transactionId, asked)
    const other = world.highlevel.copyTransaction(sale.transactionId)
    Object.assign(other, { status: 'pending', chargeId: null })

    const again = await world.highlevel.createSubscription(other._id, asked)

    expect(first).toMatchObject({ success: true, transaction: { chargeId: expect.any(String) } })
    expect(again).toMatchObject({
      success: true,
      subscription: { subscriptionSnapshot: { status: 'active' } },
    })
    expect(again.transaction).toBeUndefined()
    expect(other.status).toBe('pending')
    expect(chargesOf(methodId)).toHaveLength(1)
  })

  test('and began a subscription says so, also once its card is gone', async () => {
    const { world } = paying
    const { contactId, methodId } = await saveCard()
    const sale = paying.sell(20, { contactId, recurring: MONTHLY })
    const asked = { paymentMethodId: methodId, startDate: today() }
    const first = await world.highlevel.createSubscription(sale.transactionId, asked)
    world.dodo.cancelMandate(methodId)
    await world.quiet()

    const again = await world.highlevel.createSubscription(sale.transactionId, asked)

    expect(again).toMatchObject({
      success: true,
      transaction: { chargeId: first.transaction?.chargeId },
    })
  })
})

describe('a charge whose answer was lost', () => {
  test('and that was not made, is not made once its subscription was cancelled', async () => {
    const { world } = paying
    const { contactId, methodId } = await saveCard()
    const sale = paying.sell(20, { contactId, recurring: MONTHLY })
    world.dodo.faults.add({ kind: 'drop', times: 1, match: { method: 'POST', path: '/charge$' } })
    const asked = { paymentMethodId: methodId, startDate: today() }
    const created = await world.highlevel.createSubscription(sale.transactionId, asked)
    const subscriptionId = sale.subscription?._id ?? ''

    const cancelled = await paying.query('cancel_subscription', { subscriptionId })
    world.advance(5 * 60_000)

    expect(created).toMatchObject({ success: false, failed: false })
    expect(cancelled.body).toEqual({ status: 'canceled' })
    await paying.eventuallyOrder(sale.transactionId, ({ state }) => state === 'failed')
    expect(chargesOf(methodId)).toEqual([])
  })

  test('pays its transaction, whatever HighLevel says of that by then', async () => {
    const { contactId, methodId } = await saveCard()
    const sale = { ...paying.sell(25.99, { contactId }), contactId }
    loseCharge(() => {
      Object.assign(sale.transaction, { status: 'processing' })
    })

    await paying.world.inSilence(() => charge(sale, methodId))
    // The bank may still have had it when it was looked for, and of the rest nobody told.
    await paying.world.sweep()

    await paying.eventuallyOrder(sale.transactionId, ({ state }) => state === 'paid')
    const [made] = chargesOf(methodId)
    expect(chargesOf(methodId)).toHaveLength(1)
    expect(paying.world.refundsOf(made?.payment_id ?? '')).toEqual([])
    expect(await paying.reportsOf(sale.transactionId)).toMatchObject([
      { payments: [{ disposition: 'applied' }] },
    ])
  })
})

test('a subscription that begins in this moment keeps what it began with, whoever opens its page again', async () => {
  const { world } = paying
  const { db } = world.bridge
  const begun = await paying.begin(20, { recurring: MONTHLY })
  const isThis = eq(highlevelSubscriptions.subscriptionId, begun.subscription?._id ?? '')
  const change = { status: 'active', dodoSubscriptionId: 'sub_new', anchorAt: new Date() } as const
  let session: Promise<unknown> = Promise.resolve()
  await db.transaction(async (tx) => {
    await tx.select().from(highlevelSubscriptions).where(isThis).for('update')
    session = paying.session(begun.props)
    await eventually(async () => {
      const [row] = await tx.execute(sql`select 1 from pg_locks where not granted`)
      return row
    }, 'the page waits for what begins')
    await tx.update(highlevelSubscriptions).set(change).where(isThis)
  })
  await session

  expect(await db.select().from(highlevelSubscriptions).where(isThis)).toMatchObject([change])
})

test('what a browser says of a contact whom Dodo knows does not become their name or address there', async () => {
  const { world } = paying
  const { contactId } = await paying.begin()
  const known = () =>
    [...world.dodo.store.customers.values()].find(
      ({ metadata }) => metadata?.['highlevel_contact_id'] === contactId,
    )
  const { name, email } = known() ?? {}
  const sale = paying.sell(12, { contactId })
  const contact = { id: contactId, name: 'Eve', email: 'eve@example.test' }

  const opened = await paying.session({ ...sale.props, contact })

  expect(opened.status).toBe(200)
  expect(email).toBeString()
  expect(known()).toMatchObject({ name, email })
})

test('what a saved card could not pay is paid on the page, when HighLevel asks for it there', async () => {
  const { world } = paying
  const { contactId, methodId } = await saveCard()
  const sale = paying.sell(25.99, { contactId })
  world.dodo.setCard(methodId, 'STOLEN_CARD')
  const declined = await charge({ ...sale, contactId }, methodId)
  expect(declined.body).toMatchObject({ success: false, failed: true })

  const opened = await paying.session(sale.props)
  expect(opened).toMatchObject({ status: 200, body: { status: 'open' } })
  const paid = world.dodo.pay(await world.follow(String(opened.body['checkoutUrl'])))
  await world.quiet()

  const verified = await paying.verify(sale.transactionId, paid.payment_id)
  expect(verified.body).toMatchObject({ success: true })
  expect((await charge({ ...sale, contactId }, methodId)).body).toMatchObject({
    failed: true,
    chargeId: '',
  })
})

test('what came late for a charge, and is held, is not asked for once more on the page', async () => {
  const recurring = { HIGHLEVEL_PAYMENTS: 'recurring' }
  const before = paying
  paying = await openPaying({ env: { ...recurring, VOID_PAYMENTS: 'hold' } })
  try {
    const { world } = paying
    const { contactId, methodId } = await saveCard()
    const sale = paying.sell(25.99, { contactId })
    world.dodo.behaviour.charges = 'hold'
    await charge({ ...sale, contactId }, methodId)
    const [made] = chargesOf(methodId)
    if (!made) throw new Error('nothing was charged')
    // The bank wants the buyer, who is not there, and comes to the page two hours later.
    made.status = 'requires_customer_action'
    world.advance(2 * 3_600_000)
    await world.sweep()
    await world.quiet()
    world.dodo.settlePayment(made.payment_id, 'succeeded')
    await paying.eventuallyOrder(sale.transactionId, ({ state }) => state === 'attention')

    const opened = await paying.session(sale.props)

    expect(opened).toMatchObject({ status: 200, body: { status: 'failed' } })
    expect(await paying.reportsOf(sale.transactionId)).toHaveLength(1)
  } finally {
    await paying.world.close()
    paying = before
  }
})

test('what came late, and is asked for again, is told to HighLevel although nobody verifies it', async () => {
  const before = paying
  paying = await openPaying({ env: { VOID_PAYMENTS: 'hold', HIGHLEVEL_TELL_AFTER: '60s' } })
  try {
    const { world } = paying
    const { transaction, transactionId, sessionId, props } = await paying.begin(25.99)
    transaction.amount = 30
    await paying.session(world.highlevel.paymentProps(transactionId))
    const late = world.dodo.pay(sessionId)
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'attention')

    transaction.amount = 25.99
    expect((await paying.session(props)).body).toMatchObject({ status: 'succeeded' })
    await world.quiet()
    world.advance(61_000)

    const told = await eventually(async () => paying.eventsOf(transactionId)[0], 'it is told')
    expect(told.body).toMatchObject({ event: 'payment.captured', chargeId: late.payment_id })
  } finally {
    await paying.world.close()
    paying = before
  }
})

test('a subscription whose first payment came late begins once that is asked for again', async () => {
  const before = paying
  const env = { HIGHLEVEL_PAYMENTS: 'recurring', VOID_PAYMENTS: 'hold' }
  paying = await openPaying({ env })
  try {
    const { world } = paying
    const begun = await paying.begin(20, { recurring: MONTHLY })
    const { transaction, transactionId } = begun
    const subscriptionId = begun.subscription?._id ?? ''
    transaction.amount = 30
    await paying.session(world.highlevel.paymentProps(transactionId))
    world.dodo.pay(begun.sessionId)
    await paying.eventuallyOrder(transactionId, ({ state }) => state === 'attention')

    transaction.amount = 20
    expect((await paying.session(begun.props)).body).toMatchObject({ status: 'succeeded' })
    await world.quiet()

    const verified = await paying.verify(transactionId, '', { subscriptionId })
    expect(verified.body).toMatchObject({ success: true, subscriptionStatus: 'active' })
    const [mandate] = [...world.dodo.store.subscriptions.values()]
    const isThis = eq(highlevelSubscriptions.subscriptionId, subscriptionId)
    const [row] = await world.bridge.db.select().from(highlevelSubscriptions).where(isThis)
    expect(row).toMatchObject({
      status: 'active',
      nextCycle: 2,
      dodoSubscriptionId: mandate?.subscription_id,
    })
  } finally {
    await paying.world.close()
    paying = before
  }
})

describe('a subscription that begins with another transaction than its open page is for', () => {
  test('takes no money on that page any more', async () => {
    const { world } = paying
    const { contactId, methodId } = await saveCard()
    const begun = await paying.begin(20, { contactId, recurring: MONTHLY })
    const other = world.highlevel.copyTransaction(begun.transactionId)
    const asked = { paymentMethodId: methodId, startDate: today() }
    expect(await world.highlevel.createSubscription(other._id, asked)).toMatchObject({
      success: true,
      transaction: { chargeId: expect.any(String) },
    })

    const late = world.dodo.pay(begun.sessionId)
    await paying.eventuallyOrder(begun.transactionId, ({ payments }) =>
      payments.some(({ disposition }) => disposition === 'late'),
    )
    await world.quiet()

    expect(world.refundsOf(late.payment_id)).toHaveLength(1)
    expect(chargesOf(methodId)).toHaveLength(1)
    expect((await paying.session(begun.props)).status).toBe(409)
  })

  test('is not charged when that page is paid first', async () => {
    const { world } = paying
    const { contactId, methodId } = await saveCard()
    const begun = await paying.begin(20, { contactId, recurring: MONTHLY })
    const subscriptionId = begun.subscription?._id ?? ''
    const other = world.highlevel.copyTransaction(begun.transactionId)
    const second = world.highlevel.paymentProps(other._id)
    expect((await paying.session(second)).status).toBe(200)
    world.dodo.pay(begun.sessionId)
    await paying.eventuallyOrder(begun.transactionId, ({ state }) => state === 'paid')

    const asked = { paymentMethodId: methodId, startDate: today() }
    const created = await world.highlevel.createSubscription(other._id, asked)

    expect(created).toMatchObject({
      success: true,
      subscription: { subscriptionSnapshot: { status: 'active' } },
    })
    expect(created.transaction).toBeUndefined()
    expect(chargesOf(methodId)).toHaveLength(0)
    expect((await paying.session(second)).status).toBe(409)
    const verified = await paying.verify(begun.transactionId, '', { subscriptionId })
    expect(verified.body).toMatchObject({ success: true, subscriptionStatus: 'active' })
  })
})

test('a subscription begins with one of two pages that are paid at once, and no longer asks for the other', async () => {
  const { world } = paying
  const begun = await paying.begin(20, { recurring: MONTHLY })
  const other = world.highlevel.copyTransaction(begun.transactionId)
  const second = await paying.session(world.highlevel.paymentProps(other._id))
  const sessionId = await world.follow(String(second.body['checkoutUrl']))
  const paid = [world.dodo.pay(begun.sessionId), world.dodo.pay(sessionId)]
  await world.quiet()
  const reports = [
    ...(await paying.reportsOf(begun.transactionId)),
    ...(await paying.reportsOf(other._id)),
  ]
  const dispositions = reports.flatMap(({ payments }) =>
    payments.map(({ disposition }) => disposition),
  )

  expect(dispositions.toSorted()).toEqual(['applied', 'late'])
  expect(paid.flatMap(({ payment_id: id }) => world.refundsOf(id))).toHaveLength(1)
})

test('a subscription that is cancelled before it was paid takes no money on its page', async () => {
  const { world } = paying
  const begun = await paying.begin(20, { recurring: MONTHLY })
  const subscriptionId = begun.subscription?._id ?? ''
  expect((await paying.query('cancel_subscription', { subscriptionId })).body).toEqual({
    status: 'canceled',
  })

  const late = world.dodo.pay(begun.sessionId)
  await paying.eventuallyOrder(begun.transactionId, ({ payments }) =>
    payments.some(({ disposition }) => disposition === 'late'),
  )
  await world.quiet()

  expect(world.refundsOf(late.payment_id)).toHaveLength(1)
  expect((await paying.session(begun.props)).status).toBe(409)
})

test('a subscription is charged on the account on which it was paid, whichever collects by then', async () => {
  const { world } = paying
  const { db } = world.bridge
  const begun = await paying.begin(20, { recurring: MONTHLY })
  const isThis = eq(highlevelSubscriptions.subscriptionId, begun.subscription?._id ?? '')
  const [first] = await db.select().from(highlevelSubscriptions).where(isThis)
  // The location enters an account of its own, and somebody opens the page once more.
  const other = { account: 'own', payerKey: `highlevel:own:${LOCATION}:${begun.contactId}` }
  await db.update(highlevelSubscriptions).set(other).where(isThis)

  world.dodo.pay(begun.sessionId)
  await paying.eventuallyOrder(begun.transactionId, ({ state }) => state === 'paid')

  const [after] = await db.select().from(highlevelSubscriptions).where(isThis)
  expect(after).toMatchObject({
    status: 'active',
    account: 'default',
    payerKey: first?.payerKey ?? '',
  })
})

test('a contact without a name can pay, and is called by their address', async () => {
  const { world } = paying
  const sale = paying.sell(12)
  const email = `nobody-${crypto.randomUUID()}@example.test`

  const opened = await paying.session({ ...sale.props, contact: { id: sale.contactId, email } })

  expect(opened).toMatchObject({ status: 200, body: { status: 'open' } })
  const made = [...world.dodo.store.customers.values()].find((one) => one.email === email)
  expect(made?.name).toBe(email)
})

test('a contact whom Dodo knows by the same account under another name can pay', async () => {
  const { world } = paying
  const { db } = world.bridge
  const { contactId } = await paying.begin()
  // The location has entered the same Dodo account twice: what it was called before keeps its customers.
  await db
    .update(payers)
    .set({ payerKey: `highlevel:before:${LOCATION}:${contactId}` })
    .where(eq(payers.payerKey, `highlevel:default:${LOCATION}:${contactId}`))
  const sale = paying.sell(12, { contactId })
  const { email } =
    [...world.highlevel.store.contacts.values()].find(({ id }) => id === contactId) ?? {}

  const opened = await paying.session({ ...sale.props, contact: { id: contactId, email } })

  expect(opened).toMatchObject({ status: 200, body: { status: 'open' } })
})
