import { afterEach, beforeEach, describe, expect, test } from 'bun:test'

import type { FaultRule } from '../../sandbox/kit/faults.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const isPaid = ({ state }: Report) => state === 'paid'

/** The answer never arrives, or is a 500; what was asked for has been done all the same. */
const LOST = [
  ['is lost', { kind: 'after_drop', times: 1 }],
  ['is a 500', { kind: 'after_status', status: 500, times: 1 }],
] as const satisfies readonly (readonly [string, FaultRule])[]

/** A proxy says this, while what stands behind it may still be at work. */
const GATEWAY = [['is a 502', { kind: 'after_status', status: 502, times: 1 }]] as const

describe('when the answer to a write', () => {
  let world: World
  beforeEach(async () => {
    world = await openWorld()
  })
  afterEach(() => world.close())

  const spoil = (service: 'lago' | 'dodo', rule: FaultRule, method: string, path: string) =>
    world[service].faults.add({ ...rule, match: { method, path } })
  const payInvoice = async (amountCents = 5_000) => {
    const invoice = world.bill(amountCents)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    return { invoice, payment: world.dodo.pay(sessionId) }
  }

  test.each([...LOST, ...GATEWAY])('%s, a payment is recorded once', async (_how, rule) => {
    spoil('lago', rule, 'POST', '/api/v1/payments')

    const { invoice, payment } = await payInvoice()

    await world.eventually(invoice.lago_id, isPaid)
    await world.sweep()
    await world.quiet()
    expect(world.lago.store.payments.map(({ reference }) => reference)).toEqual([
      payment.payment_id,
    ])
    expect(invoice.total_paid_amount_cents).toBe(5_000)
    expect(world.sent('POST', /\/payments$/)).toHaveLength(1)
  })

  test.each(LOST)('%s, a part of an invoice is credited once', async (_how, rule) => {
    const { invoice, payment } = await payInvoice()
    await world.eventually(invoice.lago_id, isPaid)
    spoil('lago', rule, 'POST', '/api/v1/credit_notes$')

    world.dodo.refund(payment.payment_id, 2_000)

    await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)
    await world.quiet()
    const notes = [...world.lago.store.creditNotes.values()]
    expect(notes.map(({ refund_amount_cents }) => refund_amount_cents)).toEqual([2_000])
  })

  test.each(LOST)('%s, one customer is created', async (_how, rule) => {
    spoil('dodo', rule, 'POST', '/customers')

    await world.openCheckout(world.bill(5_000).lago_id)

    expect(world.dodo.store.customers.size).toBe(1)
  })

  test.each(LOST)('%s, one product is created', async (_how, rule) => {
    spoil('dodo', rule, 'POST', '/products')

    await world.openCheckout(world.bill(5_000).lago_id)

    expect(world.dodo.store.products.size).toBe(1)
  })

  test.each(LOST)('%s, only one checkout is ever handed out, under one key', async (_how, rule) => {
    spoil('dodo', rule, 'POST', '/checkouts$')

    const invoice = world.bill(5_000)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)

    expect(report.attempts).toHaveLength(1)
    const visit = await world.visit(report.payUrl)
    expect(visit.headers.get('location')).toBe(`http://dodo.test/session/${sessionId}`)
    const keys = world
      .sent('POST', /^\/checkouts$/)
      .map(({ headers }) => headers.get('idempotency-key'))
    expect(new Set(keys)).toEqual(new Set([`lago-inv-${invoice.lago_id}`]))
  })

  test('comes from a Dodo that honours the key, there is one checkout', async () => {
    const honest = await openWorld({ dodo: { honoursIdempotencyKey: true } })
    honest.dodo.faults.add({
      ...LOST[0][1],
      match: { method: 'POST', path: '/checkouts$' },
    })

    await honest.openCheckout(honest.bill(5_000).lago_id)

    expect(honest.dodo.store.sessions.size).toBe(1)
    await honest.close()
  })

  test.each(LOST)('%s, a status in Lago is as it should be', async (_how, rule) => {
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()
    spoil('lago', rule, 'PUT', `/api/v1/invoices/${invoice.lago_id}`)

    world.dodo.decline(sessionId, 'GENERIC_DECLINE')

    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    expect(invoice.payment_status).toBe('failed')
  })

  test('is lost and nothing was done, a payment is recorded as soon as that is certain', async () => {
    spoil('lago', { kind: 'drop', times: 1 }, 'POST', '/api/v1/payments')
    const { invoice } = await payInvoice()
    await world.eventually(invoice.lago_id, ({ payments }) => payments[0]?.status === 'succeeded')
    await world.quiet()
    expect(world.lago.store.payments).toHaveLength(0)

    world.advance(MINUTE_MS)
    await world.sweep()

    await world.eventually(invoice.lago_id, isPaid)
    expect(world.lago.store.payments).toHaveLength(1)
  })
})

describe('a bad hour', () => {
  test('of errors, delays and lost answers on both sides ends with every invoice right', async () => {
    const world = await openWorld()
    for (const { faults } of [world.lago, world.dodo]) {
      faults.add({ kind: 'after_drop', probability: 0.1 })
      faults.add({ kind: 'after_status', status: 500, probability: 0.1 })
      faults.add({ kind: 'status', status: 503, probability: 0.1 })
      faults.add({ kind: 'delay', ms: 100, probability: 0.1 })
    }
    for (const { switches } of [world.lago.courier, world.dodo.courier]) {
      Object.assign(switches, { double: true, reorder: true })
    }
    const customer = world.addCustomer()
    const invoices = Array.from({ length: 12 }, (_, index) =>
      world.bill(1_000 + index, { customer }),
    )
    await Bun.sleep(4_000)
    const payLive = async () => {
      for (const { lago_id, payment_status } of invoices) {
        const report =
          payment_status === 'succeeded' ? undefined : await world.invoiceReport(lago_id)
        const live = report?.attempts.find(({ status }) => status === 'live')
        if (live?.dodoSessionId && report?.payments.length === 0) world.dodo.pay(live.dodoSessionId)
      }
    }
    await payLive()
    await Bun.sleep(3_000)
    for (const { faults } of [world.lago, world.dodo]) faults.clear()

    for (let round = 0; round < 3; round += 1) {
      world.advance(MINUTE_MS)
      await world.sweep()
      await world.quiet()
      await payLive()
    }
    for (const { lago_id } of invoices) await world.eventually(lago_id, isPaid)

    const references = world.lago.store.payments.map(({ reference }) => reference)
    expect(new Set(references).size).toBe(references.length)
    expect(invoices.map((one) => one.total_paid_amount_cents)).toEqual(
      invoices.map((_, index) => 1_000 + index),
    )
    expect(world.dodo.store.customers.size).toBe(1)
    await world.close()
  })
})
