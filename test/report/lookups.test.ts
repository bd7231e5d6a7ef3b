import { describe, expect, test } from 'bun:test'

import { listAttention } from '../../src/report/attention.ts'
import { shareWorld, type World } from '../support/world.ts'
import { collect, explained, openBundle } from './support.ts'

const attention = async ({ bridge: { deps } }: World) => {
  const lines: string[] = []
  const exitCode = await listAttention(deps, (line) => lines.push(line))
  return { exitCode, text: lines.join('\n') }
}

describe('explain, of an id as Dodo reports it,', () => {
  const shared = shareWorld()

  test('tells the invoice of a payment, a refund, a dispute and a checkout', async () => {
    const { world } = shared
    const { invoice, payment, sessionId } = await collect(world, 10_000)
    const { refund_id } = world.dodo.refund(payment.payment_id, 2_500)
    const { dispute_id } = world.dodo.openDispute(payment.payment_id)
    await world.eventually(invoice.lago_id, ({ refunds, disputes }) =>
      Boolean(refunds[0] && disputes[0]),
    )

    for (const [id, what] of [
      [payment.payment_id, `Payment ${payment.payment_id}: succeeded, 100.00 USD`],
      [refund_id, `Refund ${refund_id}: succeeded, of Payment ${payment.payment_id}`],
      [dispute_id, `Dispute ${dispute_id}: dispute_opened (dispute), of Payment`],
      [sessionId, `Checkout ${sessionId}: attempt 1, paid`],
    ] as const) {
      const { exitCode, text } = await explained(world, id)

      expect(exitCode).toBe(0)
      expect(text).toStartWith(what)
      expect(text).toContain(`Invoice ${invoice.number}`)
      expect(text).toContain('Next: ')
    }
  })

  test('tells each invoice of a payment for several', async () => {
    const { world } = shared
    const { invoices, sessionId } = await openBundle(world, [1_000, 2_000, 3_000])
    const { payment_id } = world.dodo.pay(sessionId)
    for (const { lago_id } of invoices)
      await world.eventually(lago_id, ({ state }) => state === 'paid')

    const { text } = await explained(world, payment_id)

    for (const { number } of invoices) expect(text).toContain(`Invoice ${number}`)
  })

  test('says of a payment that only Dodo has whose it is', async () => {
    const { world } = shared
    const invoice = world.bill(3_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const { payment_id } = await world.inSilence(() => world.dodo.pay(sessionId))

    const { exitCode, text } = await explained(world, payment_id)

    expect(exitCode).toBe(0)
    expect(text).toContain(`for invoice ${invoice.number}; the bridge has not seen it yet`)
  })

  test.each(['pay_404', 'ref_404', 'dp_404', 'cks_404'])('ends with 1 for %s', async (id) => {
    expect(await explained(shared.world, id)).toEqual({
      exitCode: 1,
      text: `Neither the bridge nor Dodo knows ${id}.`,
    })
  })
})

describe('attention', () => {
  const shared = shareWorld()

  test('is 0 as long as nobody need do anything', async () => {
    const { world } = shared
    await collect(world, 1_000)

    expect(await attention(world)).toEqual({ exitCode: 0, text: 'Nothing needs attention.' })
  })

  test('is 1 with each invoice, its customer and the reason', async () => {
    const { world } = shared
    const customer = world.addCustomer({ country: 'KP' })
    const invoice = world.bill(1_000, { customer })
    await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')

    const { exitCode, text } = await attention(world)

    expect(exitCode).toBe(1)
    expect(text).toStartWith('1 thing that a person must look at:')
    expect(text).toMatch(
      new RegExp(`${invoice.number} +${customer.external_id} +Dodo does not serve`),
    )
  })
})
