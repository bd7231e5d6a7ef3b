import { describe, expect, test } from 'bun:test'
import type { SubscriptionUpdateParams } from 'dodopayments/resources/subscriptions'
import { codeOf, savedMandate } from './support.ts'

describe('PATCH /subscriptions/{id}', () => {
  test('a cancellation at the end of the period can be taken back until then', async () => {
    const { sandbox, client, id, types, charge } = await savedMandate()
    await client.subscriptions.update(id, { cancel_at_next_billing_date: true })
    await client.subscriptions.update(id, { cancel_at_next_billing_date: false })
    expect(await charge()).toHaveProperty('payment_id')
    await sandbox.idle()

    await client.subscriptions.update(id, { cancel_at_next_billing_date: true })
    sandbox.passBillingDate(id)
    await sandbox.idle()
    expect(types().filter((type: string) => type.startsWith('subscription'))).toEqual([
      'subscription.plan_changed',
      'subscription.plan_changed',
      'subscription.plan_changed',
      'subscription.cancelled',
    ])
    expect((await client.subscriptions.retrieve(id)).cancelled_at).toBeString()
  })

  test('what ended stays ended', async () => {
    const { client, id } = await savedMandate()
    await client.subscriptions.update(id, { status: 'cancelled' })

    for (const patch of [{ status: 'active' }, { cancel_at_next_billing_date: true }] as const)
      expect(await codeOf(client.subscriptions.update(id, patch))).toBe('UNSUPPORTED_ACTION')
  })

  test('a mandate is paused and resumed under names of its own', async () => {
    const { sandbox, client, id, types } = await savedMandate()
    await client.subscriptions.update(id, { status: 'paused' })
    await client.subscriptions.update(id, { status: 'active' })
    await sandbox.idle()

    expect(types()).toEqual(['subscription.paused', 'subscription.unpaused'])
  })

  test('metadata are replaced and announced', async () => {
    const { sandbox, client, id, types } = await savedMandate()
    const metadata = { lago_customer_id: 'cst-43' }
    expect(await client.subscriptions.update(id, { metadata })).toMatchObject({ metadata })
    await sandbox.idle()

    expect(types()).toEqual(['subscription.updated'])
  })

  test.each<[string, SubscriptionUpdateParams]>([
    ['pause, which was removed', { pause: true }],
    ['a pause beside something else', { status: 'paused', metadata: {} }],
    ['a billing date in the past', { next_billing_date: '2020-01-01T00:00:00Z' }],
    ['a shorter period', { subscription_period_count: 1 }],
    ['a comment on no cancellation', { cancellation_comment: 'too dear' }],
    ['a status that only Dodo gives', { status: 'on_hold' }],
  ])('%s is refused', async (_, patch) => {
    const { client, id } = await savedMandate()

    expect(await codeOf(client.subscriptions.update(id, patch))).toBe('INVALID_REQUEST_BODY')
  })
})

describe('POST /subscriptions/{id}/update-payment-method', () => {
  test('a new card is entered on a hosted page, for a payment of nothing', async () => {
    const { sandbox, client, id, types, charge } = await savedMandate()
    sandbox.setCard(id, 'EXPIRED_CARD')
    await charge()
    await sandbox.idle()
    const before = sandbox.store.subscriptions.get(id)?.payment_method_id
    const { payment_id, payment_link } = await client.subscriptions.updatePaymentMethod(id, {
      payment_method: { type: 'new', return_url: 'https://bridge.test/saved' },
    })
    const page = await (await sandbox.fetch(payment_link ?? '')).text()
    expect(page).toContain('Save this card')
    const answer = await sandbox.fetch(payment_link ?? '', {
      method: 'POST',
      body: new URLSearchParams({ outcome: 'succeeded' }),
      redirect: 'manual',
    })
    await sandbox.idle()

    expect(answer.headers.get('location')).toStartWith('https://bridge.test/saved?subscription_id=')
    expect(await client.payments.retrieve(payment_id ?? '')).toMatchObject({
      total_amount: 0,
      is_update_payment_method: true,
      status: 'succeeded',
    })
    expect(types().slice(-3)).toEqual([
      'payment.succeeded',
      'subscription.update_payment_method',
      'subscription.active',
    ])
    expect(sandbox.store.subscriptions.get(id)?.payment_method_id).not.toBe(before)
    await charge()
    await sandbox.idle()
    expect(types().at(-1)).toBe('payment.succeeded')
  })

  test('a link that nobody used keeps no charge from being made', async () => {
    const { client, id, charge } = await savedMandate()
    await client.subscriptions.updatePaymentMethod(id, { payment_method: { type: 'new' } })

    expect(await charge()).toHaveProperty('payment_id')
  })

  test('a link works once, and only for a time', async () => {
    let aheadMs = 0
    const { sandbox, client, id } = await savedMandate({
      now: () => new Date(Date.now() + aheadMs),
    })
    const link = () =>
      client.subscriptions.updatePaymentMethod(id, { payment_method: { type: 'new' } })
    const [used, late] = [await link(), await link()]
    sandbox.enterCard(used.payment_id ?? '')
    aheadMs = 2 * 24 * 60 * 60 * 1_000

    expect((await sandbox.fetch(used.payment_link ?? '')).status).toBe(409)
    expect((await sandbox.fetch(late.payment_link ?? '')).status).toBe(410)
  })

  test('a card already saved is put in place at once', async () => {
    const { sandbox, client, customer, id, types } = await savedMandate()
    sandbox.replaceCard(id)
    const { items } = await client.customers.retrievePaymentMethods(customer.customer_id)
    const [first, second] = items
    sandbox.holdMandate(id)
    await client.subscriptions.updatePaymentMethod(id, {
      payment_method: { type: 'existing', payment_method_id: first?.payment_method_id ?? '' },
    })
    await sandbox.idle()

    expect(second?.card?.last4_digits).not.toBe(first?.card?.last4_digits)
    expect(await client.subscriptions.retrieve(id)).toMatchObject({
      status: 'active',
      payment_method_id: first?.payment_method_id,
    })
    expect(types().at(-1)).toBe('subscription.active')
  })

  test('a card of somebody else, or a mandate that ended, is refused', async () => {
    const { sandbox, client, id } = await savedMandate()
    const put = (
      payment_method: { type: 'new' } | { type: 'existing'; payment_method_id: string },
    ) => codeOf(client.subscriptions.updatePaymentMethod(id, { payment_method }))

    expect(await put({ type: 'existing', payment_method_id: 'pm_x' })).toBe('NOT_FOUND')
    sandbox.cancelMandate(id)
    expect(await put({ type: 'new' })).toBe('SUBSCRIPTION_INACTIVE')
  })

  test('a new card may pay the charge that failed, under the metadata of the mandate', async () => {
    const { sandbox, id, charge } = await savedMandate({ behaviour: { newCardPaysDues: true } })
    sandbox.setCard(id, 'INSUFFICIENT_FUNDS')
    await charge(7_700)
    await sandbox.idle()

    expect(sandbox.replaceCard(id)).toMatchObject({
      total_amount: 7_700,
      is_update_payment_method: false,
      metadata: { lago_customer_id: 'cst-42' },
      status: 'succeeded',
    })
  })

  test('a saved card is deleted, and deleting it again changes nothing', async () => {
    const { client, customer, mandate } = await savedMandate()
    const { customer_id } = customer
    const methodId = mandate()?.payment_method_id ?? ''
    for (const _ of [1, 2]) await client.customers.deletePaymentMethod(methodId, { customer_id })

    expect((await client.customers.retrievePaymentMethods(customer_id)).items).toEqual([])
  })
})
