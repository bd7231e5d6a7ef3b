import { describe, expect, test } from 'bun:test'

import { readDeliveryId, readDodoEvent, readLagoEvent } from '../../src/inbox/envelope.ts'

const lago = (objectType: string, object: unknown, webhookType = 'something.happened') =>
  readLagoEvent(
    Buffer.from(
      JSON.stringify({
        webhook_type: webhookType,
        object_type: objectType,
        organization_id: 'org_1',
        [objectType]: object,
      }),
    ),
  )
const dodo = (type: string, data: unknown) =>
  readDodoEvent(Buffer.from(JSON.stringify({ type, data })))

describe('what a delivery of Lago wakes', () => {
  test.each([
    ['an invoice', 'invoice', { lago_id: 'i1' }, 'settle', 'i1'],
    [
      'a credit note’s invoice',
      'credit_note',
      { lago_id: 'n', lago_invoice_id: 'i1' },
      'settle',
      'i1',
    ],
    [
      'a payment’s invoice',
      'payment',
      { lago_id: 'p', invoice: { lago_id: 'i1' } },
      'settle',
      'i1',
    ],
    [
      'a customer',
      'customer',
      { lago_id: 'c', external_id: 'Acme & Söhne' },
      'customer',
      'Acme & Söhne',
    ],
    ['a payment request', 'payment_request', { lago_id: 'r1' }, 'bundle', 'r1'],
    [
      'a top-up whose invoice nobody is shown',
      'wallet_transaction',
      { lago_id: 't1', invoice_requires_successful_payment: true },
      'topup',
      't1',
    ],
    [
      'the invoice of any other top-up',
      'wallet_transaction',
      { lago_id: 't1', lago_invoice_id: 'i1', invoice_requires_successful_payment: false },
      'settle',
      'i1',
    ],
  ])('is %s', (_, objectType, object, wakes, wakesKey) => {
    expect(lago(objectType, object)).toMatchObject({ wakes, wakesKey })
  })

  test.each([
    ['an id that could go elsewhere in a URL', 'invoice', { lago_id: '../customers' }],
    ['an id that is no text', 'invoice', { lago_id: 7 }],
    ['a customer whose id no database holds', 'customer', { external_id: 'a\0b' }],
    ['a customer without an id', 'customer', { external_id: '' }],
    ['an object that is missing', 'invoice', undefined],
    ['an object of another shape', 'wallet_transaction', ['x']],
    ['an object nobody knows', 'thing_of_next_year', { lago_id: 'x' }],
  ])('is nothing for %s', (_, objectType, object) => {
    expect(lago(objectType, object)).toMatchObject({ wakes: null, wakesKey: null })
  })

  test.each(['{}', '[]', 'null', '{"webhook_type":"x"}', 'no JSON'])(
    'is refused when the body is %s',
    (body) => {
      expect(() => readLagoEvent(Buffer.from(body))).toThrow(
        expect.objectContaining({ name: 'MalformedEvent' }),
      )
    },
  )
})

describe('what a delivery of Dodo wakes', () => {
  test.each([
    [
      'the invoice that a payment names',
      'payment.succeeded',
      { payment_id: 'pay_1', metadata: { lago_invoice_id: 'i1' } },
      'settle',
      'i1',
    ],
    ['a payment that names none', 'payment.succeeded', { payment_id: 'pay_1' }, 'trace', 'pay_1'],
    [
      'the payment of a refund, whatever its own metadata say',
      'refund.succeeded',
      { payment_id: 'pay_1', metadata: { lago_invoice_id: 'i1' } },
      'trace',
      'pay_1',
    ],
    ['the payment of a dispute', 'dispute.lost', { payment_id: 'pay_1' }, 'trace', 'pay_1'],
    [
      'the payment that a customer came back for, not the one that they left',
      'abandoned_checkout.recovered',
      { payment_id: 'pay_left', recovered_payment_id: 'pay_1' },
      'trace',
      'pay_1',
    ],
    [
      'the payment that a customer left',
      'abandoned_checkout.detected',
      { payment_id: 'pay_1', recovered_payment_id: null },
      'trace',
      'pay_1',
    ],
    [
      'a mandate, whatever invoice its metadata name',
      'subscription.active',
      { subscription_id: 'sub_1', metadata: { lago_invoice_id: 'i1' } },
      'mandate',
      'sub_1',
    ],
    ['nothing of ours', 'payout.success', { payout_id: 'po_1' }, null, null],
  ])('is %s', (_, type, data, wakes, wakesKey) => {
    expect(dodo(type, data)).toMatchObject({ eventType: type, wakes, wakesKey })
  })

  test.each(['{}', '{"type":"x"}', '{"type":"","data":{}}', '{"type":"x","data":7}', 'no JSON'])(
    'is refused when the body is %s',
    (body) => {
      expect(() => readDodoEvent(Buffer.from(body))).toThrow(
        expect.objectContaining({ name: 'MalformedEvent' }),
      )
    },
  )
})

describe('the name of a delivery', () => {
  test('is bounded, and there must be one', () => {
    expect(readDeliveryId('msg_1')).toBe('msg_1')
    expect(() => readDeliveryId(undefined)).toThrow()
    expect(() => readDeliveryId('')).toThrow()
    expect(() => readDeliveryId('x'.repeat(201))).toThrow()
  })

  test('and its type are kept as far as a database holds them', () => {
    expect(dodo('a\0b', {}).eventType).toBe('ab')
    expect(dodo('x'.repeat(300), {}).eventType).toHaveLength(200)
  })
})
