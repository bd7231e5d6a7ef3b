import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { credits, refundOrders } from '../../src/db/schema.ts'
import { withMandate } from '../support/mandates.ts'
import { isCall, tap } from '../support/tap.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const isPaid = ({ state }: Report) => state === 'paid'
const lost = () => Promise.reject(Object.assign(new Error('reset'), { code: 'ECONNRESET' }))
const away = () => Response.json({ code: 'X' }, { status: 503 })

async function payInvoice(world: World) {
  const invoice = world.bill(10_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  await world.quiet()
  return { id: invoice.lago_id, paymentId: payment.payment_id }
}

/**
 * The first call of a sort is carried out, and another worker settles the invoice before its answer, which is lost;
 * from then on the service is away. Resolves once all of that has happened.
 */
function overtakeFirst(
  world: World,
  service: 'lago' | 'dodo',
  [method, path]: readonly [string, RegExp],
  meanwhile: () => Promise<unknown>,
) {
  const done = Promise.withResolvers<void>()
  let calls = 0
  let isAway = false
  const stop = tap(world, service, async (request, go) => {
    if (isAway) return away()
    if (!isCall(request, method, path)) return go()
    calls += 1
    const answer = await go()
    if (calls > 1) return answer
    await meanwhile()
    isAway = true
    done.resolve()
    return lost()
  })
  return { done: done.promise, stop, calls: () => calls }
}

describe('what another worker has found of a call stays, although its answer is lost after that:', () => {
  test('the refund that Dodo made', async () => {
    const world = await openWorld()
    const { id, paymentId } = await payInvoice(world)
    const settle = () => world.bridge.settle(id, { cause: 'operator' })
    const { done, stop, calls } = overtakeFirst(world, 'dodo', ['POST', /^\/refunds$/], settle)

    world.lago.createCreditNote({ invoiceId: id, refundAmountCents: 2_000 })
    await done
    await world.quiet()

    const isOfPayment = eq(refundOrders.dodoPaymentId, paymentId)
    const rows = await world.bridge.db.select().from(refundOrders).where(isOfPayment)
    expect(rows.map(({ status }) => status)).toEqual(['accepted'])
    stop()
    await world.sweep()
    await world.quiet()
    expect(calls()).toBe(1)
    await world.close()
  })

  test('the credit note that Lago holds', async () => {
    const world = await openWorld()
    const { id, paymentId } = await payInvoice(world)
    const settle = () => world.bridge.settle(id, { cause: 'operator' })
    const notes = ['POST', /\/credit_notes$/] as const
    const { done, stop, calls } = overtakeFirst(world, 'lago', notes, settle)

    world.dodo.refund(paymentId, 2_000)
    await done
    await world.quiet()

    const rows = await world.bridge.db.select().from(credits).where(eq(credits.receivableId, id))
    expect(rows.map(({ status }) => status)).toEqual(['credited'])
    stop()
    await world.sweep()
    await world.quiet()
    expect(calls()).toBe(1)
    await world.close()
  })

  test('the payment that a charge became', async () => {
    const world = await openWorld({ env: { COLLECTION: 'automatic' } })
    const { customer } = await withMandate(world)
    await world.quiet()
    world.dodo.behaviour.charges = 'hold'
    let id = ''
    const charge = ['POST', /^\/subscriptions\/[^/]+\/charge$/] as const
    const settle = () => world.bridge.settle(id, { cause: 'operator' })
    const { done, stop, calls } = overtakeFirst(world, 'dodo', charge, settle)

    id = world.bill(7_000, { customer }).lago_id
    await done
    await world.quiet()

    const report = await world.invoiceReport(id)
    expect(report?.attempts).toMatchObject([{ status: 'live' }])
    expect(report?.timeline.filter(({ what }) => / charged .* as pay_/.test(what))).toHaveLength(1)
    stop()
    expect(calls()).toBe(1)
    await world.close()
  })

  test('that the invoice is void, and its checkout over', async () => {
    const world = await openWorld()
    let id = ''
    const { done, stop } = overtakeFirst(world, 'dodo', ['POST', /^\/checkouts$/], async () => {
      world.lago.voidInvoice(id)
      await world.bridge.settle(id, { cause: 'operator' })
    })

    id = world.bill(7_000).lago_id
    await done
    await world.quiet()

    const report = await world.invoiceReport(id)
    expect(report?.attempts).toMatchObject([{ status: 'superseded' }])
    expect(report?.timeline.filter(({ what }) => what.includes('is superseded'))).toHaveLength(1)
    stop()
    await world.close()
  })
})

test('a refund that another worker finds while one looks for it in vain is not forgotten', async () => {
  const world = await openWorld()
  const { id, paymentId } = await payInvoice(world)
  const settle = () => world.bridge.settle(id, { cause: 'operator' })
  world.dodo.courier.switches.lose = true
  let calls = 0
  const stopAway = tap(world, 'dodo', async (request, go) => {
    if (isCall(request, 'GET', /^\/(payments|refunds)\//) && calls > 0) return away()
    if (!isCall(request, 'POST', /^\/refunds$/)) return go()
    calls += 1
    await go()
    return lost()
  })
  world.lago.createCreditNote({ invoiceId: id, refundAmountCents: 2_000 })
  await world.eventually(id, () => calls > 0)
  await world.quiet()
  stopAway()
  world.advance(2 * MINUTE_MS)

  let looks = 0
  tap(world, 'dodo', async (request, go) => {
    const answer = await go()
    if (!isCall(request, 'GET', /^\/payments\/pay_/)) return answer
    looks += 1
    if (looks > 1) return answer
    // Its answer is older than what the other one finds.
    await settle()
    return Response.json({ ...((await answer.json()) as object), refunds: [] })
  })
  await settle().catch(() => undefined)
  await world.quiet()

  const isOfPayment = eq(refundOrders.dodoPaymentId, paymentId)
  const rows = await world.bridge.db.select().from(refundOrders).where(isOfPayment)
  expect(rows.map(({ status }) => status)).toEqual(['accepted'])
  expect(calls).toBe(1)
  await world.close()
})
