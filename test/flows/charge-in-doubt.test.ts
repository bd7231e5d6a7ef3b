import { describe, expect, test } from 'bun:test'

import { chargesSent, withMandate } from '../support/mandates.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const AUTOMATIC = { env: { COLLECTION: 'automatic', RETRY_SCHEDULE: '1d' } }
/** By then it is certain that a charge which Dodo answered with 503 was not made. */
const CERTAIN_MS = 21_000
const DAY_MS = 24 * 3_600_000
const isPaid = ({ state }: Report) => state === 'paid'

/** The next charge is answered with 503, and not carried out. */
const spoilNextCharge = (world: World) =>
  world.dodo.faults.add({
    kind: 'status',
    status: 503,
    times: 1,
    match: { method: 'POST', path: '/charge$' },
  })

async function billInDoubt(world: World, customer: { external_id: string }) {
  spoilNextCharge(world)
  const invoice = world.bill(7_000, { customer })
  await world.eventually(invoice.lago_id, ({ attempts }) => attempts[0]?.status === 'unknown')
  await world.quiet()
  return invoice
}

async function settleDown(world: World) {
  world.advance(CERTAIN_MS)
  await world.sweep()
  await world.quiet()
}

describe('a charge that was begun and not made', () => {
  test('is not made once the invoice is void', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    const invoice = await billInDoubt(world, customer)
    const before = chargesSent(world).length

    world.lago.voidInvoice(invoice.lago_id)
    await world.quiet()
    await settleDown(world)

    expect(chargesSent(world)).toHaveLength(before)
    expect(await world.invoiceReport(invoice.lago_id)).toMatchObject({
      state: 'void',
      attempts: [{ status: 'superseded' }],
    })
    await world.close()
  })

  test('is over once another sum is due, which another one is made for', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    const invoice = await billInDoubt(world, customer)

    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 3_000, reference: 'bank' })
    await world.quiet()
    await settleDown(world)

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(report.attempts).toMatchObject([
      { number: 1, status: 'superseded' },
      { number: 2, status: 'paid' },
    ])
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([3_000, 4_000])
    await world.close()
  })

  test('is not taken for the one before it, which was declined', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    world.dodo.behaviour.charges = 'INSUFFICIENT_FUNDS'
    const invoice = world.bill(7_000, { customer })
    await world.eventually(invoice.lago_id, ({ attempts }) => attempts[0]?.status === 'declined')
    await world.quiet()
    world.dodo.behaviour.charges = 'succeed'
    spoilNextCharge(world)
    world.advance(DAY_MS)
    await world.sweep()
    await world.eventually(invoice.lago_id, ({ attempts }) => attempts[1]?.status === 'unknown')
    await world.quiet()

    await settleDown(world)

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(report.attempts.map(({ status }) => status)).toEqual(['declined', 'paid'])
    expect(report.payments).toHaveLength(2)
    await world.close()
  })

  test('is not taken for that of another invoice on the same card', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    const other = world.bill(7_000, { customer })
    await world.eventually(other.lago_id, isPaid)
    await world.quiet()
    const invoice = await billInDoubt(world, customer)

    await settleDown(world)

    const reports = [other, invoice].map(({ lago_id }) => world.eventually(lago_id, isPaid))
    const [first, second] = await Promise.all(reports)
    expect(first?.payments).toHaveLength(1)
    expect(second?.payments).toHaveLength(1)
    expect(second?.payments[0]?.dodoPaymentId).not.toBe(first?.payments[0]?.dodoPaymentId)
    await world.close()
  })
})
