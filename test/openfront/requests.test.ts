import { createHmac } from 'node:crypto'

import { describe, expect, test } from 'bun:test'

import { openShop, CODE, CREDENTIALS } from '../sandbox/openfront/support.ts'
import { readCredentials, readMode } from '../../src/openfront/credentials.ts'
import { decimalsInShop } from '../../src/openfront/currencies.ts'
import { providerRecord } from '../../src/openfront/provider-record.ts'
import { readRelayedEvent } from '../../src/openfront/relayed-event.ts'
import {
  CapturePayment,
  CreatePayment,
  describeIssues,
  NamedPayment,
  RefundPayment,
} from '../../src/openfront/requests.ts'

const complaintOf = (shape: typeof CreatePayment | typeof RefundPayment, body: unknown) => {
  const parsed = shape.safeParse(body)
  return parsed.success ? '' : describeIssues(parsed.error)
}

describe('create-payment is read', () => {
  const asked = { cart: { id: 'cm1' }, amount: 2_599, currency: 'usd' }

  test('as the shop sends it, by its code and by its guide', async () => {
    for (const speech of ['code', 'guide'] as const) {
      const opened = openShop({ behaviour: { speech } })
      const { id } = opened.cart({ email: 'ada@example.test', customerName: 'Ada' })
      await opened.shop.choosePayment(id, CODE)
      const body = opened.asked[0]?.body

      expect(readCredentials(body)).toEqual(CREDENTIALS)
      const customer = { email: 'ada@example.test', name: 'Ada' }
      expect(CreatePayment.parse(body)).toMatchObject({
        cart: { id, ...(speech === 'guide' && { customer }) },
        amount: 2_599,
        currency: 'USD',
      })
    }
  })

  test('as the shop sends it for an invoice', async () => {
    const { shop, asked: calls } = openShop()
    const { id } = shop.createInvoice(120_000, 'EUR', 'usr_1')
    await shop.chooseInvoicePayment(id, CODE)

    expect(CreatePayment.parse(calls[0]?.body)).toMatchObject({
      cart: { id },
      amount: 120_000,
      currency: 'EUR',
    })
  })

  test.each([
    [{ amount: 2_599, currency: 'usd' }, 'cart must be'],
    [{ ...asked, cart: 'cm1' }, 'cart must be'],
    [{ ...asked, cart: {} }, 'cart.id'],
    [{ ...asked, cart: { id: '' } }, 'cart.id'],
    [{ ...asked, cart: { id: 'x'.repeat(201) } }, 'cart.id'],
    [{ ...asked, cart: { id: 7 } }, 'cart.id'],
    [{ ...asked, amount: 0 }, 'amount'],
    [{ ...asked, amount: 25.99 }, 'amount'],
    [{ ...asked, amount: '2599' }, 'amount'],
    [{ ...asked, amount: 2_147_483_648 }, 'amount'],
    [{ ...asked, currency: 'dollar' }, 'currency'],
    [{ ...asked, currency: undefined }, 'currency'],
    [{ ...asked, cart: { id: 'cm1', rawTotal: 2_600 } }, 'cart.rawTotal'],
    [{ ...asked, cart: { id: 'cm1', total: '2599' } }, 'cart.total'],
    [{ ...asked, cart: { id: 'cm1', totalAmount: 1 } }, 'cart.totalAmount'],
  ])('%j is refused by the name of the field', (body, field) => {
    expect(complaintOf(CreatePayment, body)).toStartWith(`${field} `)
  })

  test('a customer of another type is not believed, and no reason to refuse', () => {
    const cart = { id: 'cm1', customer: { email: 7, name: ' ' } }

    expect(CreatePayment.parse({ ...asked, cart }).cart.customer).toEqual({
      email: undefined,
      name: undefined,
    })
    expect(
      CreatePayment.parse({ ...asked, cart: { id: 'cm1', customer: 'Ada' } }).cart.customer,
    ).toBeUndefined()
  })
})

describe('the other requests', () => {
  test('name a payment, and an amount that is an integer', () => {
    expect(NamedPayment.parse({ paymentId: 'ord_1' }).paymentId).toBe('ord_1')
    expect(NamedPayment.safeParse({}).success).toBe(false)
    expect(CapturePayment.safeParse({ paymentId: 'ord_1', amount: '1' }).success).toBe(false)
  })

  test.each([
    [{}, true],
    [{ reason: null }, true],
    [{ reason: 'x'.repeat(3_000), idempotencyKey: 'k'.repeat(200) }, true],
    [{ reason: 'x'.repeat(3_001) }, false],
    [{ idempotencyKey: 'k'.repeat(201) }, false],
    [{ idempotencyKey: '' }, false],
    [{ amount: 0 }, false],
  ])('a refund with %j is read: %j', (changes, isRead) => {
    const parsed = RefundPayment.safeParse({ paymentId: 'pay_1', amount: 500, ...changes })

    expect(parsed.success).toBe(isRead)
  })
})

describe('credentials', () => {
  test.each([
    undefined,
    {},
    { provider: {} },
    { provider: { credentials: 'key' } },
    { provider: { credentials: { apiKey: 7 } } },
  ])('%j has none', (body) => {
    expect(readCredentials(body)).toBeUndefined()
  })

  test.each([
    ['sandbox', 'test'],
    ['test', 'test'],
    ['test_mode', 'test'],
    ['live', 'live'],
    ['production', 'live'],
    ['live_mode', 'live'],
    [undefined, 'default'],
    [null, 'default'],
    ['LIVE', undefined],
    ['staging', undefined],
    [true, undefined],
  ])('environment %p is %p', (environment, mode) => {
    expect(readMode(environment)).toBe(mode as ReturnType<typeof readMode>)
  })

  test('are what the record holds that is to be pasted', async () => {
    const { shop, asked } = openShop()
    const options = { publicUrl: 'http://bridge.test', apiKey: 'ofk_1', mode: 'live' } as const
    const record = providerRecord(options)
    shop.store.providers.clear()
    shop.createProvider(record)

    await shop.choosePayment(shop.createCart().id, 'pp_dodo')

    expect(asked[0]?.path).toBe('/api/create-payment')
    expect(readCredentials(asked[0]?.body)).toEqual({ apiKey: 'ofk_1', environment: 'live' })
  })
})

test.each([
  ['USD', 2],
  ['EUR', 2],
  ['JPY', 0],
  ['KRW', 0],
  ['VND', 0],
  ['CLP', undefined],
  ['HTG', undefined],
  ['KWD', undefined],
  ['ISK', undefined],
])('a shop counts %s with %p decimals', (currency, decimals) => {
  expect(decimalsInShop(currency)).toBe(decimals as 0)
})

describe('an event that a shop hands on', () => {
  const BODY =
    '{"business_id":"bus_demo","type":"payment.succeeded","timestamp":"2026-11-20T10:00:00Z","data":{"payload_type":"Payment","payment_id":"pay_demo_1","status":"succeeded","total_amount":2599,"currency":"USD","metadata":{"10":"x","2":"y","bridge_ref":"r1"}}}'
  const HEADERS = {
    'Webhook-Id': 'msg_demo_1',
    'webhook-timestamp': '1795168800',
    'webhook-signature': 'v1,EcrZ8itKXU4puWQNVZIL6dGq/Oywz/Ge+PaYbC1J+Uw=',
  }
  const KEY = Buffer.from('MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=', 'base64')
  const sign = ({ bytes, headers }: NonNullable<ReturnType<typeof readRelayedEvent>>) => {
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.`
    return `v1,${createHmac('sha256', KEY).update(signed).update(bytes).digest('base64')}`
  }

  test('in a string is there to the byte, with its headers in lower case', async () => {
    const { shop, asked, answers, provider } = openShop()
    answers['/api/handle-webhook'] = () => Response.json({ type: 'dodo.other' })
    await shop.relayWebhook(provider.id, { raw: BODY }, HEADERS)

    const read = readRelayedEvent(asked[0]?.body)

    expect(read?.bytes.toString()).toBe(BODY)
    expect(read && sign(read)).toBe(HEADERS['webhook-signature'])
  })

  test('that was parsed is written again, and no longer what was signed', () => {
    const read = readRelayedEvent({ event: JSON.parse(BODY), headers: HEADERS })

    expect(read && sign(read)).not.toBe(HEADERS['webhook-signature'])
  })

  test.each([undefined, {}, { event: null }, 'text'])('%j holds none', (body) => {
    expect(readRelayedEvent(body)).toBeUndefined()
  })

  test('without headers, or with strange ones, has none that could verify', () => {
    expect(readRelayedEvent({ event: {} })?.headers).toEqual({})
    expect(readRelayedEvent({ event: {}, headers: [] })?.headers).toEqual({})
    expect(readRelayedEvent({ event: {}, headers: { a: 1, B: 'x' } })?.headers).toEqual({ b: 'x' })
  })
})
