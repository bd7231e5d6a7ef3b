import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { refundOrders, refunds } from '../../src/db/schema.ts'
import { isCall, tap } from '../support/tap.ts'
import { openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const isPaid = ({ state }: Report) => state === 'paid'

async function payInvoice(world: World) {
  const invoice = world.bill(10_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  await world.quiet()
  return { id: invoice.lago_id, paymentId: payment.payment_id }
}

const wantBack = (world: World, id: string, refundAmountCents: number) =>
  world.lago.createCreditNote({ invoiceId: id, refundAmountCents })

const amountsOf = (world: World, paymentId: string) =>
  world.refundsOf(paymentId).map(({ amount }) => amount)

async function answered(world: World, id: string) {
  await world.eventually(id, () =>
    world.notesOf(id).every(({ refund_status }) => refund_status !== 'pending'),
  )
  await world.quiet()
}

describe('a refund that carries out a credit note', () => {
  const shared = shareWorld()

  test('and never reached Dodo is not taken for made because the merchant refunded something else', async () => {
    const { world } = shared
    const { id, paymentId } = await payInvoice(world)
    world.dodo.faults.add({ kind: 'drop', times: 1, match: { method: 'POST', path: '/refunds$' } })
    const note = wantBack(world, id, 2_000)
    await world.quiet()
    expect(amountsOf(world, paymentId)).toEqual([])

    await world.inSilence(() => world.dodo.refund(paymentId, 1_000))
    world.advance(MINUTE_MS)
    await world.sweep()
    await answered(world, id)

    expect(amountsOf(world, paymentId)).toEqual([1_000, 2_000])
    expect(note.refund_status).toBe('succeeded')
  })

  test('and gave back less than it was asked for is followed by the rest, and not counted twice', async () => {
    const { world } = shared
    const { id, paymentId } = await payInvoice(world)
    const stop = tap(world, 'dodo', async (request, go) => {
      if (!isCall(request, 'POST', /^\/refunds$/)) return go()
      stop()
      const body = (await request.json()) as { items: { amount: number }[] }
      const items = body.items.map((one) => ({ ...one, amount: 1_200 }))
      const { url, method, headers } = request
      const init = { method, headers, body: JSON.stringify({ ...body, items }) }
      return world.dodo.fetch(new Request(url, init))
    })

    const note = wantBack(world, id, 2_000)
    await answered(world, id)

    expect(amountsOf(world, paymentId)).toEqual([1_200, 800])
    expect(note.refund_status).toBe('succeeded')
  })

  test('and that the merchant makes in Dodo in the same moment is made once', async () => {
    const { world } = shared
    const { id, paymentId } = await payInvoice(world)
    let looks = 0
    const stop = tap(world, 'dodo', async (request, go) => {
      if (!isCall(request, 'GET', /^\/payments\/pay_/)) return go()
      looks += 1
      // The first look is what it is decided on.
      if (looks !== 2) return go()
      stop()
      await world.inSilence(() => {
        const { refund_id } = world.dodo.refund(paymentId, 2_000)
        world.dodo.settleRefund(refund_id, 'succeeded')
      })
      return go()
    })

    const note = wantBack(world, id, 2_000)
    await answered(world, id)

    expect(looks).toBe(2)
    expect(amountsOf(world, paymentId)).toEqual([2_000])
    expect(note.refund_status).toBe('succeeded')
  })

  test('and of which Dodo says that nothing is left, where it shows that all is, is refused, and not asked for again', async () => {
    const { world } = shared
    const { id, paymentId } = await payInvoice(world)
    let asked = 0
    const stop = tap(world, 'dodo', (request, go) => {
      if (!isCall(request, 'POST', /^\/refunds$/)) return go()
      asked += 1
      return Promise.resolve(Response.json({ code: 'NOTHING_TO_REFUND' }, { status: 422 }))
    })

    const note = wantBack(world, id, 2_000)
    await answered(world, id)
    stop()

    expect(asked).toBe(1)
    expect(note.refund_status).toBe('failed')
    expect(amountsOf(world, paymentId)).toEqual([])
  })

  test('and that Dodo is too busy for is as if it had never been asked for, and soon asked for again', async () => {
    const { world } = shared
    const { id, paymentId } = await payInvoice(world)
    const stop = tap(world, 'dodo', (request, go) => {
      if (!isCall(request, 'POST', /^\/refunds$/)) return go()
      stop()
      const code = 'EXISTING_REFUND_REQUEST_PROCESSING'
      return Promise.resolve(Response.json({ code }, { status: 409 }))
    })
    wantBack(world, id, 2_000)
    await world.quiet()
    expect(amountsOf(world, paymentId)).toEqual([])

    world.advance(16_000)
    await answered(world, id)

    expect(amountsOf(world, paymentId)).toEqual([2_000])
  })
})

test('a credit note whose refund failed before the ledger was lost is carried out, and not told as failed', async () => {
  const world = await openWorld({ unproven: 'its ledger is lost' })
  const { id, paymentId } = await payInvoice(world)
  world.dodo.behaviour.refunds = 'hold'
  const note = wantBack(world, id, 2_000)
  await world.eventually(id, (report) => report.refunds[0]?.status === 'pending')
  await world.quiet()
  const [lost] = world.refundsOf(paymentId)
  await world.inSilence(() => world.dodo.settleRefund(lost?.refund_id ?? '', 'failed'))
  const { db } = world.bridge
  await db.delete(refundOrders).where(eq(refundOrders.dodoPaymentId, paymentId))
  await db.delete(refunds).where(eq(refunds.dodoPaymentId, paymentId))
  world.dodo.behaviour.refunds = 'succeed'

  await world.sweep()
  await answered(world, id)

  expect(world.refundsOf(paymentId).map(({ status }) => status)).toEqual(['failed', 'succeeded'])
  expect(note.refund_status).toBe('succeeded')
  await world.close()
})
