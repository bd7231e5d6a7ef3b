import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'

import { openWorld, WEBHOOK_SECRET, type World } from '../support/world.ts'

const NEXT_SECRET = `whsec_${Buffer.from('the-secret-after-the-rotation-01').toString('base64')}`
const EVENT = {
  business_id: 'bus_test',
  type: 'license_key.created',
  timestamp: '2026-11-18T12:26:40Z',
  data: { payload_type: 'LicenseKey' },
}
const body = JSON.stringify(EVENT)
const secondsAgo = (seconds: number) => new Date(Date.now() - seconds * 1_000)

/** The three headers, by the reference implementation of Standard Webhooks. */
function headersFor(text: string, { secret = WEBHOOK_SECRET, id = newId(), at = new Date() } = {}) {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(secret).sign(id, at, text),
  }
}
const newId = () => `msg_${crypto.randomUUID()}`

describe('POST /webhooks/dodo', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ env: { DODO_WEBHOOK_SECRET: `${WEBHOOK_SECRET},${NEXT_SECRET}` } })
  })
  afterAll(() => world.close())

  const send = async (text: string, headers: Record<string, string>) => {
    const response = await world.get('/webhooks/dodo', { method: 'POST', body: text, headers })
    return { status: response.status, text: await response.text() }
  }
  const stored = async () => (await world.bridge.db.query.deliveries.findMany()).length

  test('a signed event is stored and acknowledged, and its redelivery changes nothing', async () => {
    const id = newId()

    expect(await send(body, headersFor(body, { id }))).toEqual({
      status: 200,
      text: '{"received":true,"duplicate":false}',
    })
    const before = await stored()
    expect(await send(body, headersFor(body, { id, at: secondsAgo(20) }))).toEqual({
      status: 200,
      text: '{"received":true,"duplicate":true}',
    })
    expect(await stored()).toBe(before)
  })

  test('the signature is an HMAC over id, time and raw body, byte by byte', async () => {
    const text = '{"type":"x","note":"Zażółć €","data":{}}'
    const [id, seconds] = [newId(), String(Math.floor(Date.now() / 1_000))]
    const key = Buffer.from(WEBHOOK_SECRET.slice('whsec_'.length), 'base64')
    const mac = createHmac('sha256', key).update(`${id}.${seconds}.${text}`).digest('base64')

    const answer = await send(text, {
      'webhook-id': id,
      'webhook-timestamp': seconds,
      'webhook-signature': `v1a,AAAA v1,${'A'.repeat(43)}= v1,${mac}`,
    })

    expect(answer.status).toBe(200)
  })

  test('any of several secrets may sign, so that a secret can be replaced', async () => {
    for (const secret of [WEBHOOK_SECRET, NEXT_SECRET]) {
      expect((await send(body, headersFor(body, { secret }))).status).toBe(200)
    }
  })

  test.each([
    ['just within five minutes old', 290, 200],
    ['older than five minutes', 310, 401],
    ['just within five minutes ahead', -290, 200],
    ['more than five minutes ahead', -310, 401],
  ])('a signature that is %s', async (_what, ageSeconds, status) => {
    const at = secondsAgo(ageSeconds)

    expect((await send(body, headersFor(body, { at }))).status).toBe(status)
  })

  const good = () => headersFor(body)
  const without = (name: keyof ReturnType<typeof headersFor>) => {
    const { [name]: _left, ...rest } = good()
    return rest
  }
  const strange = `whsec_${Buffer.from('a-secret-that-nobody-configured!').toString('base64')}`
  test.each([
    ['no signature', () => without('webhook-signature')],
    ['no time', () => without('webhook-timestamp')],
    ['no id', () => without('webhook-id')],
    ['a time that is none', () => ({ ...good(), 'webhook-timestamp': 'now' })],
    ['an id that was not signed', () => ({ ...good(), 'webhook-id': newId() })],
    ['a signature of a stranger', () => headersFor(body, { secret: strange })],
    ['a signature of another body', () => headersFor(`${body} `)],
    [
      'a version it does not know',
      () => ({ ...good(), 'webhook-signature': good()['webhook-signature'].replace('v1,', 'v2,') }),
    ],
  ])('a delivery with %s is refused and not stored', async (_what, headers) => {
    const before = await stored()

    const answer = await send(body, headers())

    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.text)).toEqual({ error: expect.any(String) })
    expect(await stored()).toBe(before)
  })

  test.each([
    ['not JSON', 'type=payment.succeeded'],
    ['null', 'null'],
    ['a list', '[]'],
    ['without a type', '{"data":{}}'],
    ['without data', '{"type":"payment.succeeded"}'],
    ['with a text for data', '{"type":"payment.succeeded","data":"pay_1"}'],
  ])('a signed body that is %s is refused as unreadable', async (_what, text) => {
    expect((await send(text, headersFor(text))).status).toBe(400)
  })

  test('an endless id is refused', async () => {
    const id = 'm'.repeat(201)

    expect((await send(body, headersFor(body, { id }))).status).toBe(400)
  })

  test.each([
    ['an unknown type', { type: 'moon.landed', data: { payload_type: 'Moon' } }],
    ['an empty object', { type: 'payment.succeeded', data: {} }],
    ['ids that are none', { type: 'payment.succeeded', data: { payment_id: 7, metadata: 'x' } }],
    [
      'metadata that names no invoice',
      { type: 'payment.failed', data: { metadata: { lago_invoice_id: '../../x' } } },
    ],
  ])('an event with %s is stored and acknowledged', async (_what, event) => {
    const text = JSON.stringify(event)

    expect(await send(text, headersFor(text))).toEqual({
      status: 200,
      text: '{"received":true,"duplicate":false}',
    })
  })

  test('a payment in a status that nobody knows yet neither pays nor blocks the invoice', async () => {
    const invoice = world.bill(2_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const event = {
      type: 'payment.levitating',
      data: {
        payload_type: 'Payment',
        payment_id: 'pay_levitating',
        status: 'levitating',
        currency: 'USD',
        total_amount: 2_000,
        metadata: { lago_invoice_id: invoice.lago_id },
        checkout_session_id: sessionId,
        created_at: new Date().toISOString(),
        future_field: { deeply: ['nested'] },
      },
    }
    const text = JSON.stringify(event)

    expect((await send(text, headersFor(text))).status).toBe(200)
    await world.quiet()
    expect((await world.invoiceReport(invoice.lago_id))?.state).toBe('open')
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  })
})
