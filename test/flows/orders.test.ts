import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { eq } from 'drizzle-orm'
import pino from 'pino'

import { dismiss } from '../../src/billers/lago/dismiss.ts'
import { planTelling, tellOne } from '../../src/billers/orders/tellings.ts'
import type { OrderSource, Told } from '../../src/billers/orders/source.ts'
import { createOpenfrontSource } from '../../src/billers/openfront/source.ts'
import { wakeDue } from '../../src/collect/clock.ts'
import { findHeldMoney, ruleOnHeldMoney } from '../../src/operate/held-money.ts'
import { explain } from '../../src/report/explain.ts'
import { tellings } from '../../src/db/schema.ts'
import { isCall, tap } from '../support/tap.ts'
import { ADMIN_TOKEN, openWorld, type World } from '../support/world.ts'

const KEY = 'ofk_0123456789abcdef'
const FRESH_MS = 2_100
const DAY_MS = 24 * 3_600_000

type Body = Record<string, unknown>

let world: World
beforeAll(async () => {
  world = await openWorld({ env: { OPENFRONT_API_KEYS: `demo:${KEY}`, VOID_PAYMENTS: 'hold' } })
})
afterAll(() => world.close())

async function call(route: string, fields: Body) {
  const response = await world.get(`/api/${route}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ provider: { credentials: { apiKey: KEY } }, ...fields }),
  })
  return { status: response.status, body: (await response.json()) as Body }
}

async function create(id: string, amount: number) {
  const { body } = await call('create-payment', { cart: { id }, amount, currency: 'usd' })
  return body as { paymentId: string; checkoutUrl: string; status: string }
}

async function report(orderId: string): Promise<Body> {
  const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
  return (await (await world.get(`/api/orders/${orderId}`, { headers })).json()) as Body
}

const status = async (paymentId: string) =>
  (await call('get-payment-status', { paymentId })).body['status']

/** A cart that asked for another amount before the old one was paid all the same. */
async function paidLate() {
  const cartId = `cm${crypto.randomUUID()}`
  const first = await create(cartId, 2_599)
  const sessionId = await world.follow(first.checkoutUrl)
  const second = await create(cartId, 3_599)
  const payment = world.dodo.pay(sessionId)
  await world.quiet()
  return { cartId, first, second, payment }
}

describe('an order that was superseded and paid late', () => {
  test('is shown as held money, and never as captured', async () => {
    const { first } = await paidLate()
    world.advance(FRESH_MS)

    expect(await status(first.paymentId)).toBe('pending')
    expect(await report(first.paymentId)).toMatchObject({
      state: 'attention',
      reasonCode: 'held_late',
    })
  })

  test('is current again when the cart asks for its amount, and is captured', async () => {
    const { cartId, first, second, payment } = await paidLate()

    const again = await create(cartId, 2_599)
    await world.quiet()

    expect(again).toMatchObject({ paymentId: first.paymentId, status: 'captured' })
    expect(await status(first.paymentId)).toBe('captured')
    expect(await report(first.paymentId)).toMatchObject({
      state: 'paid',
      claimed: true,
      payments: [{ dodoPaymentId: payment.payment_id, disposition: 'applied' }],
    })
    expect(await report(second.paymentId)).toMatchObject({ state: 'superseded' })
    expect(world.refundsOf(payment.payment_id)).toHaveLength(0)
  })

  test('is shown no more once a person accepts it, and again when they think otherwise', async () => {
    const { first } = await paidLate()
    const { deps } = world.bridge
    const write = () => undefined

    expect(await dismiss(deps, first.paymentId, { isUndo: false, write })).toBe(0)
    await world.quiet()
    expect(await report(first.paymentId)).toMatchObject({ state: 'superseded' })
    expect(await dismiss(deps, first.paymentId, { isUndo: true, write })).toBe(0)
    await world.quiet()
    expect(await report(first.paymentId)).toMatchObject({ reasonCode: 'held_late' })
  })

  test.each([
    [
      'settled otherwise',
      (orderId: string, dodoPaymentId: string) =>
        ruleOnHeldMoney(
          world.bridge.deps,
          { receivableId: orderId, dodoPaymentId },
          { ruling: 'accepted', who: 'Ana' },
        ),
    ],
    [
      'put aside',
      (orderId: string) =>
        dismiss(world.bridge.deps, orderId, { isUndo: false, write: () => undefined }),
    ],
  ])('stays superseded once its money is %s: a new one is asked for', async (_how, settle) => {
    const { cartId, first, payment } = await paidLate()
    await settle(first.paymentId, payment.payment_id)
    await world.quiet()

    const again = await create(cartId, 2_599)

    expect(again).toMatchObject({ status: 'pending' })
    expect(again.paymentId).not.toBe(first.paymentId)
    world.dodo.refund(payment.payment_id)
    await world.quiet()
  })

  test('stays superseded when its money has been asked back for, though it is still here', async () => {
    const { cartId, first, payment } = await paidLate()
    const isLook = new RegExp(`/payments/${payment.payment_id}$`)
    const { promise: isReleased, resolve: release } = Promise.withResolvers<void>()
    const { promise: isHeld, resolve: hold } = Promise.withResolvers<void>()
    const untap = tap(world, 'dodo', async (request, go) => {
      if (!isCall(request, 'GET', isLook)) return go()
      hold()
      await isReleased
      return go()
    })
    const refund = () => call('refund-payment', { paymentId: payment.payment_id, amount: 2_599 })
    const asked = refund()
    await isHeld

    const again = await create(cartId, 2_599)
    untap()
    release()

    expect(again.paymentId).not.toBe(first.paymentId)
    expect(again.status).toBe('pending')
    await asked
    expect((await refund()).body).toMatchObject({ success: true, refundedAmount: 2_599 })
    expect(world.refundsOf(payment.payment_id)).toHaveLength(1)
    expect(await report(first.paymentId)).toMatchObject({ state: 'superseded', claimed: false })
  })

  test('stays superseded once its money went back: a new one is asked for', async () => {
    const { cartId, first, payment } = await paidLate()
    world.dodo.refund(payment.payment_id)
    await world.quiet()

    const again = await create(cartId, 2_599)

    expect(again).toMatchObject({ status: 'pending' })
    expect(again.paymentId).not.toBe(first.paymentId)
  })
})

describe('money that is held for an order because nobody can explain it', () => {
  test('is given back on the word of a person', async () => {
    const { deps } = world.bridge
    const order = await create(`cm${crypto.randomUUID()}`, 2_599)
    const sessionId = await world.follow(order.checkoutUrl)
    const close = tap(world, 'dodo', async (request, pass) => {
      const response = await pass()
      if (!isCall(request, 'GET', /^\/payments\/pay_/)) return response
      return Response.json({ ...((await response.json()) as Body), total_amount: 2_500 })
    })
    const { payment_id } = world.dodo.pay(sessionId)
    await world.quiet()
    close()
    const [held] = await findHeldMoney(deps.db, order.paymentId)
    expect(await report(order.paymentId)).toMatchObject({ reasonCode: 'held_mismatch' })

    const word = { ruling: 'give_back', who: 'Ana' } as const
    await ruleOnHeldMoney(deps, { receivableId: order.paymentId, dodoPaymentId: payment_id }, word)
    await world.quiet()

    expect(held).toMatchObject({ amount: 2_500 })
    expect(world.refundsOf(payment_id)).toHaveLength(1)
  })
})

test('money that was paid before the cart asked for another amount, which nobody pays, is shown a day later, and pays what it paid when that is asked for', async () => {
  const cartId = `cm${crypto.randomUUID()}`
  const first = await create(cartId, 2_599)
  const payment = world.dodo.pay(await world.follow(first.checkoutUrl))
  await world.quiet()
  expect(await report(first.paymentId)).toMatchObject({ state: 'paid', claimed: false })
  const second = await create(cartId, 3_599)
  await world.quiet()

  world.advance(DAY_MS + 60_000)
  await wakeDue(world.bridge.deps)
  await world.quiet()

  expect(await report(first.paymentId)).toMatchObject({
    state: 'attention',
    reasonCode: 'held_late',
    payments: [{ dodoPaymentId: payment.payment_id, disposition: 'late' }],
  })
  expect(await create(cartId, 2_599)).toMatchObject({
    paymentId: first.paymentId,
    status: 'captured',
  })
  expect(await status(first.paymentId)).toBe('captured')
  await world.quiet()
  expect(await report(second.paymentId)).toMatchObject({ state: 'superseded' })
  expect(world.refundsOf(payment.payment_id)).toEqual([])
})

test('of two amounts that were both paid, the one that the shop is told of stays, and the other goes back', async () => {
  const cartId = `cm${crypto.randomUUID()}`
  const first = await create(cartId, 2_599)
  const kept = world.dodo.pay(await world.follow(first.checkoutUrl))
  await world.quiet()
  const second = await create(cartId, 3_599)
  const other = world.dodo.pay(await world.follow(second.checkoutUrl))
  await world.quiet()
  await create(cartId, 2_599)
  expect(world.refundsOf(other.payment_id)).toHaveLength(0)

  expect(await status(first.paymentId)).toBe('captured')
  await world.quiet()

  expect(world.refundsOf(other.payment_id)).toHaveLength(1)
  expect(world.refundsOf(kept.payment_id)).toHaveLength(0)
  expect(await report(second.paymentId)).toMatchObject({ payments: [{ disposition: 'duplicate' }] })
})

describe('explain', () => {
  const explained = async (id: string, source?: string) => {
    const lines: string[] = []
    const exitCode = await explain(world.bridge.deps, id, (line) => lines.push(line), { source })
    return { exitCode, text: lines.join('\n') }
  }

  test('finds an order by its id, by its cart, and by its payment', async () => {
    const { cartId, first, second, payment } = await paidLate()

    const byId = await explained(first.paymentId)
    const byCart = await explained(cartId, 'openfront')
    const byPayment = await explained(payment.payment_id)

    expect(byId.exitCode).toBe(0)
    expect(byId.text).toContain(`Order ${first.paymentId} of openfront`)
    expect(byId.text).toContain('attention (held_late)')
    expect(byCart.text).toContain(first.paymentId)
    expect(byCart.text).toContain(second.paymentId)
    expect(byPayment.text).toContain(`Order ${first.paymentId} of openfront`)
    expect(byPayment.text).not.toContain(second.paymentId)
  })

  test('tells of money in another currency in that one, also of what went back of it', async () => {
    const { paymentId, checkoutUrl } = await create(`cm${crypto.randomUUID()}`, 2_599)
    const session = await world.follow(checkoutUrl)
    const close = tap(world, 'dodo', async (request, pass) => {
      const response = await pass()
      if (!isCall(request, 'GET', /^\/payments\/pay_/)) return response
      const body = (await response.json()) as { refunds: Body[] }
      const refunds = body.refunds.map((one) => ({ ...one, currency: 'JPY' }))
      return Response.json({ ...body, refunds, currency: 'JPY' })
    })
    const { payment_id } = world.dodo.pay(session)
    await world.quiet()
    world.dodo.refund(payment_id)
    await world.quiet()
    close()

    const { text } = await explained(paymentId)

    expect(text).toMatch(/ref_\S+ +succeeded +2599 JPY +of pay_/)
    expect(await report(paymentId)).toMatchObject({ refunds: [{ amount: 2_599, currency: 'JPY' }] })
  })

  test('says so when no order of that source is known', async () => {
    const { exitCode, text } = await explained('nobody', 'openfront')
    expect({ exitCode, text }).toEqual({
      exitCode: 1,
      text: 'The bridge knows no order nobody of openfront.',
    })
  })

  test('an order is no invoice', async () => {
    const { paymentId } = await create(`cm${crypto.randomUUID()}`, 1_099)
    const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
    expect((await world.get(`/api/invoices/${paymentId}`, { headers })).status).toBe(404)
    expect((await world.get(`/api/orders/${paymentId}`, { headers })).status).toBe(200)
  })
})

describe('what somebody is to be told of an order', () => {
  const silent = pino({ level: 'silent' })

  async function plan(tell: () => Promise<Told>) {
    const { paymentId } = await create(`cm${crypto.randomUUID()}`, 1_099)
    const { deps } = world.bridge
    const at = world.bridge.deps.now()
    const told = {
      orderId: paymentId,
      what: 'payment.captured',
      at,
      dueAt: new Date(at.getTime() + DAY_MS),
    }
    await planTelling(deps.db, told)
    await planTelling(deps.db, told)
    const rows = await deps.db.select().from(tellings).where(eq(tellings.orderId, paymentId))
    const [row] = rows
    if (!row) throw new Error('nothing was planned')
    await deps.db.update(tellings).set({ nextTryAt: at }).where(eq(tellings.id, row.id))
    const source: OrderSource = {
      ...createOpenfrontSource({ stores: [], completeAfterMs: 0, takesRefunds: true }),
      tell,
    }
    return {
      paymentId,
      planned: rows.length,
      tell: () => tellOne({ ...deps, log: silent }, [source], row.id),
    }
  }

  test('is told once, however often it is planned, and shown with the order', async () => {
    let calls = 0
    const { paymentId, planned, tell } = await plan(async () => {
      calls += 1
      return { is: 'done' }
    })

    await tell()
    await tell()

    expect({ planned, calls }).toEqual({ planned: 1, calls: 1 })
    expect(await report(paymentId)).toMatchObject({
      told: [{ what: 'payment.captured', status: 'done', attempts: 1 }],
    })
  })

  test('is written down as tried before anything leaves, and waits for the next try when it fails', async () => {
    let seen: Body | undefined
    const { paymentId, tell } = await plan(async () => {
      seen = await report(paymentId)
      throw new Error('nobody answered')
    })

    await tell()
    await tell()

    expect(seen).toMatchObject({ told: [{ status: 'waiting', attempts: 1 }] })
    expect(await report(paymentId)).toMatchObject({ told: [{ status: 'waiting', attempts: 1 }] })
  })

  test('that will never be taken puts the order before a person', async () => {
    const { paymentId, tell } = await plan(async () => ({ is: 'failed', why: 'the shop refuses' }))

    await tell()
    await world.quiet()

    expect(await report(paymentId)).toMatchObject({
      state: 'attention',
      reasonCode: 'untold',
      reason: 'payment.captured was not told: the shop refuses',
      told: [{ status: 'failed' }],
    })
  })
})
