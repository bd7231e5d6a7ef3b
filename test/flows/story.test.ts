import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { openWorld, type World } from '../support/world.ts'

describe('the story of an invoice', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld({ env: { RETRY_SCHEDULE: '1d' } })
    world.lago.createCustomer({
      external_id: 'acct_1',
      name: 'Blue Fern',
      email: 'ap@fern.example, cc@fern.example',
      country: 'US',
      currency: 'USD',
    })
  })
  afterAll(() => world.close())

  const newInvoice = (amountCents: number) =>
    world.lago.createInvoice({
      externalCustomerId: 'acct_1',
      fees: [{ amountCents }],
      taxes: [{ rate: 20 }],
    })

  test('a finalised invoice gets a checkout for exactly what is due, is paid, and a part of it is refunded', async () => {
    const invoice = newInvoice(10_000)
    const open = await world.eventually(
      invoice.lago_id,
      ({ attempts }) => attempts[0]?.status === 'live',
    )
    const visit = await world.visit(open.payUrl)
    expect(visit.status).toBe(302)
    const sessionId = open.attempts[0]?.dodoSessionId ?? ''
    const payment = world.dodo.pay(sessionId)
    expect(payment.total_amount).toBe(12_000)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    expect((await world.visit(open.payUrl)).status).toBe(200)

    world.dodo.refund(payment.payment_id, 3_333)
    const refunded = await world.eventually(
      invoice.lago_id,
      ({ refunds }) => !!refunds[0]?.lagoCreditNoteId,
    )
    expect(refunded.state).toBe('paid')
  })

  test('a declined payment is failed in Lago, and the retry opens a new attempt', async () => {
    const invoice = newInvoice(5_000)
    const open = await world.eventually(
      invoice.lago_id,
      ({ attempts }) => attempts[0]?.status === 'live',
    )
    world.dodo.decline(open.attempts[0]?.dodoSessionId ?? '', 'INSUFFICIENT_FUNDS')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    world.advance(25 * 3_600_000)
    const again = await world.eventually(
      invoice.lago_id,
      ({ attempts }) => attempts[1]?.status === 'live',
    )
    world.dodo.pay(again.attempts[1]?.dodoSessionId ?? '')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  })
})
