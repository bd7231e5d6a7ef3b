import { describe, expect, test } from 'bun:test'

import pino from 'pino'

import { openBridge } from '../../src/bridge.ts'
import { withMandate } from '../support/mandates.ts'
import { isCall, tap } from '../support/tap.ts'
import { openWorld, type Report, type World } from '../support/world.ts'

const AUTOMATIC = { env: { COLLECTION: 'automatic' } }
const CHARGE = ['POST', /^\/subscriptions\/[^/]+\/charge$/] as const
const isPaid = ({ state }: Report) => state === 'paid'

/** Another bridge on the same database, which works nothing by itself. */
function openOther(world: World) {
  const { config, now } = world.bridge.deps
  return openBridge(config, {
    log: pino({ level: 'silent' }),
    now,
    fetch: (input, init) => {
      const request = new Request(input instanceof URL ? input.href : (input as string), init)
      const isLago = new URL(request.url).host === 'lago.test'
      return (isLago ? world.lago : world.dodo).fetch(request)
    },
  })
}

type Sort = readonly ['lago' | 'dodo', string, RegExp]

/** Keeps the answer of the next look of one sort, and the first call of another, until each is let go. */
function holdLookAndCall(world: World, look: Sort, make: Sort) {
  const [looked, called] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const [lookEnds, callBegins] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let looks = 0
  let calls = 0
  tap(world, look[0], async (request, go) => {
    if (looks > 0 || !isCall(request, look[1], look[2])) return go()
    looks += 1
    const answer = await go()
    looked.resolve()
    await lookEnds.promise
    return answer
  })
  tap(world, make[0], async (request, go) => {
    if (!isCall(request, make[1], make[2])) return go()
    calls += 1
    called.resolve()
    if (calls === 1) await callBegins.promise
    return go()
  })
  const { promise: isLooked } = looked
  const { promise: isCalled } = called
  const { resolve: endLook } = lookEnds
  const { resolve: beginCall } = callBegins
  return { isLooked, isCalled, endLook, beginCall, calls: () => calls }
}

/** A replica that was cut off after its look goes on while another one, which took over, makes the call. */
async function overtake(
  world: World,
  held: ReturnType<typeof holdLookAndCall>,
  lagoInvoiceId: string,
  first: () => Promise<unknown> = () => world.quiet(),
) {
  const other = await openOther(world)
  await held.isLooked
  const settled = other.settle(lagoInvoiceId, { cause: 'operator' }).catch(() => undefined)
  await held.isCalled
  held.endLook()
  await first()
  held.beginCall()
  await settled
  await other.close()
  world.advance(130_000)
  await world.sweep()
  await world.quiet()
}

describe('of two replicas that have the same in hand one makes the call:', () => {
  test('of the credit note for a refund', async () => {
    const world = await openWorld()
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    const held = holdLookAndCall(
      world,
      ['lago', 'POST', /\/credit_notes\/estimate$/],
      ['lago', 'POST', /\/credit_notes$/],
    )

    world.dodo.refund(payment.payment_id, 2_000)
    await overtake(world, held, invoice.lago_id)

    expect(held.calls()).toBe(1)
    expect(world.notesOf(invoice.lago_id).map((one) => one.refund_status)).toEqual(['succeeded'])
    await world.close()
  })

  test('of the payment of an invoice', async () => {
    const world = await openWorld()
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()
    const invoices = /\/api\/v1\/invoices\/[^/]+$/
    const payments = /\/api\/v1\/payments$/
    // What Lago shows of the invoice tells that it holds no payment.
    const held = holdLookAndCall(world, ['lago', 'GET', invoices], ['lago', 'POST', payments])

    world.dodo.pay(sessionId)
    await overtake(world, held, invoice.lago_id)

    expect(held.calls()).toBe(1)
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([5_000])
    await world.eventually(invoice.lago_id, isPaid)
    await world.close()
  })

  test('of the payment of an invoice that was paid in part', async () => {
    const world = await openWorld()
    const invoice = world.bill(5_000)
    world.lago.recordManualPayment(invoice.lago_id, { amountCents: 1_000, reference: 'bank' })
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await world.quiet()
    const payments = /\/api\/v1\/payments$/
    // Both have looked for it in vain.
    const held = holdLookAndCall(world, ['lago', 'GET', payments], ['lago', 'POST', payments])

    world.dodo.pay(sessionId)
    await overtake(world, held, invoice.lago_id)

    expect(held.calls()).toBe(1)
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([1_000, 4_000])
    await world.eventually(invoice.lago_id, isPaid)
    await world.close()
  })

  test('of a charge that was begun and not made', async () => {
    const world = await openWorld({ ...AUTOMATIC, dueMs: 60_000 })
    const { customer } = await withMandate(world)
    const [method, path] = CHARGE
    world.dodo.faults.add({
      kind: 'status',
      status: 503,
      times: 1,
      match: { method, path: '/charge$' },
    })
    const invoice = world.bill(7_000, { customer })
    await world.eventually(invoice.lago_id, ({ attempts }) => attempts[0]?.status === 'unknown')
    await world.quiet()
    world.advance(21_000)
    const held = holdLookAndCall(world, ['dodo', 'GET', /^\/payments$/], ['dodo', method, path])

    const first = world.bridge.settle(invoice.lago_id, { cause: 'operator' }).catch(() => undefined)
    await overtake(world, held, invoice.lago_id, () => first)

    expect(held.calls()).toBe(1)
    await world.eventually(invoice.lago_id, isPaid)
    await world.close()
  })
})
