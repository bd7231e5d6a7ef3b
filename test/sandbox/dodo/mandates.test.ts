import { describe, expect, test } from 'bun:test'
import type { CheckoutSessionCreateParams } from 'dodopayments/resources/checkout-sessions'
import { codeOf, openMandate, prepareCheckout, savedMandate } from './support.ts'

const DAY_MS = 24 * 60 * 60 * 1_000

describe('a checkout that saves a mandate', () => {
  test('the first payment names session and mandate, and metadata reach both', async () => {
    const { sandbox, client, sessionId, subscriptionId } = await openMandate({
      mandate_only: false,
      product_price: 12_345,
    })
    const { payment_id } = sandbox.pay(sessionId)

    expect(await client.payments.retrieve(payment_id)).toMatchObject({
      subscription_id: subscriptionId(),
      checkout_session_id: sessionId,
      metadata: { lago_customer_id: 'cst-42' },
      product_cart: null,
    })
    expect(sandbox.store.subscriptions.get(subscriptionId())?.metadata).toEqual({
      lago_customer_id: 'cst-42',
    })
    const { items } = await client.subscriptions.list({ page_number: 0, status: 'active' })
    expect(items.map(({ subscription_id: id }) => id)).toEqual([subscriptionId()])
    expect(await client.subscriptions.list({ page_number: 0, customer_id: 'cus_x' })).toMatchObject(
      { items: [] },
    )
  })

  test('the browser comes back with the mandate, and with the payment if there is one', async () => {
    const paid = await openMandate({ mandate_only: false, product_price: 5_000 })
    const saved = await openMandate({ mandate_only: true })
    const back = async ({ sandbox, sessionId }: typeof paid) => {
      const body = new URLSearchParams({ outcome: 'succeeded' })
      const url = `http://dodo.test/session/${sessionId}`
      const answer = await sandbox.fetch(url, { method: 'POST', body, redirect: 'manual' })
      return Object.fromEntries(new URL(answer.headers.get('location') ?? '').searchParams)
    }

    expect(await back(paid)).toMatchObject({
      subscription_id: paid.subscriptionId(),
      payment_id: expect.stringContaining('pay_'),
      status: 'succeeded',
    })
    expect(await back(saved)).toEqual({
      subscription_id: saved.subscriptionId(),
      status: 'active',
    })
  })

  test('a declined first charge can be tried again, a refused mandate cannot', async () => {
    const paying = await openMandate({ mandate_only: false, product_price: 5_000 })
    paying.sandbox.decline(paying.sessionId, 'DO_NOT_HONOR')
    expect(paying.mandate()?.status).toBe('pending')
    paying.sandbox.pay(paying.sessionId)
    expect(paying.mandate()?.status).toBe('active')

    const saving = await openMandate({ mandate_only: true })
    saving.sandbox.refuseCard(saving.sessionId)
    await saving.sandbox.idle()
    expect(saving.types()).toEqual(['subscription.failed'])
    expect(() => saving.sandbox.saveCard(saving.sessionId)).toThrow('already declined')
  })

  test('a first charge by bank debit makes the mandate good when it arrives', async () => {
    const { sandbox, sessionId, mandate, types } = await openMandate({
      mandate_only: false,
      product_price: 5_000,
    })
    const { payment_id } = sandbox.pay(sessionId, { outcome: 'processing' })
    expect(mandate()?.status).toBe('pending')

    sandbox.settlePayment(payment_id, 'succeeded')
    await sandbox.idle()
    expect(types()).toEqual(['payment.processing', 'payment.succeeded', 'subscription.active'])
  })

  test('saving a card alone may leave a payment of nothing', async () => {
    const { sandbox, client, sessionId, types } = await openMandate(
      { mandate_only: true },
      { behaviour: { mandateMakesPayment: true } },
    )
    sandbox.saveCard(sessionId)
    await sandbox.idle()

    expect(types()).toEqual(['payment.succeeded', 'subscription.active'])
    const { payment_id } = await client.checkoutSessions.retrieve(sessionId)
    expect(await client.payments.retrieve(payment_id ?? '')).toMatchObject({ total_amount: 0 })
    expect(await codeOf(client.refunds.create({ payment_id: payment_id ?? '' }))).toBe(
      'ZERO_AMOUNT_PAYMENT_REFUND_NOT_ALLOWED',
    )
  })

  test.each<[string, (oneTime: string) => Partial<CheckoutSessionCreateParams>, string]>([
    [
      'a one-time product',
      (oneTime) => ({ product_cart: [{ product_id: oneTime, quantity: 1 }] }),
      'ONE_TIME_PRODUCTS_NOT_ALLOWED_FOR_ON_DEMAND',
    ],
    ['a discount', () => ({ discount_codes: ['HALF'] }), 'DISCOUNT_NOT_AVAILABLE_FOR_ON_DEMAND'],
    [
      'a first charge that no gateway takes',
      () => ({ subscription_data: { on_demand: { mandate_only: false, product_price: 49 } } }),
      'TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT',
    ],
    [
      'a currency nobody charges',
      () => ({
        subscription_data: { on_demand: { mandate_only: true, product_currency: 'KWD' } },
      }),
      'UNSUPPORTED_CURRENCY',
    ],
  ])('%s is refused', async (_, change, code) => {
    const opened = await openMandate({ mandate_only: true })
    const { product } = await prepareCheckout(opened)
    const request = { ...opened.request, ...change(product.product_id) }

    expect(await codeOf(opened.client.checkoutSessions.create(request))).toBe(code)
  })

  test('add-ons are refused on demand', async () => {
    const { client, request, product } = await openMandate({ mandate_only: true })
    const addons = [{ addon_id: 'adn_1', quantity: 1 }]
    const cart = [{ product_id: product.product_id, quantity: 1, addons }]

    const call = client.checkoutSessions.create({ ...request, product_cart: cart })
    expect(await codeOf(call)).toBe('ADDONS_NOT_ALLOWED_FOR_ON_DEMAND')
  })

  test('a business may allow one mandate per customer', async () => {
    const { sandbox, client, request } = await savedMandate()
    expect(await client.checkoutSessions.create(request)).toHaveProperty('session_id')

    sandbox.behaviour.oneSubscriptionPerCustomer = true
    expect(await codeOf(client.checkoutSessions.create(request))).toBe(
      'CUSTOMER_HAS_EXISTING_SUBSCRIPTION',
    )
    sandbox.cancelMandate([...sandbox.store.subscriptions.keys()][0] ?? '')
    expect(await client.checkoutSessions.create(request)).toHaveProperty('session_id')
  })

  test('a recurring price below a dollar is refused', async () => {
    const { client, product } = await openMandate({ mandate_only: true })
    const price = { ...product.price, currency: 'USD' as const, price: 99 }
    const call = client.products.create({ name: 'Cheap', tax_category: 'saas', price })

    expect(await codeOf(call)).toBe('TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT')
  })
})

describe('POST /subscriptions/{id}/charge', () => {
  test.each<[string, (sandbox: Awaited<ReturnType<typeof savedMandate>>) => void, string]>([
    ['cancelled', ({ sandbox, id }) => sandbox.cancelMandate(id), 'SUBSCRIPTION_INACTIVE'],
    ['paused', ({ sandbox, id }) => sandbox.pauseMandate(id), 'SUBSCRIPTION_INACTIVE'],
    ['past due', ({ sandbox, id }) => sandbox.moveMandate(id, 'past_due'), 'SUBSCRIPTION_INACTIVE'],
    ['expired', ({ sandbox, id }) => sandbox.expireMandate(id), 'SUBSCRIPTION_EXPIRED'],
    [
      'ending with its period',
      ({ sandbox, id }) => sandbox.scheduleCancellation(id),
      'CHARGE_NOT_ALLOWED_FOR_SCHEDULED_CANCELLATION',
    ],
    [
      'on hold where that locks it',
      ({ sandbox, id }) => {
        sandbox.holdMandate(id)
        sandbox.behaviour.onHoldIsChargeable = false
      },
      'SUBSCRIPTION_INACTIVE',
    ],
  ])('a mandate that is %s is not charged', async (_, act, code) => {
    const opened = await savedMandate()
    act(opened)

    expect(await codeOf(opened.charge())).toBe(code)
    expect(opened.sandbox.store.payments.size).toBe(0)
  })

  test('a mandate past its period is not charged', async () => {
    let aheadMs = 0
    const { charge } = await savedMandate({ now: () => new Date(Date.now() + aheadMs) })
    aheadMs = 21 * 366 * DAY_MS

    expect(await codeOf(charge())).toBe('SUBSCRIPTION_EXPIRED')
  })

  test('a subscription that is not on demand is not charged', async () => {
    const { client, id, charge } = await savedMandate()
    const billedAt = new Date(Date.now() + DAY_MS).toISOString()
    await client.subscriptions.update(id, { disable_on_demand: { next_billing_date: billedAt } })

    expect(await codeOf(charge())).toBe('SUBSCRIPTION_NOT_ON_DEMAND')
  })

  test('after ten failures in a row Dodo takes no more, until one succeeds', async () => {
    const { sandbox, id, charge } = await savedMandate({ behaviour: { maxFailedCharges: 2 } })
    sandbox.setCard(id, 'INSUFFICIENT_FUNDS')
    for (const _ of [1, 2]) {
      await charge()
      await sandbox.idle()
    }
    expect(await codeOf(charge())).toBe('SUBSCRIPTION_PAYMENT_RETRY_LIMIT_EXCEEDED')

    sandbox.replaceCard(id)
    expect(await charge()).toHaveProperty('payment_id')
  })

  test('amounts and currencies that no gateway takes are refused', async () => {
    const { client, id, charge } = await savedMandate()
    expect(await codeOf(charge(49))).toBe('TOTAL_PAYMENT_AMOUNT_BELOW_MINIMUM_AMOUNT')

    const call = client.subscriptions.charge(id, { product_price: 5_000, product_currency: 'KWD' })
    expect(await codeOf(call)).toBe('UNSUPPORTED_CURRENCY')
  })

  test('a slow charge stays in processing until the bank decides', async () => {
    const { sandbox, client, types, charge } = await savedMandate({
      behaviour: { charges: 'hold' },
    })
    const { payment_id } = await charge()
    await sandbox.idle()
    expect((await client.payments.retrieve(payment_id)).status).toBe('processing')
    expect(await codeOf(charge())).toBe('PREVIOUS_PAYMENT_PENDING')

    sandbox.settlePayment(payment_id, 'failed', 'EXPIRED_CARD')
    await sandbox.idle()
    expect(types()).toEqual(['payment.processing', 'payment.failed', 'subscription.on_hold'])
    expect((await client.payments.retrieve(payment_id)).error_code).toBe('EXPIRED_CARD')
  })

  test('the answer to a charge may be lost although the money is taken', async () => {
    const { sandbox, client, id, charge } = await savedMandate({ behaviour: { charges: 'lost' } })
    expect(await codeOf(charge())).toBe('APIConnectionError')
    await sandbox.idle()

    const { items } = await client.payments.list({ page_number: 0, subscription_id: id })
    expect(items).toMatchObject([{ status: 'succeeded', metadata: { lago_invoice_id: 'inv_2' } }])
  })

  test('a decline may be the answer itself', async () => {
    const { sandbox, id, types, charge } = await savedMandate({
      behaviour: { declinesAtOnce: true, charges: 'STOLEN_CARD' },
    })
    expect(await codeOf(charge())).toBe('STOLEN_CARD')
    await sandbox.idle()

    expect(types()).toEqual(['payment.failed', 'subscription.on_hold'])
    expect(sandbox.store.subscriptions.get(id)?.status).toBe('on_hold')
  })

  test('without metadata the payment bears those of the mandate', async () => {
    const { sandbox, client, id } = await savedMandate()
    const { payment_id } = await client.subscriptions.charge(id, { product_price: 5_000 })

    expect(sandbox.store.payments.get(payment_id)?.metadata).toEqual({ lago_customer_id: 'cst-42' })
  })

  test('a late success does not bring a cancelled mandate back', async () => {
    const { sandbox, id, types, charge } = await savedMandate({ behaviour: { charges: 'hold' } })
    const { payment_id } = await charge()
    sandbox.cancelMandate(id)
    sandbox.settlePayment(payment_id, 'succeeded')
    await sandbox.idle()

    expect(types()).toEqual(['payment.processing', 'subscription.cancelled', 'payment.succeeded'])
    expect(sandbox.store.subscriptions.get(id)?.status).toBe('cancelled')
  })

  test('a charge is refunded by its line item, not by its product', async () => {
    const { sandbox, client, product, charge } = await savedMandate()
    const { payment_id } = await charge()
    await sandbox.idle()
    const { items } = await client.payments.retrieveLineItems(payment_id)
    const refund = (itemId: string | undefined) =>
      client.refunds.create({ payment_id, items: [{ item_id: itemId ?? '', amount: 1_000 }] })

    expect(await codeOf(refund(product.product_id))).toBe('LINE_ITEM_NOT_FOUND')
    expect(await refund(items[0]?.items_id)).toMatchObject({ amount: 1_000, is_partial: true })
  })
})
