import { describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'

import { openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'
const isHeld = ({ state }: Report) => state === 'attention'
const isGivenBack = ({ refunds }: Report) => refunds.some(({ status }) => status === 'succeeded')

const IN_PARTS = { unproven: 'a person writes one payment down as several' }

/** Paid, with nobody told, and a hand that writes parts of it into Lago. */
async function payUnheard(world: World, referenceOf: (id: string, part: number) => string) {
  const invoice = world.bill(10_000)
  const { report } = await world.openCheckout(invoice.lago_id)
  const session = await world.follow(report.payUrl)
  const payment = await world.inSilence(() => world.dodo.pay(session))
  const write = (amountCents: number, part: number) => {
    const reference = referenceOf(payment.payment_id, part)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents, reference })
  }
  return { invoice, payment, write }
}

describe('the only payment of an invoice', () => {
  const shared = shareWorld()

  test('is recognised in what a person wrote down by hand, and stays where it is', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    const session = await world.follow(report.payUrl)
    const payment = await world.inSilence(() => {
      const paid = world.dodo.pay(session)
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 10_000, reference: 'Dodo' })
      return paid
    })

    await world.sweep()

    const paid = await world.eventually(
      invoice.lago_id,
      (now) => isPaid(now) && now.payments.length > 0,
    )
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect(paid.payments).toMatchObject([{ disposition: 'applied' }])
  })

  test.each<[string, (id: string, part: number) => string]>([
    ['under its id', (id) => id],
    ['under words that name it', (id, part) => `${id.toUpperCase()} ${part}/2`],
  ])('written down in two parts %s stays where it is', async (_how, referenceOf) => {
    const world = await openWorld(IN_PARTS)
    const { invoice, payment, write } = await payUnheard(world, referenceOf)
    write(4_000, 1)
    write(6_000, 2)

    await world.sweep()

    const paid = await world.eventually(
      invoice.lago_id,
      (now) => isPaid(now) && now.payments.length > 0,
    )
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect(paid.payments).toMatchObject([{ disposition: 'applied', recorded: 10_000 }])
    await world.close()
  })

  test('written down in a part, and the rest once the bridge has seen that, stays where it is', async () => {
    const world = await openWorld(IN_PARTS)
    const { invoice, payment, write } = await payUnheard(world, (id) => id)
    write(4_000, 1)
    await world.sweep()
    await world.eventually(invoice.lago_id, ({ payments }) => payments[0]?.recorded === 4_000)
    await world.quiet()

    write(6_000, 2)
    await world.sweep()

    const isWhole = ({ state, payments }: Report) =>
      state === 'paid' && payments[0]?.recorded === 10_000
    await world.eventually(invoice.lago_id, isWhole)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    await world.close()
  })

  test('beside a transfer of the same amount that came at the same time is not kept in silence', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    const session = await world.follow(report.payUrl)
    const payment = await world.inSilence(() => {
      const paid = world.dodo.pay(session)
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 10_000, reference: 'wire 81' })
      return paid
    })

    await world.sweep()

    const held = await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect(held.reason).toContain(`100.00 USD of payment ${payment.payment_id}`)
    expect(held.reason).toContain('if it was paid twice, give it back in Dodo')
  })

  test('less a fee, written down by hand, is held with words that send nobody to refund it', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    const session = await world.follow(report.payUrl)
    const payment = await world.inSilence(() => {
      const paid = world.dodo.pay(session)
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 9_560, reference: 'Dodo' })
      return paid
    })

    await world.sweep()

    const held = await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    expect(held.reason).toContain('95.60 USD')
    expect(held.reason).not.toContain('refund it in Dodo')
  })

  test('is held when clocks that differ could have put another before it', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    const session = await world.follow(report.payUrl)
    const paidAt = new Date(Date.now() - 4 * 60_000).toISOString()
    const payment = await world.inSilence(() => {
      world.lago.recordManualPayment(invoice.lago_id, {
        amountCents: 10_000,
        reference: 'bank',
        paidAt,
      })
      return world.dodo.pay(session)
    })
    await world.sweep()
    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })

  test('is held when it was written down by its day where clocks show half hours', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    const session = await world.follow(report.payUrl)
    const yesterday = new Date(Date.now() - 24 * 3_600_000).toISOString().slice(0, 10)
    const payment = await world.inSilence(() => {
      const paid = world.dodo.pay(session)
      world.lago.recordManualPayment(invoice.lago_id, {
        amountCents: 10_000,
        reference: 'Dodo',
        paidAt: `${yesterday}T18:30:00Z`,
      })
      return paid
    })

    await world.sweep()

    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })

  test.each([
    ['Dodo is five minutes ahead, and Lago five behind', { dodo: 5, lago: -5 }],
    ['Dodo is five minutes ahead, and the bridge five behind', { dodo: 10, lago: 0 }],
  ])('stays where it is when it was written down after it, and %s', async (_, ahead) => {
    const clockOf = (minutes: number) => () => new Date(Date.now() + minutes * 59_000)
    const world = await openWorld({
      dodo: { now: clockOf(ahead.dodo) },
      lago: { now: clockOf(ahead.lago) },
    })
    const invoice = world.bill(10_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    const session = await world.follow(report.payUrl)
    const payment = await world.inSilence(() => {
      const paid = world.dodo.pay(session)
      world.lago.recordManualPayment(invoice.lago_id, { amountCents: 10_000, reference: 'Dodo' })
      return paid
    })

    await world.sweep()

    await world.eventually(invoice.lago_id, isHeld)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
    await world.close()
  })

  test('is not the only one when Lago counted another long before it', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { report } = await world.openCheckout(invoice.lago_id)
    const session = await world.follow(report.payUrl)
    const paidAt = new Date(Date.now() - 47 * 60_000 - 13_000).toISOString()
    const payment = await world.inSilence(() => {
      world.lago.recordManualPayment(invoice.lago_id, {
        amountCents: 10_000,
        reference: 'bank',
        paidAt,
      })
      return world.dodo.pay(session)
    })

    await world.sweep()

    await world.eventually(invoice.lago_id, isGivenBack)
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([10_000])
  })
})

describe('the only payment of an invoice, after the ledger was lost,', () => {
  const shared = shareWorld({
    unproven: 'the ledger is lost with all that it told of earlier ones',
  })

  test('that Lago holds under its id is counted as such by a ledger that knows nothing of it', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    for (const table of ['shares', 'attempts', 'payments', 'recordings', 'receivables'])
      await world.bridge.db.execute(sql.raw(`delete from ${table}`))

    await world.sweep()

    const known = await world.eventually(invoice.lago_id, isPaid)
    expect(known.payments).toMatchObject([{ disposition: 'applied' }])
    expect(known.timeline.map(({ what }) => what).join()).not.toContain('held')
    world.dodo.refund(payment.payment_id, 3_000)
    await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)
    expect(world.notesOf(invoice.lago_id).map((note) => note.refund_amount_cents)).toEqual([3_000])
  })

  test('of which a lost ledger knows no checkout is counted as soon as it is recorded in Lago', async () => {
    const { world } = shared
    const invoice = world.bill(10_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = await world.inSilence(() => world.dodo.pay(sessionId))
    for (const table of ['shares', 'attempts', 'receivables'])
      await world.bridge.db.execute(sql.raw(`delete from ${table}`))
    await world.sweep()
    const held = await world.eventually(invoice.lago_id, isHeld)
    expect(held.reason).toContain(`under the reference ${payment.payment_id}`)
    expect(held.reason).not.toContain('refund')

    await world.inSilence(() =>
      world.lago.recordManualPayment(invoice.lago_id, {
        amountCents: 10_000,
        reference: payment.payment_id,
      }),
    )
    await world.sweep()

    await world.eventually(invoice.lago_id, isPaid)
  })
})
