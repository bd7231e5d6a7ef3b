import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'

import { HMAC_KEY, openWorld, WEBHOOK_SECRET, type World } from '../support/world.ts'

const NEW_SECRET = 'whsec_bmV3LWJyaWRnZS10ZXN0LXNlY3JldC0wMDAwMDAwMDI='
const isOpen = ({ state }: { state: string }) => state === 'open'

/** A delivery of Dodo's, signed by each of the secrets, as it is while one of them is rotated. */
const deliver = (world: World, secrets: readonly string[]) => {
  const id = `msg_${crypto.randomUUID()}`
  const at = new Date()
  const body = JSON.stringify({ type: 'payout.success', data: {} })
  const signatures = secrets.map((secret) => new Webhook(secret).sign(id, at, body))
  return world.get('/webhooks/dodo', {
    method: 'POST',
    body,
    headers: {
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': signatures.join(' '),
    },
  })
}

describe('the signing secret of Dodo is rotated', () => {
  let before: World
  let after: World
  beforeAll(async () => {
    before = await openWorld()
    after = await openWorld({ env: { DODO_WEBHOOK_SECRET: `${NEW_SECRET},${WEBHOOK_SECRET}` } })
  })
  afterAll(() => Promise.all([before.close(), after.close()]))

  test('a bridge that knows the old one takes what both have signed', async () => {
    expect((await deliver(before, [NEW_SECRET, WEBHOOK_SECRET])).status).toBe(200)
    expect((await deliver(before, [NEW_SECRET])).status).toBe(401)
  })

  test('one that knows both takes what either has signed', async () => {
    expect((await deliver(after, [NEW_SECRET])).status).toBe(200)
    expect((await deliver(after, [WEBHOOK_SECRET])).status).toBe(200)
  })
})

describe('the HMAC key of Lago is another one all of a sudden', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ lago: { hmacKey: crypto.randomUUID() } })
  })
  afterAll(() => world.close())

  test('its deliveries are refused, and the sweep makes up for them', async () => {
    const invoice = world.bill(5_000)
    await world.lago.idle()
    expect(await world.invoiceReport(invoice.lago_id)).toBeUndefined()

    await world.sweep()

    await world.eventually(invoice.lago_id, isOpen)
  })
})

describe('both keys of Lago are set', () => {
  let world: World
  const hmacKey = crypto.randomUUID()
  beforeAll(async () => {
    world = await openWorld({
      lago: { hmacKey },
      env: { LAGO_WEBHOOK_HMAC_KEY: `${hmacKey},${HMAC_KEY}` },
    })
  })
  afterAll(() => world.close())

  test('no delivery is refused', async () => {
    const invoice = world.bill(5_000)

    await world.eventually(invoice.lago_id, isOpen)
  })
})
