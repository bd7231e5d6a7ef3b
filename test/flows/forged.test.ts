import { describe, expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'

import { isCall, tap } from '../support/tap.ts'
import { openWorld, shareWorld, WEBHOOK_SECRET, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'

/** What somebody who knows the secret, and nothing else, can tell us. */
async function forge(world: World, type: string, data: object) {
  await tell(world, type, data)
  await world.quiet()
}

async function tell(world: World, type: string, data: object) {
  const body = JSON.stringify({ business_id: 'bus_1', type, timestamp: new Date(), data })
  const id = `msg_${crypto.randomUUID()}`
  const at = new Date()
  const headers = {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(WEBHOOK_SECRET).sign(id, at, body),
  }
  const { status } = await world.get('/webhooks/dodo', { method: 'POST', headers, body })
  expect(status).toBe(200)
}

describe('the word of a webhook alone', () => {
  const shared = shareWorld()

  test('makes no credit note of a refund that Dodo does not know', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    const refund = {
      payload_type: 'Refund',
      refund_id: 'ref_forged',
      payment_id: payment.payment_id,
      status: 'succeeded',
      amount: 10_000,
      currency: 'USD',
      created_at: new Date(),
    }

    await forge(world, 'refund.succeeded', refund)
    await forge(world, 'payment.succeeded', {
      ...payment,
      payload_type: 'Payment',
      refunds: [refund],
      disputes: [
        {
          dispute_id: 'dp_forged',
          payment_id: payment.payment_id,
          amount: '10000',
          currency: 'USD',
          dispute_status: 'dispute_lost',
          dispute_stage: 'dispute',
          created_at: new Date(),
        },
      ],
    })

    expect(world.notesOf(invoice.lago_id)).toEqual([])
    const report = await world.invoiceReport(invoice.lago_id)
    expect(report).toMatchObject({ state: 'paid', refunds: [], disputes: [] })
  })

  test('changes nothing about a payment that Dodo has told of itself', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId, { outcome: 'processing' })
    await world.eventually(invoice.lago_id, ({ state }) => state === 'processing')
    await world.quiet()

    await forge(world, 'payment.failed', {
      ...payment,
      payload_type: 'Payment',
      status: 'failed',
      error_code: 'STOLEN_CARD',
    })

    const report = await world.invoiceReport(invoice.lago_id)
    expect(report?.state).toBe('processing')
    world.dodo.settlePayment(payment.payment_id, 'succeeded')
    await world.eventually(invoice.lago_id, isPaid)
    await forge(world, 'payment.succeeded', {
      ...payment,
      payload_type: 'Payment',
      status: 'succeeded',
      total_amount: 99_000,
    })
    const paid = await world.invoiceReport(invoice.lago_id)
    expect(paid).toMatchObject({ state: 'paid', payments: [{ amount: 10_000 }] })
  })

  test.each([
    ['a NUL', { error_code: 'a\0b' }],
    ['a moment of the year 0', { created_at: '0000-01-01T00:00:00Z' }],
    ['a session of a NUL', { checkout_session_id: 'cks_\0' }],
  ])(
    'holds nothing up where it is of %s, which no database holds: Dodo is asked',
    async (_what, said) => {
      const { world } = shared
      const invoice = world.bill(10_000)
      const { sessionId } = await world.openCheckout(invoice.lago_id)
      const payment = await world.inSilence(() => world.dodo.pay(sessionId))

      const told = { ...payment, payload_type: 'Payment', ...said }
      await forge(world, 'payment.succeeded', told)

      await world.eventually(invoice.lago_id, isPaid)
    },
  )

  test('that a payment request is an invoice takes none along that was told meanwhile', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const { lago_id } = world.bill(4_000, { customer })
    await world.openCheckout(lago_id)
    world.lago.markOverdue(lago_id)
    const { external_id: externalCustomerId } = customer
    const asked = world.lago.requestPayment({ externalCustomerId, invoiceIds: [lago_id] })
    const { attempts } = await world.eventually(
      lago_id,
      ({ attempts: all }) =>
        all.at(-1)?.status === 'live' && all.at(-1)?.lagoPaymentRequestId !== null,
    )
    await world.quiet()
    const payment = await world.inSilence(() =>
      world.dodo.pay(attempts.at(-1)?.dodoSessionId ?? ''),
    )
    const paid = {
      ...payment,
      payload_type: 'Payment',
      metadata: { lago_invoice_id: asked.lago_id },
    }
    const isStored = async () =>
      (await world.bridge.db.query.deliveries.findFirst({
        where: (one, { eq: is }) => is(one.dodoPaymentId, payment.payment_id),
      })) !== undefined
    const close = tap(world, 'dodo', async (request, go) => {
      if (isCall(request, 'GET', /pay_other$/) && !(await isStored())) {
        await tell(world, 'payment.succeeded', paid)
      }
      return go()
    })

    // What is said of its refunds is asked for, which takes time.
    const refund = { refund_id: 'ref_1', payment_id: 'pay_other', status: 'pending' }
    const refunds = [{ ...refund, created_at: new Date() }]
    await forge(world, 'payment.failed', { ...paid, payment_id: 'pay_other', refunds })

    await world.eventually(lago_id, isPaid)
    close()
  })

  test('closes no pay link for longer than a minute', async () => {
    const world = await openWorld()
    const invoice = world.bill(10_000)
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()

    await forge(world, 'payment.succeeded', {
      payload_type: 'Payment',
      payment_id: 'pay_forged',
      status: 'succeeded',
      currency: 'USD',
      total_amount: 10_000,
      checkout_session_id: sessionId,
      metadata: { lago_invoice_id: invoice.lago_id },
      created_at: new Date(),
    })
    const told = await world.invoiceReport(invoice.lago_id)
    expect(told?.nextWakeAt).not.toBeNull()

    world.advance(61_000)

    expect(await world.follow(report.payUrl)).toBe(sessionId)
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    await world.close()
  })
})
