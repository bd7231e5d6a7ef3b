import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'

import { HMAC_KEY, openWorld, type World } from '../support/world.ts'

const NEXT_KEY = 'a1f0a5d2-3b0e-4d3c-9a63-6d0b8f6f2c11'
const EVENT = {
  webhook_type: 'alert.triggered',
  object_type: 'triggered_alert',
  triggered_alert: {},
}

describe('POST /webhooks/lago', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ env: { LAGO_WEBHOOK_HMAC_KEY: `${NEXT_KEY}, ${HMAC_KEY}` } })
  })
  afterAll(() => world.close())

  /** Lago's documented signature, made without any code of ours. */
  const sign = (body: string | Buffer, key = HMAC_KEY) =>
    createHmac('sha256', key).update(body).digest('base64')

  const send = async (body: string | Buffer, headers: Record<string, string> = {}) => {
    const response = await world.get('/webhooks/lago', {
      method: 'POST',
      body: body as NonNullable<RequestInit['body']>,
      headers: {
        'Content-Type': 'application/json',
        'X-Lago-Signature': sign(body),
        'X-Lago-Signature-Algorithm': 'hmac',
        'X-Lago-Unique-Key': crypto.randomUUID(),
        ...headers,
      },
    })
    return { status: response.status, text: await response.text() }
  }
  const stored = async () => (await world.bridge.db.query.deliveries.findMany()).length
  const find = (deliveryId: string) =>
    world.bridge.db.query.deliveries.findFirst({
      where: (row, { eq }) => eq(row.deliveryId, deliveryId),
    })

  test('a signed event is stored and acknowledged, and its redelivery changes nothing', async () => {
    const key = { 'X-Lago-Unique-Key': crypto.randomUUID() }
    const body = JSON.stringify(EVENT)

    expect(await send(body, key)).toEqual({
      status: 200,
      text: '{"received":true,"duplicate":false}',
    })
    const before = await stored()
    for (let time = 0; time < 3; time += 1) {
      expect(await send(body, key)).toEqual({
        status: 200,
        text: '{"received":true,"duplicate":true}',
      })
    }
    expect(await stored()).toBe(before)
  })

  test("the vector of Lago's own escaping verifies over the raw bytes", async () => {
    const body = String.raw`{"webhook_type":"invoice.created","object_type":"invoice","x":"A \u0026 B","r":20.0}`
    const signature = 'v7xBGVX9XJ15UgkJPVO4MSUT9WAscTuNIkwvc8sdIgA='

    expect((await send(body, { 'X-Lago-Signature': signature })).status).toBe(200)
  })

  test('a body is kept byte for byte, also where it is not UTF-8', async () => {
    const key = crypto.randomUUID()
    const body = Buffer.concat([
      Buffer.from('{"webhook_type":"x","object_type":"y","n":20.0,  "t":"Zażółć '),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('"}\n'),
    ])

    expect((await send(body, { 'X-Lago-Unique-Key': key })).status).toBe(200)
    expect((await find(key))?.body.equals(body)).toBe(true)
  })

  test('any of several keys may sign, so that a key can be replaced', async () => {
    const body = JSON.stringify(EVENT)

    for (const key of [NEXT_KEY, HMAC_KEY]) {
      expect((await send(body, { 'X-Lago-Signature': sign(body, key) })).status).toBe(200)
    }
  })

  const body = JSON.stringify(EVENT)
  const hexOf = (text: string) => Buffer.from(text, 'base64').toString('hex')
  test.each([
    ['is empty', { 'X-Lago-Signature': '' }],
    ['is made with another key', { 'X-Lago-Signature': sign(body, crypto.randomUUID()) }],
    ['is hexadecimal', { 'X-Lago-Signature': hexOf(sign(body)) }],
    ['is of another body', { 'X-Lago-Signature': sign(`${body} `) }],
    ['is cut short', { 'X-Lago-Signature': sign(body).slice(0, 20) }],
    [
      'claims another algorithm',
      { 'X-Lago-Signature': 'e30.e30.', 'X-Lago-Signature-Algorithm': 'jwt' },
    ],
  ])('a delivery whose signature %s is refused and not stored', async (_what, headers) => {
    const before = await stored()

    const answer = await send(body, headers)

    expect(answer.status).toBe(401)
    expect(JSON.parse(answer.text)).toEqual({ error: expect.any(String) })
    expect(await stored()).toBe(before)
  })

  test('a delivery without a signature is refused', async () => {
    const headers = { 'X-Lago-Unique-Key': crypto.randomUUID() }
    const response = await world.get('/webhooks/lago', { method: 'POST', body, headers })

    expect(response.status).toBe(401)
  })

  test.each([
    ['not JSON', 'webhook_type=invoice.created'],
    ['empty', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['a text', '"invoice.created"'],
    ['without a type', '{"object_type":"invoice","invoice":{}}'],
    ['without an object type', '{"webhook_type":"invoice.created"}'],
    ['with a number for a type', '{"webhook_type":7,"object_type":"invoice"}'],
  ])('a signed body that is %s is refused as unreadable', async (_what, text) => {
    const before = await stored()

    expect((await send(text)).status).toBe(400)
    expect(await stored()).toBe(before)
  })

  test('a signed delivery without an id, or with an endless one, is refused', async () => {
    expect((await send(body, { 'X-Lago-Unique-Key': '' })).status).toBe(400)
    expect((await send(body, { 'X-Lago-Unique-Key': 'k'.repeat(201) })).status).toBe(400)
  })

  test.each([
    ['an unknown type', { webhook_type: 'moon.landed', object_type: 'moon', moon: { lago_id: 1 } }],
    ['no object at all', { webhook_type: 'invoice.created', object_type: 'invoice' }],
    [
      'an object that is no object',
      { webhook_type: 'invoice.created', object_type: 'invoice', invoice: 'INV' },
    ],
    [
      'an id that is none',
      { webhook_type: 'invoice.created', object_type: 'invoice', invoice: { lago_id: '../x' } },
    ],
    [
      'future fields and enum values',
      { ...EVENT, spec: 9, triggered_alert: { status: 'levitating', payment_status: 'maybe' } },
    ],
    ['a NUL in its type', { webhook_type: 'a\0b', object_type: 'x' }],
    ['an endless type', { webhook_type: 'a'.repeat(5_000), object_type: 'x' }],
  ])('an event with %s is stored and acknowledged', async (_what, event) => {
    const key = crypto.randomUUID()

    const answer = await send(JSON.stringify(event), { 'X-Lago-Unique-Key': key })

    expect(answer).toEqual({ status: 200, text: '{"received":true,"duplicate":false}' })
    expect(await find(key)).toBeDefined()
  })

  test('an event with unknown values in a known object is acted upon as far as it is understood', async () => {
    const invoice = world.bill(2_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const event = {
      webhook_type: 'invoice.created',
      object_type: 'invoice',
      organization_id: world.lago.organizationId,
      invoice: { lago_id: invoice.lago_id, status: 'levitating', invoice_type: 'quantum', new: [] },
    }

    expect((await send(JSON.stringify(event))).status).toBe(200)
    await world.quiet()
    const report = await world.invoiceReport(invoice.lago_id)
    expect(report?.attempts.map(({ dodoSessionId }) => dodoSessionId)).toEqual([sessionId])
  })
})
