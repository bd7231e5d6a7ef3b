import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { LOCATION, openPaying, type Paying } from './support.ts'

const MONTHLY = { interval: 'month', intervalCount: 1 } as const

let paying: Paying
beforeAll(async () => {
  paying = await openPaying({ env: { HIGHLEVEL_PAYMENTS: 'recurring' } })
})
afterAll(() => paying.world.close())

const newContact = () =>
  paying.world.highlevel.createContact({
    locationId: LOCATION,
    name: 'Ada Demo',
    email: `ada-${crypto.randomUUID()}@example.test`,
  }).id

/** A contact with a card that was saved on the page, and what HighLevel calls it. */
async function saveCard(contactId = newContact()) {
  await paying.saveCard(contactId)
  const listed = await paying.query('list_payment_methods', { contactId, locationId: LOCATION })
  const [method] = listed.body as unknown as { id: string }[]
  return { contactId, paymentMethodId: method?.id ?? 'none' }
}
const chargesOf = (methodId: string) =>
  [...paying.world.dodo.store.payments.values()].filter(
    ({ subscription_id: mandate, total_amount: amount }) => mandate === methodId && amount > 0,
  )

type Sale = ReturnType<Paying['sell']>

/** What HighLevel asks for, in which something is not as its own API says. */
function create(card: { contactId: string; paymentMethodId: string }, sale: Sale) {
  const { productId, priceId } = sale.order
  return paying.query('create_subscription', {
    ...card,
    locationId: LOCATION,
    subscriptionId: sale.subscription?._id,
    transactionId: sale.transactionId,
    startDate: new Date().toISOString().slice(0, 10),
    currency: 'USD',
    amount: 20,
    recurringAmount: '20.00',
    productDetails: [{ productId, priceId }],
  })
}

describe('a subscription on a saved card', () => {
  test('is charged when HighLevel’s API says the same', async () => {
    const card = await saveCard()
    const sale = paying.sell(20, { contactId: card.contactId, recurring: MONTHLY })

    expect((await create(card, sale)).body).toMatchObject({ success: true })
    expect(chargesOf(card.paymentMethodId)).toHaveLength(1)
  })

  test.each<[string, (sale: Sale) => void]>([
    [
      'asks for another amount per cycle',
      ({ subscription }) => change(subscription, { amount: 5 }),
    ],
    ['is in another currency', ({ subscription }) => change(subscription, { currency: 'EUR' })],
    ['is somebody else’s', ({ subscription }) => change(subscription, { contactId: 'ct_other' })],
    ['was cancelled', ({ subscription }) => change(subscription, { status: 'canceled' })],
    ['is of the other mode', ({ subscription }) => change(subscription, { liveMode: true })],
    ['begins with another amount', ({ transaction }) => change(transaction, { amount: 5 })],
    ['is paid already', ({ transaction }) => change(transaction, { status: 'succeeded' })],
  ])('that %s in HighLevel’s API is not charged, and does not begin', async (_how, disagree) => {
    const card = await saveCard()
    const sale = paying.sell(20, { contactId: card.contactId, recurring: MONTHLY })
    disagree(sale)

    expect((await create(card, sale)).body).toMatchObject({ success: false, failed: true })
    await paying.world.quiet()
    expect(chargesOf(card.paymentMethodId)).toEqual([])
    expect(await paying.reportsOf(sale.transactionId)).toEqual([])
  })
})

const change = (record: object | null | undefined, what: object) => {
  if (!record) throw new Error('there is no such record')
  Object.assign(record, what)
}

test('a saved card is not charged for what the bank has from the page already', async () => {
  const { world } = paying
  const card = await saveCard()
  const begun = await paying.begin(20, { contactId: card.contactId })
  const { payment_id: paid } = world.dodo.pay(begun.sessionId, { outcome: 'processing' })
  await world.quiet()

  const asked = { ...card, transactionId: begun.transactionId, amount: 20, currency: 'USD' }
  const { body } = await paying.query('charge_payment', asked)

  expect(body).toMatchObject({ success: false, failed: false, message: 'pending', chargeId: paid })
  await world.quiet()
  expect(chargesOf(card.paymentMethodId)).toEqual([])
  expect(await paying.reportsOf(begun.transactionId)).toHaveLength(1)
})

test('a saved card is not charged in another currency than it was saved for', async () => {
  const card = await saveCard()
  const { transactionId } = paying.sell(20, { contactId: card.contactId, currency: 'EUR' })

  const asked = { ...card, transactionId, amount: 20, currency: 'EUR' }
  const { body } = await paying.query('charge_payment', asked)

  expect(body).toMatchObject({ success: false, failed: true })
  expect(await paying.reportsOf(transactionId)).toEqual([])
  expect(chargesOf(card.paymentMethodId)).toEqual([])
})

test('of two saved cards the one that is named is charged', async () => {
  const first = await saveCard()
  await saveCard(first.contactId)
  const asked = { contactId: first.contactId, locationId: LOCATION }
  const cards = (await paying.query('list_payment_methods', asked)).body as unknown as {
    id: string
  }[]
  expect(cards).toHaveLength(2)

  for (const { id: paymentMethodId } of cards) {
    const { transactionId } = paying.sell(20, { contactId: first.contactId })
    const charge = { ...asked, paymentMethodId, transactionId, amount: 20, currency: 'USD' }
    expect((await paying.query('charge_payment', charge)).body).toMatchObject({ success: true })
    expect(chargesOf(paymentMethodId)).toHaveLength(1)
  }
})

test('a card that two subscriptions are charged on is given up with the last of them', async () => {
  const { world } = paying
  const begun = await paying.begin(20, { recurring: MONTHLY })
  const { contactId } = begun
  world.dodo.pay(begun.sessionId)
  await world.quiet()
  const asked = { contactId, locationId: LOCATION }
  const [card] = (await paying.query('list_payment_methods', asked)).body as unknown as {
    id: string
  }[]
  const paymentMethodId = card?.id ?? 'none'
  const other = paying.sell(20, { contactId, recurring: MONTHLY })
  expect((await create({ contactId, paymentMethodId }, other)).body).toMatchObject({
    success: true,
  })
  const cancel = (subscriptionId: string | undefined) =>
    paying.query('cancel_subscription', { subscriptionId })
  const statusNow = () => world.dodo.store.subscriptions.get(paymentMethodId)?.status

  await cancel(begun.subscription?._id)
  expect(statusNow()).toBe('active')
  await cancel(other.subscription?._id)
  expect(statusNow()).toBe('cancelled')
})
