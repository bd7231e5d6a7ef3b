import { describe, expect, test } from 'bun:test'

import { chargesSent, mandateOf, withMandate } from '../support/mandates.ts'
import { isCall, tap, type Tap } from '../support/tap.ts'
import { shareWorld, type Report, type World } from '../support/world.ts'

const AUTOMATIC = { env: { COLLECTION: 'automatic', RETRY_SCHEDULE: '1d,2d' } }
const isPaid = ({ state }: Report) => state === 'paid'

/** Somebody who saved a card by paying one invoice while they stood at the checkouts of two others. */
async function standAtTwo(world: World) {
  const customer = world.addCustomer()
  const saving = world.bill(1_000, { customer })
  const invoices = [2_000, 3_000].map((amount) => world.bill(amount, { customer }))
  for (const { lago_id } of invoices) {
    const { report } = await world.openCheckout(lago_id)
    await world.visit(report.payUrl)
  }
  const { sessionId } = await world.openCheckout(saving.lago_id)
  world.dodo.pay(sessionId)
  await world.eventually(saving.lago_id, isPaid)
  await mandateOf(world, customer)
  await world.quiet()
  return { customer, invoices }
}

function request(world: World, { customer, invoices }: Owing) {
  for (const { lago_id } of invoices) world.lago.markOverdue(lago_id)
  return world.lago.requestPayment({
    externalCustomerId: customer.external_id,
    invoiceIds: invoices.map(({ lago_id }) => lago_id),
  })
}

type Owing = { customer: { external_id: string }; invoices: { lago_id: string }[] }

/** Keeps the first request of this sort waiting until it is let go. */
function hold(world: World, method: string, path: RegExp) {
  const came = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  let isFirst = true
  tap(world, 'dodo', async (call, go) => {
    if (isFirst && isCall(call, method, path)) {
      isFirst = false
      came.resolve()
      await gate.promise
    }
    return go()
  })
  return { came: came.promise, letGo: () => gate.resolve() }
}

describe('a payment request to somebody with a saved card', () => {
  const shared = shareWorld(AUTOMATIC)

  test('charges it for nothing, but asks for all in one checkout', async () => {
    const { world } = shared
    const owing = await standAtTwo(world)
    const { invoices } = owing

    request(world, owing)
    await world.quiet()

    expect(chargesSent(world)).toEqual([])
    const [first] = invoices
    const { attempts } = await world.eventually(
      first?.lago_id ?? '',
      (report) => report.attempts.at(-1)?.lagoPaymentRequestId !== null,
    )
    const payment = world.dodo.pay(attempts.at(-1)?.dodoSessionId ?? '')
    expect(payment.total_amount).toBe(5_000)
    for (const { lago_id } of invoices) await world.eventually(lago_id, isPaid)
    await world.quiet()
    expect(invoices.map(({ lago_id }) => world.paidIn(lago_id).length)).toEqual([1, 1])
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })
  test('waits for a charge of one of its invoices that began meanwhile, and asks for the rest', async () => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    world.dodo.behaviour.chargesOf = { [mandate]: 'INSUFFICIENT_FUNDS' }
    world.dodo.behaviour.declineHoldsMandate = false
    const [first, second] = [2_000, 3_000].map((amount) => world.bill(amount, { customer }))
    const invoices = [first, second].flatMap((one) => one ?? [])
    for (const { lago_id } of invoices)
      await world.eventually(lago_id, ({ state }) => state === 'failed')
    await world.quiet()
    world.dodo.behaviour.chargesOf = {}
    const preview = hold(world, 'POST', /\/checkouts\/preview$/)
    const charge = hold(world, 'POST', /\/charge$/)

    request(world, { customer, invoices })
    await preview.came
    world.lago.pressRetry(first?.lago_id ?? '')
    await charge.came
    const done: string[] = []
    const note =
      (what: string, method: string, path: RegExp): Tap =>
      (call, go) => {
        if (isCall(call, method, path)) done.push(what)
        return go()
      }
    tap(world, 'dodo', note('asked', 'POST', /^\/checkouts$/))
    tap(world, 'lago', note('looked', 'GET', /\/payment_requests\/[^/]+$/))
    preview.letGo()
    // Before anything is asked for, whatever comes after that.
    while (done.length === 0) await Bun.sleep(20)
    expect(done[0]).toBe('looked')
    charge.letGo()

    const { attempts } = await world.eventually(first?.lago_id ?? '', isPaid)
    expect(attempts.at(-1)).toMatchObject({ kind: 'charge', status: 'paid' })
    const { report } = await world.openCheckout(second?.lago_id ?? '', 2)
    expect(world.dodo.pay(await world.follow(report.payUrl)).total_amount).toBe(3_000)
    await world.eventually(second?.lago_id ?? '', isPaid)
  })
})
