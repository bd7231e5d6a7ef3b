import { describe, expect, test } from 'bun:test'

import { toHundredths } from '../../../sandbox/highlevel/store/queries.ts'
import { KEYS, LOCATION, openPlatform, PLATFORM_URL, refusalOf } from './support.ts'

const SALE = { locationId: LOCATION, amount: 25.99 }
const snapshot = (amount: number, status = 'succeeded') => {
  return { id: 'pay_1', status, amount, chargeId: 'pay_1', chargedAt: 1_795_168_931 }
}
const PAID = { success: true, failed: false, message: '', chargeSnapshot: snapshot(2_599) }

async function openSale(more: Parameters<typeof openPlatform>[0] = {}, sale = {}) {
  const opened = openPlatform(more)
  const token = await opened.connect()
  return { ...opened, token, ...opened.platform.createSale({ ...SALE, ...sale }) }
}
const MONTHLY = { recurring: { interval: 'month', intervalCount: 1, totalCycles: 12 } } as const

describe('verify', () => {
  test('carries a key in its body and nothing else that says who calls; its answer settles', async () => {
    const { platform, answers, queries, transaction, order } = await openSale()
    answers['verify'] = PAID

    expect(await platform.verify(transaction._id, 'pay_1')).toBe('succeeded')

    expect(queries).toEqual([
      {
        type: 'verify',
        transactionId: transaction._id,
        chargeId: 'pay_1',
        subscriptionId: '',
        apiKey: KEYS.test.apiKey,
      },
    ])
    expect(transaction).toMatchObject({ status: 'succeeded', chargeId: 'pay_1' })
    expect(order.status).toBe('completed')
  })

  test.each([
    [{ success: false, failed: true }, 'failed'],
    [{ failed: true }, 'failed'],
    [{ success: false }, 'pending'],
    [{ success: false, failed: false, message: 'pending' }, 'pending'],
  ] as const)('%j is %s', async (answer, verdict) => {
    const { platform, answers, transaction } = await openSale()
    answers['verify'] = answer

    expect(await platform.verify(transaction._id, 'pay_1')).toBe(verdict)
    expect(transaction.status).toBe(verdict)
  })

  test.each([
    ['hundredths', 2_599, 25.99],
    ['major', 25.99, 2_599],
  ] as const)(
    'counts the amount in %s, and is not content with the other',
    async (verifyUnit, right, wrong) => {
      const { platform, answers, transaction } = await openSale({ behaviour: { verifyUnit } })
      answers['verify'] = { ...PAID, chargeSnapshot: snapshot(wrong) }
      expect(await refusalOf(platform.verify(transaction._id, 'pay_1'))).toContain('chargeSnapshot')
      expect(transaction.status).toBe('pending')

      answers['verify'] = { ...PAID, chargeSnapshot: snapshot(right) }
      expect(await platform.verify(transaction._id, 'pay_1')).toBe('succeeded')
    },
  )

  test('leaves a subscription incomplete unless both of its fields are told', async () => {
    const { platform, answers, transaction, subscription } = await openSale({}, MONTHLY)
    answers['verify'] = PAID
    await platform.verify(transaction._id, 'pay_1')
    expect(subscription?.status).toBe('incomplete')

    const subscriptionSnapshot = { id: 's', status: 'active', trialEnd: 0, createdAt: 1 }
    answers['verify'] = { ...PAID, subscriptionStatus: 'active', subscriptionSnapshot }
    await platform.verify(transaction._id, 'pay_1')
    expect(subscription?.status).toBe('active')
  })

  test('is not asked for a mode that is not connected, and an answer may be lost', async () => {
    const { platform, answers, queries, transaction } = await openSale({}, { liveMode: true })
    const { keys } = platform.store.integrations.get(LOCATION) ?? { keys: undefined }
    if (keys) keys.live = null
    expect(await refusalOf(platform.verify(transaction._id, 'pay_1'))).toContain('not connected')
    expect(queries).toEqual([])

    if (keys) keys.live = KEYS.live
    answers['verify'] = PAID
    platform.caller.switches.loseAnswers = true
    expect(await refusalOf(platform.verify(transaction._id, 'pay_1'))).toBe('fetch failed')
    expect(transaction.status).toBe('pending')
  })
})

describe('the other queries', () => {
  test('a refund is in major units, and never more than is left', async () => {
    const { platform, answers, queries, transaction } = await openSale()
    answers['refund'] = { success: true, message: '', id: 'ref_1', amount: 10, currency: 'USD' }

    await platform.refund(transaction._id, 10)

    expect(queries[0]).toMatchObject({ type: 'refund', amount: 10, apiKey: KEYS.test.apiKey })
    expect(transaction.amountRefunded).toBe(10)
    expect(await refusalOf(platform.refund(transaction._id, 16))).toContain('cannot exceed')
    platform.behaviour.refundNamesCharge = false
    await platform.refund(transaction._id, 1)
    expect(Object.keys(queries[1] ?? {})).toEqual(['type', 'amount', 'transactionId'])
  })

  test('payment methods are a bare list, of texts that fit', async () => {
    const { platform, answers } = await openSale()
    const contact = platform.createContact({ locationId: LOCATION, name: 'Ada', email: 'a@b.test' })
    const asked = { locationId: LOCATION, contactId: contact.id, liveMode: false }
    const card = {
      id: 'sub_1',
      type: 'card',
      title: 'VISA (USD)',
      subTitle: '**** 4242',
      expiry: '12/34',
      customerId: 'cus_1',
      imageUrl: 'http://bridge.test/visa.png',
    }
    answers['list_payment_methods'] = [card]
    expect(await platform.listPaymentMethods(asked)).toEqual([card])

    answers['list_payment_methods'] = { data: [card] }
    expect(await refusalOf(platform.listPaymentMethods(asked))).toContain('array')
    answers['list_payment_methods'] = [{ ...card, title: 'a title of more than twenty' }]
    expect(await refusalOf(platform.listPaymentMethods(asked))).toContain('title')
  })

  test('a charge settles, or fails', async () => {
    const { platform, answers, queries, transaction } = await openSale()
    const declined = {
      success: false,
      failed: true,
      chargeId: '',
      message: 'declined',
      chargeSnapshot: snapshot(25.99, 'failed'),
    }
    answers['charge_payment'] = declined
    await platform.chargePayment(transaction._id, 'sub_1')

    expect(queries[0]).toMatchObject({ paymentMethodId: 'sub_1', amount: 25.99, currency: 'USD' })
    expect(transaction.status).toBe('failed')
  })

  test.each([true, false])('a subscription is made with recurring data: %p', async (isSent) => {
    const opened = await openSale({ behaviour: { sendsRecurringData: isSent } }, MONTHLY)
    const { platform, answers, queries, transaction, subscription } = opened
    answers['create_subscription'] = {
      success: true,
      failed: false,
      message: '',
      transaction: { chargeId: 'pay_1', chargeSnapshot: snapshot(25.99) },
      subscription: {
        subscriptionId: 'x',
        subscriptionSnapshot: { id: 'x', status: 'active', createdAt: 1 },
      },
    }

    await platform.createSubscription(transaction._id, {
      paymentMethodId: 'sub_1',
      startDate: '2026-11-20',
    })

    expect(queries[0]).toMatchObject({ amount: 25.99, recurringAmount: '25.99' })
    expect(JSON.stringify(queries[0]).includes('intervalCount')).toBe(isSent)
    expect(subscription?.status).toBe('active')
    expect(transaction.status).toBe('succeeded')
  })

  test('a cancellation is content with one word only', async () => {
    const { platform, answers, subscription } = await openSale({}, MONTHLY)
    const id = subscription?._id ?? ''
    answers['cancel_subscription'] = { status: 'cancelled' }
    expect(await refusalOf(platform.cancelSubscription(id))).toContain('could not be cancelled')

    answers['cancel_subscription'] = { status: 'canceled' }
    expect(await platform.cancelSubscription(id)).toEqual({ status: 'canceled' })
    expect(subscription?.status).toBe('canceled')
  })
})

describe('what a provider tells', () => {
  const AT = '/payments/custom-provider/webhook'
  const told = (transactionId: string, changes: Record<string, unknown> = {}) => {
    return {
      event: 'payment.captured',
      chargeId: 'pay_1',
      ghlTransactionId: transactionId,
      chargeSnapshot: snapshot(2_599),
      locationId: LOCATION,
      apiKey: KEYS.test.apiKey,
      ...changes,
    }
  }

  test('settles the transaction, without a token', async () => {
    const { call, transaction } = await openSale()

    const { status, json } = await call('POST', AT, { body: told(transaction._id) })

    expect(status).toBe(201)
    expect(json).toMatchObject({ success: true })
    expect(transaction.status).toBe('succeeded')
  })

  test('is received also when it is not applied', async () => {
    const { platform, call, transaction } = await openSale({ behaviour: { appliesEvents: false } })

    expect(await call('POST', AT, { body: told(transaction._id) })).toMatchObject({ status: 201 })
    expect(transaction.status).toBe('pending')
    expect(platform.store.events).toMatchObject([{ applied: false }])
  })

  test.each([
    [{ apiKey: 'other' }, 401],
    [{ event: 'payment.refunded' }, 422],
    [{ chargeSnapshot: undefined }, 422],
    [{ ghlTransactionId: '' }, 422],
    [{ locationId: undefined }, 422],
  ])('with %j is refused', async (changes, status) => {
    const { call, transaction } = await openSale()

    const refused = await call('POST', AT, { body: told(transaction._id, changes) })

    expect(refused.status).toBe(status)
    expect(transaction.status).toBe('pending')
  })

  test('with the key of the other mode settles nothing', async () => {
    const { call, transaction } = await openSale()

    await call('POST', AT, { body: told(transaction._id, { apiKey: KEYS.live.apiKey }) })

    expect(transaction.status).toBe('pending')
  })

  test('may need a token too', async () => {
    const opened = await openSale({ behaviour: { eventsNeedToken: true } })
    const { call, token, transaction } = opened

    expect(await call('POST', AT, { body: told(transaction._id) })).toMatchObject({ status: 401 })
    const allowed = await call('POST', AT, { body: told(transaction._id), token })
    expect(allowed.status).toBe(201)
  })

  test('moves a subscription', async () => {
    const { call, subscription } = await openSale({}, MONTHLY)
    const body = {
      event: 'subscription.updated',
      ghlSubscriptionId: subscription?._id,
      subscriptionSnapshot: { id: 'x', status: 'unpaid' },
      locationId: LOCATION,
      apiKey: KEYS.test.apiKey,
    }

    await call('POST', AT, { body })

    expect(subscription?.status).toBe('unpaid')
  })
})

test.each([
  [25.99, 2_599],
  [19.99, 1_999],
  [4.35, 435],
  [10, 1_000],
  [0.5, 50],
])('%p is %i hundredths', (amount, hundredths) => {
  expect(toHundredths(amount)).toBe(hundredths)
})

describe('the checkout page', () => {
  test('holds the pay page of another origin, and the props for it', async () => {
    const { platform, transaction } = await openSale()

    const page = await (await platform.fetch(`${PLATFORM_URL}/checkout/${transaction._id}`)).text()

    expect(page).toContain('src="http://bridge.test/highlevel/pay"')
    expect(page).toContain('"type":"payment_initiate_props"')
    expect(page).toContain(`"transactionId":"${transaction._id}"`)
    expect(page).toContain('custom_provider_ready')
    expect(page).not.toContain(KEYS.test.apiKey)
  })

  test('verifies on success, whatever the browser says', async () => {
    const { platform, answers, transaction } = await openSale()
    answers['verify'] = PAID

    const response = await platform.fetch(`${PLATFORM_URL}/checkout/${transaction._id}/verify`, {
      method: 'POST',
      body: JSON.stringify({ chargeId: 'pay_1' }),
    })

    expect(await response.json()).toEqual({ status: 'succeeded' })
  })

  test('a set-up has a contact and no amount', async () => {
    const { platform } = await openSale()
    const { id } = platform.createContact({ locationId: LOCATION, name: 'Ada', email: 'a@b.test' })

    expect(platform.setupProps({ contactId: id, currency: 'USD', liveMode: false })).toEqual({
      type: 'setup_initiate_props',
      publishableKey: KEYS.test.publishableKey,
      currency: 'USD',
      mode: 'setup',
      contact: { id },
      locationId: LOCATION,
    })
  })
})

test('the custom page gives the payload to its frame alone', async () => {
  const { platform } = await openSale()

  const at = `${PLATFORM_URL}/checkout/settings/${LOCATION}`
  const page = await (await platform.fetch(at)).text()

  expect(page).toContain('src="http://bridge.test/highlevel/settings"')
  expect(page).toContain('REQUEST_USER_DATA_RESPONSE')
  expect(page).toContain('"U2FsdGVkX1')
})

test("the operator's page sells, switches, and has a label for each field", async () => {
  const { platform } = await openSale()
  const at = `${PLATFORM_URL}/sandbox`
  const post = (path: string, fields: Record<string, string>) =>
    platform.fetch(`${at}${path}`, {
      method: 'POST',
      headers: { referer: at },
      body: new URLSearchParams(fields),
      redirect: 'manual',
    })

  await post('/sales', { location: LOCATION, amount: '5', currency: 'EUR', interval: 'month' })
  await post('/behaviour', { verifyUnit: 'major', connectsTooSoon: '422' })

  expect([...platform.store.transactions.values()].at(-1)).toMatchObject({ amount: 5 })
  expect(platform.behaviour).toMatchObject({ verifyUnit: 'major', connectsTooSoon: 422 })
  expect((await platform.fetch(at)).status).toBe(200)
})
