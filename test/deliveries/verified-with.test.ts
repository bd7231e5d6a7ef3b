import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'

import { eq } from 'drizzle-orm'

import { deliveries, receivables } from '../../src/db/schema.ts'
import { explain } from '../../src/report/explain.ts'
import { diagnose } from '../doctor/support.ts'
import { serveDashboard, signIn, type Served } from '../http/dashboard/support.ts'
import { ADMIN_TOKEN, HMAC_KEY, WEBHOOK_SECRET, type World } from '../support/world.ts'

const OLD_KEY = crypto.randomUUID()
const NEW_SECRET = 'whsec_bmV3LWJyaWRnZS10ZXN0LXNlY3JldC0wMDAwMDAwMDI='
const HOUR_MS = 3_600_000

type Told = { source: string; deliveryId: string; event: string; verifiedWith: string | null }

let served: Served
let world: World
let invoiceId: string
beforeAll(async () => {
  served = await serveDashboard({
    env: {
      LAGO_WEBHOOK_HMAC_KEY: `${OLD_KEY},${HMAC_KEY}`,
      DODO_WEBHOOK_SECRET: `${WEBHOOK_SECRET},${NEW_SECRET}`,
    },
  })
  ;({ world } = served)
  const invoice = world.bill(10_800)
  invoiceId = invoice.lago_id
  const { sessionId } = await world.openCheckout(invoiceId)
  world.dodo.pay(sessionId)
  await world.eventually(invoiceId, ({ state }) => state === 'paid')
  await world.quiet()
})
afterAll(() => served.close())

const api = async (path: string) => {
  const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
  return (await world.get(`/api/${path}`, { headers })).json()
}
const find = async (event: string) => {
  const { items } = (await api('deliveries')) as { items: Told[] }
  const found = items.findLast((one) => one.event === event)
  if (!found) throw new Error(`no ${event} came`)
  return found
}

describe('which key has signed a delivery', () => {
  test('is kept with it, and told by the API', async () => {
    expect(await find('invoice.created')).toMatchObject({ verifiedWith: 'key 2 of 2' })
    expect(await find('payment.succeeded')).toMatchObject({ verifiedWith: 'key 1 of 2' })
  })

  test('is kept of a big one, too', async () => {
    const body = JSON.stringify({ webhook_type: 'x.y', object_type: 'x', x: 'x'.repeat(400_000) })
    const signature = createHmac('sha256', OLD_KEY).update(body).digest('base64')
    const headers = { 'X-Lago-Signature': signature, 'X-Lago-Unique-Key': crypto.randomUUID() }
    expect((await world.get('/webhooks/lago', { method: 'POST', body, headers })).status).toBe(200)

    expect(await find('x.y')).toMatchObject({ verifiedWith: 'key 1 of 2' })
  })

  test('stands on the pages of the delivery and of the invoice, and in `explain`', async () => {
    const ana = await signIn(served.origin)
    const { source, deliveryId } = await find('invoice.created')
    const lines: string[] = []
    await explain(world.bridge.deps, invoiceId, (line) => lines.push(line))

    expect(await ana.text(`/dashboard/deliveries/${source}/${deliveryId}`)).toContain(
      'verified with key 2 of 2',
    )
    expect(await ana.text(`/dashboard/invoices/${invoiceId}`)).toContain('key 2 of 2')
    const told = lines.find((line) => line.includes('invoice.created') && line.includes('lago'))
    expect(told).toContain('verified with key 2 of 2')
  })

  test('tells `doctor` which key has not signed for two days and can go', async () => {
    const env = { LAGO_WEBHOOK_HMAC_KEY: `${OLD_KEY},${HMAC_KEY}` }
    const young = await diagnose(world, { env, only: 'lago.signature' })
    world.advance(49 * HOUR_MS)
    world.bill(1_000)
    await world.quiet()
    const old = await diagnose(world, {
      env,
      only: 'lago.signature',
      now: world.bridge.deps.now,
    })

    expect(young.find('lago.signature')?.verdict).toBe('ok')
    expect(old.find('lago.signature')).toMatchObject({
      verdict: 'warn',
      evidence: expect.stringContaining('key 1 of 2 has signed nothing for 48 h'),
    })
  })
})

describe('what a delivery has done', () => {
  test('is the lines of the timeline that were written while it was read', async () => {
    const ana = await signIn(served.origin)
    const created = await find('invoice.created')
    const paid = await find('payment.succeeded')
    const first = await ana.text(`/dashboard/deliveries/lago/${created.deliveryId}`)
    const second = await ana.text(`/dashboard/deliveries/dodo/${paid.deliveryId}`)

    expect(first).toContain('opened for 108.00 USD (attempt 1)')
    expect(first).not.toContain('recorded in Lago')
    expect(second).not.toContain('opened for 108.00 USD (attempt 1)')
    expect(second).toContain('paid: ')
    const answer = await find('invoice.payment_status_updated')
    // It came while the payment was being read, and was left to the next look.
    expect(await ana.text(`/dashboard/deliveries/lago/${answer.deliveryId}`)).not.toContain(
      'What this did',
    )
  })
})

test('its page shows the jobs that worked it, and what the last one failed of', async () => {
  const ana = await signIn(served.origin)
  const { source, deliveryId } = await find('invoice.created')
  const path = `/dashboard/deliveries/${source}/${deliveryId}`
  const worked = await ana.text(path)
  const { db } = world.bridge.deps
  const own = eq(receivables.receivableId, invoiceId)
  await db.update(receivables).set({ lastError: 'Dodo did not answer' }).where(own)
  await db.update(deliveries).set({ repeats: 3 }).where(eq(deliveries.deliveryId, deliveryId))

  const failing = await ana.text(path)

  expect(worked).toMatch(/Jobs.*ended.*\d ms/s)
  expect(worked).not.toContain('The last run ended with')
  expect(worked).not.toContain('Came again')
  expect(failing).toContain('The last run ended with “Dodo did not answer”')
  expect(failing).toMatch(/Came again.*3 times/s)
  expect(await api(`deliveries/${source}/${deliveryId}`)).toMatchObject({ repeats: 3 })
  await db.update(receivables).set({ lastError: null }).where(own)
})

test('a delivery that is put through again waits from then on, and not since it first came', async () => {
  const paid = await find('payment.succeeded')
  world.advance(HOUR_MS)
  const path = `/api/deliveries/dodo/${paid.deliveryId}/replay`
  const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
  expect((await world.get(path, { method: 'POST', headers })).status).toBe(202)
  await world.quiet()

  const again = (await api(`deliveries/dodo/${paid.deliveryId}`)) as {
    tookMs: number
    replayedAt: string
  }
  expect(again.tookMs).toBeLessThan(HOUR_MS)
  expect(again.replayedAt).not.toBeNull()
})
