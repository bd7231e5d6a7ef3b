import { describe, expect, test } from 'bun:test'

import { DODO_EVENTS, DUNNING_EVENTS } from '../../src/dodo/events.ts'
import { readDodoEvent, readLagoEvent } from '../../src/inbox/envelope.ts'
import { LAGO_EVENT_OBJECTS } from '../../src/lago/events.ts'

const ID = '1a901a90-1a90-1a90-1a90-1a901a901a90'

/** What of each object says what it is about (lago-api `app/services/webhooks/`). */
const LAGO_OBJECTS = {
  invoice: { lago_id: ID },
  payment_provider_invoice_payment_error: { lago_invoice_id: ID },
  payment_dispute_lost: { invoice: { lago_id: ID } },
  credit_note: { lago_id: 'note', lago_invoice_id: ID },
  customer: { lago_id: 'customer', external_id: ID },
  payment_request: { lago_id: ID },
  wallet_transaction: { lago_id: ID, invoice_requires_successful_payment: true },
}
const DODO_OBJECTS: Record<string, object> = {
  payment: { payment_id: 'pay_1', metadata: { lago_invoice_id: ID } },
  refund: { refund_id: 'ref_1', payment_id: 'pay_1' },
  dispute: { dispute_id: 'dp_1', payment_id: 'pay_1' },
  subscription: { subscription_id: 'sub_1' },
  abandoned_checkout: { payment_id: 'pay_0', recovered_payment_id: 'pay_1' },
  dunning: { subscription_id: 'sub_1' },
}

describe('every event that setup asks for is one that the bridge acts on', () => {
  test.each(Object.entries(LAGO_EVENT_OBJECTS))('%s of Lago', (webhookType, objectType) => {
    const object = LAGO_OBJECTS[objectType]
    const body = { webhook_type: webhookType, object_type: objectType, [objectType]: object }

    const { wakes, wakesKey } = readLagoEvent(Buffer.from(JSON.stringify(body)))

    expect({ wakes, wakesKey }).toMatchObject({ wakes: expect.any(String), wakesKey: ID })
  })

  const actedOn = DODO_EVENTS.filter((name) => !DUNNING_EVENTS.some((one) => one === name))
  test.each(actedOn)('%s of Dodo', (type) => {
    const data = DODO_OBJECTS[type.split('.')[0] ?? '']

    const { wakes } = readDodoEvent(Buffer.from(JSON.stringify({ type, data })))

    expect(wakes).not.toBeNull()
  })
})

test.each(DUNNING_EVENTS)('%s of Dodo proves something, and wakes nothing', (type) => {
  const data = DODO_OBJECTS['dunning']

  expect(readDodoEvent(Buffer.from(JSON.stringify({ type, data })))).toMatchObject({ wakes: null })
})
