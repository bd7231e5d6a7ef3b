import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { openWorld, type Report, type World } from '../support/world.ts'

const HOUR_MS = 3_600_000
const isPaid = ({ state }: Report) => state === 'paid'

describe('while every webhook is lost, the sweep alone', () => {
  let world: World
  beforeAll(async () => {
    // Longer than the days that pass below: the schedule is kept by a clock, and not by the sweep.
    world = await openWorld({ env: { RETRY_SCHEDULE: '30d' } })
    world.lago.courier.switches.lose = true
    world.dodo.courier.switches.lose = true
  })
  afterAll(() => world.close())

  const openBySweep = async (amountCents = 5_000) => {
    const invoice = world.bill(amountCents)
    await world.sweep()
    return { invoice, ...(await world.openCheckout(invoice.lago_id)) }
  }

  /** What is put off for a moment may be found once more; what is found for ever is a fault. */
  const untilNothingIsFound = async () => {
    for (let sweeps = 0; sweeps < 5; sweeps += 1) {
      const found = await world.sweep()
      await world.quiet()
      if (found.length === 0) return
    }
    throw new Error('the sweep does not come to rest')
  }

  test('collects, records, refunds', async () => {
    const { invoice, sessionId } = await openBySweep()
    const payment = world.dodo.pay(sessionId)
    await world.sweep()
    await world.eventually(invoice.lago_id, isPaid)
    expect(invoice.total_paid_amount_cents).toBe(5_000)

    world.dodo.refund(payment.payment_id, 1_234)
    await world.dodo.idle()
    await world.sweep()
    await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)
  })

  test('notices a decline, and that the merchant was paid otherwise', async () => {
    const declined = await openBySweep()
    world.dodo.decline(declined.sessionId, 'GENERIC_DECLINE')
    const manual = await openBySweep()
    world.lago.recordManualPayment(manual.invoice.lago_id, {
      amountCents: 5_000,
      reference: 'bank',
    })

    await world.sweep()

    await world.eventually(declined.invoice.lago_id, ({ state }) => state === 'failed')
    await world.eventually(manual.invoice.lago_id, isPaid)
    const report = await world.invoiceReport(manual.invoice.lago_id)
    expect(report?.attempts[0]?.status).toBe('superseded')
  })

  test('notices a void, and closes the pay link', async () => {
    const { invoice } = await openBySweep()
    world.lago.voidInvoice(invoice.lago_id)

    await world.sweep()

    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
  })

  test('follows a bank transfer to its end, days later', async () => {
    const { invoice, sessionId } = await openBySweep()
    const payment = world.dodo.pay(sessionId, { outcome: 'processing' })
    await world.sweep()
    await world.eventually(invoice.lago_id, ({ state }) => state === 'processing')

    for (let day = 0; day < 4; day += 1) {
      world.advance(24 * HOUR_MS)
      await world.sweep()
    }
    world.dodo.settlePayment(payment.payment_id, 'succeeded')
    world.advance(2 * HOUR_MS)
    await world.sweep()

    await world.eventually(invoice.lago_id, isPaid)
    expect((await world.invoiceReport(invoice.lago_id))?.attempts).toHaveLength(1)
  })

  test('finds nothing, and does nothing, when there is nothing to do', async () => {
    await untilNothingIsFound()
    const before = world.requests.filter(({ method }) => method !== 'GET').length

    const found = await world.sweep()
    await world.quiet()

    expect(found).toEqual([])
    const sent = world.requests.filter(({ method }) => method !== 'GET').slice(before)
    expect(sent.map(({ method, url }) => `${method} ${url}`)).toEqual([])
  })

  test('notices that an invoice was made void after it was paid, however long ago', async () => {
    const { invoice, sessionId } = await openBySweep()
    world.dodo.pay(sessionId)
    await world.sweep()
    await world.eventually(invoice.lago_id, isPaid)
    world.advance(40 * 24 * HOUR_MS)
    world.lago.voidInvoice(invoice.lago_id)

    await world.sweep()

    const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
    expect(report).toMatchObject({ reasonCode: 'void_after_paid' })
  })
})
