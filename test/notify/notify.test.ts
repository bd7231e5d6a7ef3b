import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'
import { Webhook } from 'standardwebhooks'

import { redrive } from '../../src/deliveries/dead-letters.ts'
import { noteSweep } from '../../src/metrics/note-sweep.ts'
import { OUTBOX, watchOnce } from '../../src/notify/watch.ts'
import { wake } from '../../src/wakes.ts'
import { openWorld, WEBHOOK_SECRET, type World } from '../support/world.ts'
import { openReceiver, type Receiver } from './support.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

let receiver: Receiver
let world: World
beforeAll(async () => {
  receiver = openReceiver()
  world = await openWorld({
    unproven: 'it writes down what is wrong by hand',
    env: {
      ALERT_WEBHOOK_URL: receiver.url,
      ALERT_WEBHOOK_SECRET: WEBHOOK_SECRET,
      DUPLICATE_PAYMENTS: 'hold',
    },
  })
})
afterAll(async () => {
  await world.close()
  await receiver.close()
})
beforeEach(() => {
  receiver.received.length = 0
  receiver.behaviour.answer = () => new Response('ok')
})

/** Long enough after that for whatever is wrong to be told, and never within a minute of what was told before. */
async function aWhileLater() {
  await world.bridge.watch()
  world.advance(2 * MINUTE_MS)
  await world.bridge.watch()
  await hurry()
}
/** The queue goes by the database's clock, which is not moved on: what is put off is brought forward. */
const hurry = () => wake(world.bridge.deps, 'notify', [OUTBOX], 'operator')
const billNowhere = () => world.bill(10_000, { customer: world.addCustomer({ country: 'KP' }) })
const isInTrouble = ({ state }: { state: string }) => state === 'attention'
const told = (type: string) => receiver.ofType(type).map(({ body }) => body)

describe('what is wrong', () => {
  test('is told once, signed, with where to look, and its end is told once', async () => {
    const invoice = billNowhere()
    await world.eventually(invoice.lago_id, isInTrouble)
    await aWhileLater()
    await receiver.until(() => receiver.received.length > 0)
    for (let round = 0; round < 3; round += 1) await aWhileLater()
    await world.quiet()

    expect(receiver.received).toHaveLength(1)
    const [one] = receiver.received
    const headers = Object.fromEntries(one?.headers ?? [])
    expect(() => new Webhook(WEBHOOK_SECRET).verify(one?.text ?? '', headers)).not.toThrow()
    expect(one?.text).not.toContain('Blue Fern')
    expect(headers['webhook-id']).toMatch(/^ntf_[0-9a-f]{32}$/)
    expect(one?.body).toMatchObject({
      type: 'invoice.attention',
      text: expect.stringContaining(`■ ${invoice.number} needs attention: Dodo does not serve`),
      data: {
        lagoInvoiceId: invoice.lago_id,
        reasonCode: 'country_not_served',
        amount: 10_000,
        currency: 'USD',
        mode: 'test',
        url: `http://bridge.test/dashboard/invoices/${invoice.lago_id}`,
        docs: 'docs/operations.md#country-not-served',
      },
    })

    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
    await aWhileLater()
    await receiver.until(() => told('invoice.attention_ended').length > 0)
    await aWhileLater()
    await world.quiet()

    expect(receiver.received).toHaveLength(2)
    expect(told('invoice.attention_ended')[0]).toMatchObject({
      text: expect.stringMatching(/^● over since .*needs attention/),
      data: { lagoInvoiceId: invoice.lago_id },
    })
  })

  test('is told to nobody when it is over within a minute', async () => {
    const invoice = billNowhere()
    await world.eventually(invoice.lago_id, isInTrouble)
    await world.bridge.watch()
    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
    await aWhileLater()
    await world.quiet()

    expect(receiver.received).toEqual([])
  })

  test('is told once by three replicas that look at the same time', async () => {
    const invoice = billNowhere()
    await world.eventually(invoice.lago_id, isInTrouble)
    await world.bridge.watch()
    world.advance(2 * MINUTE_MS)

    const looked = await Promise.all(
      [1, 2, 3].map(() => watchOnce(world.bridge.deps, { isForced: true })),
    )
    await receiver.until(() => receiver.received.length > 0)
    await world.quiet()

    expect(looked).toContain(true)
    expect(told('invoice.attention')).toHaveLength(1)
    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
    await aWhileLater()
  })

  test('as money that was paid twice is told with how much is held', async () => {
    await world.quiet()
    world.advance(2 * MINUTE_MS)
    receiver.received.length = 0
    const invoice = world.bill(5_000)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    const other = await world.follow(report.payUrl)
    world.dodo.pay(sessionId)
    world.dodo.pay(other)
    await world.eventually(invoice.lago_id, isInTrouble)
    await aWhileLater()
    await receiver.until(() => told('money.held').length + told('money.duplicate').length === 2)

    expect(told('money.held')[0]).toMatchObject({
      text: expect.stringContaining('50.00 USD of payment pay_'),
      data: { disposition: 'duplicate', amount: 5_000, currency: 'USD' },
    })
    expect(told('money.duplicate')[0]?.data).toMatchObject({ handling: 'hold' })
    const [payment] = told('money.held')
    world.dodo.refund(String(payment?.data['dodoPaymentId']))
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    await aWhileLater()
    await receiver.until(() => told('money.released').length === 1)
    await aWhileLater()
    await world.quiet()
    expect(told('money.duplicate')).toHaveLength(1)
  })
})

describe('a receiver that does not take it', () => {
  test('is asked again with the same id until it does, and follows nobody elsewhere', async () => {
    world.advance(2 * MINUTE_MS)
    let tries = 0
    const elsewhere = openReceiver()
    receiver.behaviour.answer = () => {
      tries += 1
      if (tries === 1) return Response.redirect(elsewhere.url, 307)
      return new Response('no', { status: tries === 2 ? 500 : 200 })
    }
    const invoice = billNowhere()
    await world.eventually(invoice.lago_id, isInTrouble)
    await aWhileLater()
    for (let wanted = 1; wanted <= 3; wanted += 1) {
      await hurry()
      await receiver.until(() => tries >= wanted)
      await world.quiet()
    }
    await hurry()
    await world.quiet()

    expect(tries).toBe(3)

    const ids = receiver.received.map(({ headers }) => headers.get('webhook-id'))
    expect(new Set(ids).size).toBe(1)
    expect(elsewhere.received).toEqual([])
    await elsewhere.close()
  })

  test('for a day leaves a dead letter, and is told when that is run again', async () => {
    world.advance(2 * MINUTE_MS)
    receiver.behaviour.answer = () => new Response('gone', { status: 410 })
    const id = 'ntf_stale'
    const at = new Date(Date.now() - 48 * HOUR_MS)
    await world.bridge.db.execute(sql`
      insert into notifications (id, type, subject, occasion, at, queued_at, text, data, state)
      values (${id}, 'sweep.late', 'sweep', 'stale', ${at.toISOString()}::timestamptz,
        ${at.toISOString()}::timestamptz, 'late', '{}', 'waiting')`)
    await hurry()
    await receiver.until(() => told('sweep.late').length === 1)
    await world.quiet()

    const dead = await world.bridge.db.execute(sql`select kind, key, error from dead_letters`)
    expect([...dead]).toEqual([{ kind: 'notify', key: id, error: 'it answered 410: gone' }])

    receiver.behaviour.answer = () => new Response('ok')
    await redrive(world.bridge.deps, {}, { who: 'a test', role: 'admin' })
    await receiver.until(() => told('sweep.late').length === 2)
  })
})

test('many things at once are told as one', async () => {
  await world.quiet()
  world.advance(2 * MINUTE_MS)
  receiver.received.length = 0
  const invoices = Array.from({ length: 25 }, () => world.bill(10))
  for (const { lago_id } of invoices) await world.eventually(lago_id, isInTrouble)
  await aWhileLater()
  await receiver.until(() => receiver.received.length > 0)
  await world.quiet()

  expect(receiver.received).toHaveLength(1)
  expect(receiver.received[0]?.body).toMatchObject({
    type: 'digest',
    text: expect.stringContaining('25 × invoice.attention'),
    data: { count: expect.any(Number), items: expect.any(Array) },
  })
})

test('webhooks that are refused again and again are told, with whose they are', async () => {
  world.advance(2 * MINUTE_MS)
  for (let time = 0; time < 12; time += 1)
    await world.get('/webhooks/dodo', { method: 'POST', body: '{}' })
  await aWhileLater()
  await receiver.until(() => told('webhooks.refused').length === 1)

  expect(told('webhooks.refused')[0]).toMatchObject({
    text: expect.stringContaining('12 webhooks to /webhooks/dodo were refused'),
    data: { source: 'dodo', count: 12, docs: 'docs/operations.md#bridgewebhooksrefused' },
  })
})

test('a webhook that never came is told of; one that was only under way is not', async () => {
  world.advance(2 * HOUR_MS)
  receiver.received.length = 0
  const invoice = world.bill(3_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  await world.inSilence(() => world.dodo.pay(sessionId))
  const { deps } = world.bridge
  const findings = await world.sweep()
  const arrived = {
    receivableId: invoice.lago_id,
    what: `invoice ${invoice.number} was not known`,
    about: { kind: 'invoice' as const, id: invoice.lago_id },
  }
  await noteSweep(deps, { findings: [...findings, arrived] }, { isFirst: false })
  await aWhileLater()
  await receiver.until(() => told('webhooks.lost').length === 1)

  expect(told('webhooks.lost')[0]?.data).toMatchObject({ dodo: 1 })
  expect(told('webhooks.lost')[0]?.data).not.toHaveProperty('lago')
})

test('webhooks that never came are told of once an hour, and of none nothing is said', async () => {
  world.advance(2 * HOUR_MS)
  receiver.received.length = 0
  const lose = (id: string) =>
    noteSweep(
      world.bridge.deps,
      {
        findings: [{ about: { kind: 'invoice', id } }],
      },
      { isFirst: false },
    )
  for (const id of ['lost-1', 'lost-2', 'lost-3']) {
    await lose(id)
    await aWhileLater()
  }
  await receiver.until(() => told('webhooks.lost').length === 1)

  world.advance(HOUR_MS)
  await aWhileLater()
  await receiver.until(() => told('webhooks.lost').length === 2)
  world.advance(2 * HOUR_MS)
  await aWhileLater()

  expect(told('webhooks.lost').map(({ data }) => data)).toMatchObject([{ lago: 1 }, { lago: 2 }])
})
