import { describe, expect, test } from 'bun:test'
import { eq, isNull } from 'drizzle-orm'
import postgres from 'postgres'

import { deliveries, findings, recordings } from '../../src/db/schema.ts'
import { findHeldMoney, ruleOnHeldMoney } from '../../src/operate/held-money.ts'
import { stopCharging } from '../../src/operate/stop-charging.ts'
import { wake } from '../../src/wakes.ts'
import { chargesSent, withMandate } from '../support/mandates.ts'
import { isCall, tap } from '../support/tap.ts'
import { LAGO_KEY, openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const SECOND_MS = 1_000
const isPaid = ({ state }: Report) => state === 'paid'

async function payInvoice(world: World, cents: number) {
  const invoice = world.bill(cents)
  const { report, sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  await world.quiet()
  return { invoice, payment, payUrl: report.payUrl }
}

describe('a refund', () => {
  const shared = shareWorld()

  test('is asked for once although another worker has taken the job over from one that was held up', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world, 10_000)
    const held = Promise.withResolvers<void>()
    const go = Promise.withResolvers<void>()
    let isWanted = false
    let isHeld = false
    const closeLago = tap(world, 'lago', async (request, pass) => {
      const response = await pass()
      if (isCall(request, 'GET', /\/credit_notes\/[^/]+$/)) isWanted = true
      return response
    })
    const closeDodo = tap(world, 'dodo', async (request, pass) => {
      const response = await pass()
      if (!isWanted || isHeld || !isCall(request, 'GET', /^\/payments\/[^/]+$/)) return response
      isHeld = true
      held.resolve()
      await go.promise
      return response
    })

    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 3_000 })
    await held.promise
    await world.bridge.settle(invoice.lago_id, { cause: 'operator' })
    await world.dodo.idle()
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([3_000])
    go.resolve()
    await world.quiet()
    closeDodo()
    closeLago()

    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([3_000])
  })

  test('that is told while its payment is being read is read too, though the payment does not show it yet', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world, 10_000)
    const told = () =>
      world.bridge.db.query.deliveries.findMany({
        where: (one, { and: both, eq: is }) =>
          both(is(one.dodoPaymentId, payment.payment_id), is(one.eventType, 'refund.succeeded')),
      })
    let isFirst = true
    const closeDodo = tap(world, 'dodo', async (request, pass) => {
      if (!isCall(request, 'GET', /^\/payments\/[^/]+$/)) return pass()
      const shown = (await (await pass()).json()) as object
      if (isFirst) {
        isFirst = false
        world.dodo.refund(payment.payment_id, 2_000)
        while ((await told()).length < 2) await Bun.sleep(10)
      }
      return Response.json({ ...shown, refunds: [] })
    })

    world.dodo.refund(payment.payment_id, 1_000)

    await world.eventually(invoice.lago_id, ({ refunds }) => refunds.length === 2)
    await world.quiet()
    closeDodo()
    const noted = world.notesOf(invoice.lago_id).map((one) => one.refund_amount_cents)
    expect(new Set(noted)).toEqual(new Set([1_000, 2_000]))
    expect((await told()).every(({ processedAt }) => processedAt !== null)).toBe(true)
  })
})

test('a refund waits for who writes another one down in the same moment, and is not asked for beside it', async () => {
  const world = await openWorld({ unproven: 'what another worker writes is written by hand' })
  const { invoice, payment } = await payInvoice(world, 10_000)
  const sql = postgres(world.databaseUrl, { max: 1, onnotice: () => undefined })
  const isAsked = () => world.sent('POST', /^\/refunds$/).length > 0
  let looks = 0
  let writing: Promise<unknown> = Promise.resolve()
  tap(world, 'dodo', async (request, pass) => {
    const response = await pass()
    if (!isCall(request, 'GET', /^\/payments\/pay_/)) return response
    looks += 1
    // The first look is what it is decided on.
    if (looks !== 2) return response
    const isLocked = Promise.withResolvers<void>()
    writing = sql.begin(async (tx) => {
      await tx`select 1 from dodo_bridge.payments where dodo_payment_id = ${payment.payment_id} for update`
      isLocked.resolve()
      const waiting = () => tx<{ is: boolean }[]>`
        select exists (select 1 from pg_locks where not granted) as is`
      while (!isAsked() && !(await waiting())[0]?.is) await Bun.sleep(10)
      await tx`insert into dodo_bridge.refund_orders
        (dodo_payment_id, receivable_id, cause, status, amount, repeatable_at, ordered_at) values
        (${payment.payment_id}, ${invoice.lago_id}, 'credit note', 'accepted', 3000, now(), now())`
    })
    await isLocked.promise
    return response
  })

  world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 3_000 })
  await world.eventually(invoice.lago_id, () => looks > 1)
  await writing
  await world.quiet()

  expect(isAsked()).toBe(false)
  await sql.end()
  await world.close()
})

test('a payment that could not be recorded before its invoice was made void says nothing about the licence', async () => {
  const world = await openWorld()
  const invoice = world.bill(5_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  let isRefused = false
  tap(world, 'lago', async (request, pass) => {
    if (isRefused || !isCall(request, 'POST', /\/payments$/)) return pass()
    isRefused = true
    world.lago.voidInvoice(invoice.lago_id)
    return Response.json({}, { status: 503 })
  })
  world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, () => isRefused)
  world.advance(10 * SECOND_MS)

  await world.eventually(invoice.lago_id, (report) => {
    expect(report).toMatchObject({ state: 'attention', reasonCode: 'held_late' })
  })
  const licences = await world.bridge.db
    .select()
    .from(findings)
    .where(eq(findings.name, 'lago_license'))
  expect(licences).toEqual([])
  await world.close()
})

test('money that is held stays before a person although Dodo once did not know its payment', async () => {
  const world = await openWorld({ env: { DUPLICATE_PAYMENTS: 'hold' } })
  const invoice = world.bill(5_000)
  const { report, sessionId } = await world.openCheckout(invoice.lago_id)
  world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
  await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
  const other = await world.follow(report.payUrl)
  world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  const second = world.dodo.pay(other)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
  await world.quiet()
  let isLost = false
  tap(world, 'dodo', async (request, pass) => {
    const isRead = isCall(request, 'GET', new RegExp(`^/payments/${second.payment_id}$`))
    if (isLost || !isRead) return pass()
    isLost = true
    return Response.json({ code: 'NOT_FOUND' }, { status: 404 })
  })
  const { deps } = world.bridge
  await wake(deps, 'trace', [second.payment_id], 'operator')
  await world.quiet()
  expect(isLost).toBe(true)
  world.advance(120 * SECOND_MS)

  await world.bridge.settle(invoice.lago_id, { cause: 'operator' })

  expect(await world.invoiceReport(invoice.lago_id)).toMatchObject({
    state: 'attention',
    reasonCode: 'held_duplicate',
  })
  await world.close()
})

describe('what Dodo says of a payment', () => {
  const shared = shareWorld({ lago: { premium: false } })
  const setStatus = (world: World, lagoInvoiceId: string, payment_status: string) =>
    world.lago.fetch(
      new Request(`http://lago.test/api/v1/invoices/${lagoInvoiceId}`, {
        method: 'PUT',
        headers: { Authorization: `Bearer ${LAGO_KEY}`, 'Content-Type': 'application/json' },
        body: JSON.stringify({ invoice: { payment_status } }),
      }),
    )

  test('an invoice whose money all went back is not marked as paid again', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world, 5_000)
    world.dodo.refund(payment.payment_id, 5_000)
    await world.eventually(invoice.lago_id, ({ refunds }) => refunds[0]?.status === 'succeeded')
    await world.quiet()

    await setStatus(world, invoice.lago_id, 'pending')
    await world.quiet()
    await world.bridge.settle(invoice.lago_id, { cause: 'operator' })

    expect(invoice.payment_status).toBe('pending')
  })

  test('one that is said to only change a card, and took money, is recorded all the same', async () => {
    const { world } = shared
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const open = tap(world, 'dodo', async (request, pass) => {
      const response = await pass()
      if (!isCall(request, 'GET', /^\/payments\/pay_/)) return response
      const shown = (await response.json()) as object
      return Response.json({ ...shown, is_update_payment_method: true })
    })
    const payment = world.dodo.pay(sessionId)
    await world.quiet()
    open()

    const report = await world.invoiceReport(invoice.lago_id)
    expect(report).toMatchObject({ state: 'paid' })
    expect(report?.payments).toMatchObject([{ dodoPaymentId: payment.payment_id }])
  })
})

test('what Dodo gave back without saying how much in its payment is not given back again', async () => {
  const world = await openWorld()
  const invoice = world.bill(5_000)
  const { report } = await world.openCheckout(invoice.lago_id)
  const sessionId = await world.follow(report.payUrl)
  world.lago.recordManualPayment(invoice.lago_id, { amountCents: 1_000, reference: 'bank' })
  await world.quiet()
  tap(world, 'dodo', async (request, pass) => {
    const response = await pass()
    if (!isCall(request, 'GET', /^\/payments\/pay_/)) return response
    const shown = (await response.json()) as { refunds?: object[] }
    const refunds = (shown.refunds ?? []).map((one) => ({ ...one, amount: null }))
    return Response.json({ ...shown, refunds })
  })

  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  await world.quiet()
  await world.sweep()
  await world.quiet()

  expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([1_000])
  await world.close()
})

test('a card that a person stops while its charge waits for its turn is not charged', async () => {
  const world = await openWorld({ env: { COLLECTION: 'automatic' } })
  const { customer, mandate } = await withMandate(world)
  await world.quiet()
  const { deps } = world.bridge
  const { reserve } = deps.dodo
  const meant = { payerKey: customer.external_id, dodoSubscriptionId: mandate }
  let isStopped = false
  deps.dodo.reserve = async () => {
    if (!isStopped) isStopped = (await stopCharging(deps, meant, 'Ana')).isDone
    return reserve()
  }

  const invoice = world.bill(2_000, { customer })

  await world.eventually(invoice.lago_id, ({ attempts }) => attempts.at(-1)?.status === 'live')
  expect(isStopped).toBe(true)
  expect(chargesSent(world)).toEqual([])
  await world.close()
})

test('money that a person settles otherwise while its refund is prepared is not given back', async () => {
  const world = await openWorld({
    env: { VOID_PAYMENTS: 'refund' },
    unproven: 'the money is settled outside of all books',
  })
  const invoice = world.bill(5_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  world.lago.voidInvoice(invoice.lago_id)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
  const { deps } = world.bridge
  let isAccepted = false
  tap(world, 'dodo', async (request, pass) => {
    const response = await pass()
    if (isAccepted || !isCall(request, 'GET', /^\/payments\/pay_/)) return response
    const [held] = await findHeldMoney(deps.db, invoice.lago_id)
    if (!held) return response
    isAccepted = (await ruleOnHeldMoney(deps, held, { ruling: 'accepted', who: 'Ana' })).isDone
    return response
  })

  const { payment_id } = world.dodo.pay(sessionId)

  await world.eventually(invoice.lago_id, () => isAccepted)
  await world.quiet()
  expect(world.refundsOf(payment_id)).toEqual([])
  await world.close()
})

test.each<[string, Partial<typeof recordings.$inferInsert>, number[]]>([
  ['is found to be recorded', { status: 'recorded', disposition: 'applied', amount: 5_000 }, []],
  ['is decided about anew', { ruledAt: new Date(), ruledAmount: 1_000 }, [1_000]],
])(
  'money that %s while its refund is prepared is given back as far as that says',
  async (_what, change, given) => {
    const world = await openWorld({ unproven: 'what another worker writes is written by hand' })
    const { deps } = world.bridge
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.lago.voidInvoice(invoice.lago_id)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
    const { payment_id: dodoPaymentId } = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
    await world.quiet()
    const isThis = eq(recordings.dodoPaymentId, dodoPaymentId)
    let looks = 0
    tap(world, 'dodo', async (request, pass) => {
      const response = await pass()
      if (!isCall(request, 'GET', /^\/payments\/pay_/)) return response
      looks += 1
      // The first look is what it is decided on.
      if (looks === 2) await deps.db.update(recordings).set(change).where(isThis)
      return response
    })

    const held = { receivableId: invoice.lago_id, dodoPaymentId }
    await ruleOnHeldMoney(deps, held, { ruling: 'give_back', who: 'Ana' })
    await world.quiet()

    expect(looks).toBeGreaterThan(1)
    expect(world.refundsOf(dodoPaymentId).map(({ amount }) => amount)).toEqual(given)
    await world.close()
  },
)

test('a failed mark that a held-up worker sends after the payment was recorded does not stay', async () => {
  const world = await openWorld()
  const invoice = world.bill(5_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const held = Promise.withResolvers<void>()
  const go = Promise.withResolvers<void>()
  let isHeld = false
  tap(world, 'lago', async (request, pass) => {
    const isMark =
      isCall(request, 'PUT', /\/invoices\//) && (await request.clone().text()).includes('"failed"')
    if (isHeld || !isMark) return pass()
    isHeld = true
    held.resolve()
    await go.promise
    return pass()
  })
  world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
  await held.promise

  world.dodo.pay(sessionId)
  await world.dodo.idle()
  // Another worker has taken the job over.
  await world.bridge.settle(invoice.lago_id, { cause: 'operator' })
  expect(invoice.payment_status).toBe('succeeded')
  go.resolve()
  await world.quiet()

  expect(invoice.payment_status).toBe('succeeded')
  expect(await world.invoiceReport(invoice.lago_id)).toMatchObject({ state: 'paid' })
  await world.close()
})

test('more deliveries of an invoice than one look takes are read by the next one, without a sweep', async () => {
  const world = await openWorld()
  const { invoice } = await payInvoice(world, 10_000)
  const row = {
    source: 'lago' as const,
    eventType: 'invoice.payment_status_updated',
    wakes: 'settle' as const,
    wakesKey: invoice.lago_id,
    headers: {},
    body: Buffer.from('{}'),
    receivedAt: new Date(),
  }
  const told = Array.from({ length: 401 }, () => ({ ...row, deliveryId: crypto.randomUUID() }))
  await world.bridge.db.insert(deliveries).values(told)

  await wake(world.bridge.deps, 'settle', [invoice.lago_id], 'lago_delivery')
  await world.quiet()

  expect(await world.bridge.db.$count(deliveries, isNull(deliveries.processedAt))).toBe(0)
  await world.close()
})
