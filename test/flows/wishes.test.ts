import { describe, expect, test } from 'bun:test'
import { and, eq } from 'drizzle-orm'
import { createHmac } from 'node:crypto'

import { deliveries } from '../../src/db/schema.ts'
import { adoptSchedule } from '../../src/collect/clock.ts'
import { isCall, tap } from '../support/tap.ts'
import { HMAC_KEY, shareWorld, type Report, type World } from '../support/world.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const AUTOMATIC = { env: { COLLECTION: 'automatic', RETRY_SCHEDULE: '2d,3d' } }
const isPaid = ({ state }: Report) => state === 'paid'
const isFailed = ({ state }: Report) => state === 'failed'

/** A customer whose saved card has no money left, and an invoice that was declined for that. */
async function declined(world: World) {
  const customer = world.addCustomer()
  const first = world.bill(5_000, { customer })
  const { report } = await world.openCheckout(first.lago_id)
  world.dodo.pay(await world.follow(report.payUrl))
  await world.eventually(first.lago_id, isPaid)
  await world.quiet()
  const mandate = (await world.customerReport(customer.external_id))?.mandates.at(-1)
  world.dodo.setCard(mandate?.dodoSubscriptionId ?? '', 'INSUFFICIENT_FUNDS')
  const invoice = world.bill(7_000, { customer })
  const { payUrl } = await world.eventually(invoice.lago_id, isFailed)
  await world.quiet()
  const charges = () =>
    [...world.dodo.store.payments.values()].filter(
      ({ metadata }) => metadata['lago_invoice_id'] === invoice.lago_id,
    ).length
  return { customer, invoice, payUrl, charges, mandate: mandate?.dodoSubscriptionId ?? '' }
}

const linesOf = async (world: World, lagoInvoiceId: string) =>
  ((await world.invoiceReport(lagoInvoiceId))?.timeline ?? []).map(({ what }) => what)

/** A delivery of Lago about the invoice, as somebody may have captured it. */
async function capture(world: World, lagoInvoiceId: string, eventType: string) {
  const [row] = await world.bridge.db
    .select()
    .from(deliveries)
    .where(and(eq(deliveries.wakesKey, lagoInvoiceId), eq(deliveries.eventType, eventType)))
  return row?.body.toString() ?? ''
}

const deliver = (world: World, body: string) =>
  world.get('/webhooks/lago', {
    method: 'POST',
    body,
    headers: {
      'Content-Type': 'application/json',
      'X-Lago-Signature': createHmac('sha256', HMAC_KEY).update(body).digest('base64'),
      'X-Lago-Signature-Algorithm': 'hmac',
      'X-Lago-Unique-Key': crypto.randomUUID(),
    },
  })

describe('the merchant’s Retry', () => {
  const shared = shareWorld(AUTOMATIC)

  test('charges once, however often the invoice is looked at before it is at rest', async () => {
    const { world } = shared
    const { invoice, charges } = await declined(world)
    let spoiled = 0
    let isCharged = false
    const untap = tap(world, 'dodo', async (request, go) => {
      if (isCall(request, 'POST', /\/charge$/)) isCharged = true
      const isLook = isCall(request, 'GET', /^\/payments\/[^/]+$/)
      if (!isLook || !isCharged || spoiled >= 2) return go()
      isCharged = false
      spoiled += 1
      return Response.json({ code: 'TOO_MANY' }, { status: 429, headers: { 'Retry-After': '1' } })
    })

    world.lago.pressRetry(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ attempts, state }) => {
      return attempts.length === 2 && attempts[1]?.status === 'declined' && state === 'failed'
    })
    await Bun.sleep(2_500)
    await world.quiet()
    untap()

    expect(charges()).toBe(2)
  })

  test('counts once an hour, whoever repeats it under whatever key, and says so', async () => {
    const { world } = shared
    const { invoice, charges } = await declined(world)
    world.lago.pressRetry(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ attempts }) => attempts[1]?.status === 'declined')
    await world.quiet()
    const body = await capture(world, invoice.lago_id, 'invoice.payment_failure')

    for (let time = 0; time < 5; time += 1) await deliver(world, body)
    await world.quiet()

    expect(charges()).toBe(2)
    const said = (await linesOf(world, invoice.lago_id)).filter((what) => /not counted/.test(what))
    expect(said).toEqual(['Retry pressed again within the hour: not counted'])
  })

  test('begins no more attempts in a month than the schedule has', async () => {
    const { world } = shared
    const { invoice, charges } = await declined(world)
    world.lago.pressRetry(invoice.lago_id)
    await world.quiet()
    const body = await capture(world, invoice.lago_id, 'invoice.payment_failure')

    for (let time = 0; time < 4; time += 1) {
      world.advance(61 * 60_000)
      await deliver(world, body)
      await world.quiet()
    }

    expect(charges()).toBe(3)
    expect((await linesOf(world, invoice.lago_id)).join()).toContain('as many as the schedule has')
  })
})

describe('the retry schedule of an invoice', () => {
  const shared = shareWorld(AUTOMATIC)

  test('goes on after a payment request that nobody paid', async () => {
    const { world } = shared
    const { customer, invoice, mandate } = await declined(world)
    world.lago.markOverdue(invoice.lago_id)
    world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: [invoice.lago_id],
    })
    await world.eventually(invoice.lago_id, ({ attempts }) => attempts[1]?.status === 'live')
    world.dodo.setCard(mandate)

    world.advance(25 * HOUR_MS)
    await world.sweep()
    await world.eventually(invoice.lago_id, ({ attempts, state }) => {
      return attempts[1]?.status === 'expired' && state === 'failed'
    })
    world.advance(DAY_MS)

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(report.attempts.map(({ kind, cause }) => `${kind} ${cause}`)).toEqual([
      'charge invoice',
      'mandate merchant',
      'charge retry',
    ])
  })

  test('goes on after a link that was opened, be it by a mail scanner', async () => {
    const { world } = shared
    const { invoice, payUrl, mandate, charges } = await declined(world)
    for (let time = 0; time < 3; time += 1) expect((await world.visit(payUrl)).status).toBe(200)
    expect(await world.press(payUrl)).toStartWith('cks_')
    world.dodo.setCard(mandate)

    world.advance(23 * HOUR_MS)
    await world.quiet()
    expect(charges()).toBe(1)
    world.advance(26 * HOUR_MS)

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(report.attempts.map(({ kind, status }) => `${kind} ${status}`)).toEqual([
      'charge declined',
      'mandate expired',
      'charge paid',
    ])
  })

  test('that the merchant makes another is shown at once', async () => {
    const { world } = shared
    const { invoice } = await declined(world)
    const before = await world.invoiceReport(invoice.lago_id)
    const { deps } = world.bridge
    const { retryScheduleMs } = deps.config
    Object.assign(deps.config, { retryScheduleMs: [DAY_MS] })

    await adoptSchedule(deps)

    // A day earlier than by the schedule before.
    const next = new Date(Date.parse(before?.nextWakeAt ?? '') - DAY_MS).toISOString()
    const isNext = ({ nextWakeAt }: Report) => nextWakeAt === next
    expect((await world.eventually(invoice.lago_id, isNext)).reason).toContain(next)
    Object.assign(deps.config, { retryScheduleMs })
  })
})
