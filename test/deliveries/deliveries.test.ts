import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { sql } from 'drizzle-orm'

import { openDatabase } from '../../src/db/client.ts'
import { deliveries } from '../../src/db/schema.ts'
import { listDeliveries, readCursor } from '../../src/deliveries/list.ts'
import { emptyDeliveries } from '../../src/privacy/empty-deliveries.ts'
import { createTestDatabase } from '../support/database.ts'
import { ADMIN_TOKEN, HMAC_KEY, openWorld, type World } from '../support/world.ts'

const VIEWER_TOKEN = 'only-to-look-with'

type Item = {
  source: 'lago' | 'dodo'
  deliveryId: string
  event: string
  receivedAt: string
  outcome: string
  about: { kind: string; key: string } | null
}
type Page = { items: Item[]; next: string | null }
const cursorOf = (at: unknown, id = 'msg_1') =>
  Buffer.from(JSON.stringify([at, 'dodo', id])).toString('base64url')

let world: World
beforeAll(async () => {
  world = await openWorld({ env: { VIEWER_TOKEN } })
})
afterAll(() => world.close())

const ask = (
  path: string,
  { token = ADMIN_TOKEN, body }: { token?: string; body?: unknown } = {},
) =>
  world.get(`/api/${path}`, {
    headers: { Authorization: `Bearer ${token}` },
    ...(body !== undefined && { method: 'POST', body: JSON.stringify(body) }),
  })
const list = async (query = '') => (await (await ask(`deliveries${query}`)).json()) as Page
const post = async (path: string, body: unknown = {}) => {
  const response = await ask(path, { body })
  return { status: response.status, said: (await response.json()) as Record<string, unknown> }
}
const postLago = (event: object) => {
  const body = JSON.stringify(event)
  const signature = createHmac('sha256', HMAC_KEY).update(body).digest('base64')
  const id = crypto.randomUUID()
  const headers = { 'X-Lago-Signature': signature, 'X-Lago-Unique-Key': id }
  return world.get('/webhooks/lago', { method: 'POST', body, headers }).then(() => id)
}
/** Everything that was ever asked of either service to be made. */
const made = () => world.sent('POST', /payments$|refunds$|checkouts$|credit_notes$|charge$/).length

async function payOne() {
  const invoice = world.bill(10_800)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  await world.quiet()
  return { invoice, payment }
}

describe('the list of deliveries', () => {
  test('is the inbox, the newest first, with what each is about and what came of it', async () => {
    const { invoice, payment } = await payOne()

    const { items } = await list()

    const moments = items.map(({ receivedAt }) => receivedAt)
    expect(moments).toEqual(moments.toSorted().toReversed())
    const paid = items.find(({ event }) => event === 'payment.succeeded')
    expect(paid).toMatchObject({
      source: 'dodo',
      outcome: 'read',
      result: expect.stringContaining('paid'),
      about: { kind: 'settle', key: invoice.lago_id },
      dodoPaymentId: payment.payment_id,
      tookMs: expect.any(Number),
    })
  })

  test('is turned page by page, and no delivery is left out or shown twice', async () => {
    const { items: all } = await list('?limit=500')
    const turned: Item[] = []
    let query = '?limit=2'
    for (;;) {
      const { items, next } = await list(query)
      turned.push(...items)
      if (next === null) break
      query = `?limit=2&before=${next}`
    }

    expect(turned.map(({ deliveryId }) => deliveryId)).toEqual(
      all.map(({ deliveryId }) => deliveryId),
    )
  })

  test('leaves none out, however the database sorts texts, of those that came in the same moment', async () => {
    const database = await createTestDatabase()
    const { db, close } = openDatabase(database.url, 2)
    await db.execute(
      sql`alter table deliveries alter column delivery_id type text collate "en-x-icu"`,
    )
    const ids = ['msg_b', 'msg_A', 'msg_a', 'msg_B', 'msg_c', 'msg_C', 'msg_2']
    const row = { eventType: 'payout.created', headers: {}, body: Buffer.from('{}') }
    await db.insert(deliveries).values(
      ids.map((deliveryId) => {
        return { ...row, source: 'dodo' as const, deliveryId, receivedAt: new Date(0) }
      }),
    )

    const turned: string[] = []
    let next: string | null = null
    do {
      const before: ReturnType<typeof readCursor> = readCursor(next ?? '')
      const page = await listDeliveries(db, { filter: {}, before, limit: 2, now: new Date() })
      turned.push(...page.items.map(({ deliveryId }) => deliveryId))
      next = page.next
    } while (next !== null)

    expect(turned).toHaveLength(ids.length)
    expect(new Set(turned)).toEqual(new Set(ids))
    await close()
    await database.drop()
  })

  test('is narrowed by source, event, outcome, subject and time', async () => {
    const id = await postLago({ webhook_type: 'alert.triggered', object_type: 'triggered_alert' })

    const kept = await list('?outcome=kept&source=lago')
    expect(kept.items.map(({ deliveryId }) => deliveryId)).toEqual([id])
    const events = (await list('?event=payment.succeeded')).items.map(({ event }) => event)
    expect(new Set(events)).toEqual(new Set(['payment.succeeded']))
    const about = kept.items.length > 0 ? (await list('?since=1h')).items[1]?.about : null
    const ofOne = (await list(`?about=${about?.key}`)).items
    expect(ofOne.every((one) => one.about?.key === about?.key)).toBe(true)
    expect((await list('?until=2020-01-01')).items).toEqual([])
  })

  test.each([
    ['?source=stripe', 'source: write lago or dodo'],
    ['?since=yesterday', 'since: write how long ago, like 2h or 7d'],
    ['?limit=0', 'limit: '],
    ['?before=nowhere', 'before: take it from `next`'],
    ['?colour=red', 'colour'],
    ['?since=0000-01-01', 'since: write how long ago'],
    ['?until=0001-01-01T00:00%2B14:00', 'until: write how long ago'],
    [`?before=${cursorOf('+012026-01-01T00:00:00.000Z')}`, 'before: take it from `next`'],
    [`?before=${cursorOf('-000164-01-01T00:00:00.000Z')}`, 'before: take it from `next`'],
    [`?before=${cursorOf(null)}`, 'before: take it from `next`'],
    [`?before=${cursorOf('2026-01-01', 'a\0b')}`, 'before: take it from `next`'],
  ])('is refused for %s, and says why', async (query, why) => {
    const response = await ask(`deliveries${query}`)

    expect(response.status).toBe(400)
    expect(await response.json()).toEqual({ error: expect.stringContaining(why) })
  })
})

describe('one delivery', () => {
  test('is shown with its body to the admin, without it to the viewer', async () => {
    const [one] = (await list('?source=dodo')).items
    const path = `deliveries/dodo/${one?.deliveryId}`

    const full = (await (await ask(path)).json()) as { body: string }
    const seen = (await (await ask(path, { token: VIEWER_TOKEN })).json()) as object

    expect(JSON.parse(full.body)).toMatchObject({ type: one?.event })
    expect(seen).toMatchObject({ deliveryId: one?.deliveryId })
    expect(seen).not.toHaveProperty('body')
  })

  test('that never came is answered 404', async () => {
    expect((await ask('deliveries/dodo/msg_none')).status).toBe(404)
    expect((await post('deliveries/dodo/msg_none/replay')).status).toBe(404)
    expect((await post('deliveries/stripe/evt_1/replay')).status).toBe(400)
  })
})

describe('a replay', () => {
  test('looks at the invoice again, and does nothing twice', async () => {
    const { invoice } = await payOne()
    const { items } = await list(`?about=${invoice.lago_id}`)
    const before = made()

    for (const { source, deliveryId } of [...items, ...items]) {
      const { status, said } = await post(`deliveries/${source}/${deliveryId}/replay`)
      expect({ status, said }).toEqual({ status: 202, said: { outcome: 'queued' } })
    }
    await world.quiet()

    expect(made()).toBe(before)
    const report = await world.invoiceReport(invoice.lago_id)
    expect(report).toMatchObject({ state: 'paid' })
    expect(report?.timeline.filter(({ what }) => what.includes('replayed by api'))).toHaveLength(
      items.length * 2,
    )
    const { items: after } = await list(`?about=${invoice.lago_id}`)
    expect(after.map(({ outcome }) => outcome)).toEqual(items.map(() => 'read'))
  })

  test('of a press of Retry is no other press', async () => {
    const invoice = world.bill(2_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    world.lago.pressRetry(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ attempts }) => attempts.length === 2)
    const [press] = (await list(`?event=invoice.payment_failure&about=${invoice.lago_id}`)).items
    world.dodo.decline(
      (await world.openCheckout(invoice.lago_id, 2)).sessionId,
      'INSUFFICIENT_FUNDS',
    )
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    world.advance(2 * 3_600_000)

    await post(`deliveries/lago/${press?.deliveryId}/replay`)
    await post('deliveries/replay', { about: invoice.lago_id })
    await world.quiet()

    const report = await world.invoiceReport(invoice.lago_id)
    expect(report?.attempts).toHaveLength(2)
  })

  test('of what was emptied is refused, because nothing is left to read', async () => {
    const [one] = (await list('?source=dodo&outcome=read')).items
    await emptyDeliveries(world.bridge.db, [{ source: 'dodo', deliveryId: one?.deliveryId ?? '' }])

    const { status, said } = await post(`deliveries/dodo/${one?.deliveryId}/replay`)

    expect(status).toBe(409)
    expect(said['error']).toContain('nothing is left to read')
  })

  test('of many counts first, puts all through, and is written down', async () => {
    await payOne()
    const before = made()

    const counted = await post('deliveries/replay', { since: '3h', dryRun: true })
    const { status, said } = await post('deliveries/replay', { since: '3h' })
    await world.quiet()

    expect(counted.said['deliveries']).toBeGreaterThan(5)
    expect(status).toBe(202)
    const sum = Object.values(said).reduce<number>((total, one) => total + Number(one), 0)
    expect(sum).toBe(Number(counted.said['deliveries']))
    expect(said).toMatchObject({ emptied: 1, kept: 1 })
    expect(made()).toBe(before)
    const actions = await world.bridge.db.execute(
      sql`select who, action, outcome from operator_actions order by id desc limit 1`,
    )
    expect(actions[0]).toMatchObject({
      who: 'api',
      action: 'replay',
      outcome: expect.stringMatching(/^\d+ queued, 1 about nothing of ours, 1 emptied$/),
    })
  })
})
