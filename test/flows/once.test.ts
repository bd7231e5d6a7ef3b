import { describe, expect, test } from 'bun:test'
import { sql } from 'drizzle-orm'

import { chargesSent, withMandate } from '../support/mandates.ts'
import { holdBack, isCall, spoilAfter, tap } from '../support/tap.ts'
import { openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const AUTOMATIC = { env: { COLLECTION: 'automatic' } }
const isPaid = ({ state }: Report) => state === 'paid'
const REFUND = ['POST', /^\/refunds$/] as const
const CHARGE = ['POST', /^\/subscriptions\/[^/]+\/charge$/] as const
/** Of 75 and 110 seconds, with room for what a busy machine takes for the rest. */
const WITHIN_QUARANTINE_MS = 62_000
const WITHIN_CHARGES_QUARANTINE_MS = 80_000
const READ_PAYMENT = ['GET', /^\/payments\/[^/]+$/] as const

async function payInvoice(world: World, cents: number) {
  const invoice = world.bill(cents)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  const payment = world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, isPaid)
  return { invoice, payment }
}

const amountsOf = (world: World, paymentId: string) =>
  world.refundsOf(paymentId).map(({ amount }) => amount)
const paymentsFor = (world: World, lagoInvoiceId: string) =>
  [...world.dodo.store.payments.values()].filter(
    ({ metadata }) => metadata['lago_invoice_id'] === lagoInvoiceId,
  )
async function settleDown(world: World, ms = 130_000) {
  await world.quiet()
  world.advance(ms)
  await world.sweep()
  await world.quiet()
}

describe('an accepted refund stays accepted although the look after it fails', () => {
  test.each([3_000, 10_000])('for a credit note of %d of 10000', async (cents) => {
    const world = await openWorld()
    const { invoice, payment } = await payInvoice(world, 10_000)
    const { isSpoiled } = spoilAfter(world, 'dodo', [REFUND, READ_PAYMENT])

    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: cents })
    await world.eventually(invoice.lago_id, ({ refunds }) => refunds.length > 0)
    await settleDown(world)

    expect(isSpoiled()).toBe(true)
    expect(amountsOf(world, payment.payment_id)).toEqual([cents])
    expect(world.notesOf(invoice.lago_id).map((one) => one.refund_status)).toEqual(['succeeded'])
    await world.close()
  })
})

describe('a charge', () => {
  test.each([503, 500, 404, 422])(
    'that Dodo accepted is not made again when the look after it is a %d and the list lags',
    async (status) => {
      const world = await openWorld(AUTOMATIC)
      const { customer } = await withMandate(world)
      world.dodo.courier.switches.lose = true
      spoilAfter(world, 'dodo', [CHARGE, READ_PAYMENT], () =>
        Response.json({ code: 'X' }, { status }),
      )
      hideNewPayments(world)

      const invoice = world.bill(7_000, { customer })
      await world.eventually(invoice.lago_id, () => chargesSent(world).length > 0)
      await settleDown(world, 30_000)

      await settleDown(world)
      expect(paymentsFor(world, invoice.lago_id)).toHaveLength(1)
      await world.eventually(invoice.lago_id, isPaid)
      await world.close()
    },
  )

  test.each([-5, -2, 2, 5])(
    'of lost outcome is found whatever the clocks say: Dodo is %d minutes off',
    async (minutes) => {
      const world = await openWorld({
        ...AUTOMATIC,
        dodo: { now: () => new Date(Date.now() + minutes * 60_000 * 0.9) },
      })
      const { customer } = await withMandate(world)
      world.dodo.courier.switches.lose = true
      world.dodo.faults.add({
        kind: 'after_status',
        status: 500,
        times: 1,
        match: { method: 'POST', path: '/charge$' },
      })

      const invoice = world.bill(7_000, { customer })
      await world.eventually(invoice.lago_id, isPaid)

      await settleDown(world)
      expect(paymentsFor(world, invoice.lago_id)).toHaveLength(1)
      await world.close()
    },
  )

  test('that is carried out after we gave up waiting is found, and not made again', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    const held = holdBack(world, 'dodo', ...CHARGE)
    const invoice = world.bill(7_000, { customer })
    await world.eventually(invoice.lago_id, held.isHeld)
    await settleDown(world, WITHIN_CHARGES_QUARANTINE_MS)
    expect(paymentsFor(world, invoice.lago_id)).toHaveLength(0)

    world.dodo.courier.switches.lose = true
    await held.carryOut()
    await settleDown(world)

    await world.eventually(invoice.lago_id, isPaid)
    expect(paymentsFor(world, invoice.lago_id)).toHaveLength(1)
    await world.close()
  })

  test.each([
    ['is found', false],
    ['and has heard of in the meantime is found, too,', true],
  ])('that an older ledger knows nothing of %s before the card is charged', async (_, isHeard) => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    const invoice = world.bill(7_000, { customer })
    await world.eventually(invoice.lago_id, isPaid)
    await world.quiet()
    forgetPayment(world, invoice.lago_id)
    const { db } = world.bridge
    await db.execute(sql`delete from shares where receivable_id = ${invoice.lago_id}`)
    for (const table of [
      'attempts',
      'payments',
      'recordings',
      'timeline',
      'receivables',
      'deliveries',
    ])
      await db.execute(
        sql`delete from ${sql.raw(table)} where ${sql.raw(table === 'deliveries' ? 'wakes_key' : 'receivable_id')} = ${invoice.lago_id}`,
      )

    if (isHeard) {
      world.lago.faults.add({ kind: 'status', status: 503, match: { path: '/invoices' } })
      await world.sweep().catch(() => undefined)
      for (let heard = 0; heard === 0; await Bun.sleep(50)) {
        const rows = await db.execute(
          sql`select 1 from payments where receivable_id = ${invoice.lago_id}`,
        )
        heard = rows.length
      }
      world.lago.faults.clear()
    }
    world.lago.courier.switches.lose = false
    await world.sweep()
    await world.eventually(invoice.lago_id, isPaid)

    expect(paymentsFor(world, invoice.lago_id)).toHaveLength(1)
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([7_000])
    await world.close()
  })

  test('that is refused for its amount leaves the card to the next invoice', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer } = await withMandate(world)
    world.dodo.faults.add({
      kind: 'status',
      status: 422,
      times: 1,
      match: { method: 'POST', path: '/charge$' },
    })
    const small = world.bill(6_000, { customer })
    await world.eventually(small.lago_id, ({ attempts }) => attempts.at(-1)?.kind === 'mandate')

    const next = world.bill(9_000, { customer })
    await world.eventually(next.lago_id, isPaid)

    expect(paymentsFor(world, next.lago_id)).toHaveLength(1)
    expect(chargesSent(world)).toHaveLength(2)
    await world.close()
  })

  test('that the answer declines hard is not repeated with the next invoice', async () => {
    const world = await openWorld({ ...AUTOMATIC, unproven: 'an answer of Dodo is made up' })
    const { customer } = await withMandate(world)
    let isDeclined = false
    tap(world, 'dodo', (request, go) => {
      if (isDeclined || !isCall(request, ...CHARGE)) return go()
      isDeclined = true
      return Promise.resolve(Response.json({ code: 'STOLEN_CARD' }, { status: 402 }))
    })
    const first = world.bill(6_000, { customer })
    await world.eventually(first.lago_id, ({ attempts }) => attempts[0]?.status === 'declined')

    const next = world.bill(9_000, { customer })
    await world.openCheckout(next.lago_id)

    expect(chargesSent(world)).toHaveLength(1)
    await world.close()
  })
})

/** Dodo's lists lag: a payment is not in them for half a minute. */
function hideNewPayments(world: World) {
  tap(world, 'dodo', async (request, go) => {
    if (!isCall(request, 'GET', /^\/payments$/)) return go()
    const body = (await (await go()).json()) as { items: { created_at: string }[] }
    body.items = body.items.filter(({ created_at }) => Date.parse(created_at) < Date.now() - 30_000)
    return Response.json(body)
  })
}

/** As if Lago had never been told of the payment of an invoice. */
function forgetPayment(world: World, lagoInvoiceId: string) {
  const { store } = world.lago
  const index = store.payments.findIndex(({ invoice }) => invoice.lago_id === lagoInvoiceId)
  const [payment] = store.payments.splice(index, 1)
  if (!payment) return
  Object.assign(payment.invoice, {
    payment_status: 'pending',
    total_paid_amount_cents: 0,
    total_due_amount_cents: payment.amount_cents,
    metadata: [],
  })
}

describe('a slow service is asked once', () => {
  const shared = shareWorld()

  test('for the refund of a credit note', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world, 10_000)
    const held = holdBack(world, 'dodo', ...REFUND)
    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 3_000 })
    await world.eventually(invoice.lago_id, held.isHeld)
    await settleDown(world, WITHIN_QUARANTINE_MS)

    await held.carryOut()
    await settleDown(world)

    expect(amountsOf(world, payment.payment_id)).toEqual([3_000])
    expect(world.notesOf(invoice.lago_id)).toHaveLength(1)
  })

  test('for the credit note of a refund', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world, 5_000)
    const held = holdBack(world, 'lago', 'POST', /\/credit_notes$/)
    world.dodo.refund(payment.payment_id, 2_000)
    await world.eventually(invoice.lago_id, held.isHeld)
    await settleDown(world, WITHIN_QUARANTINE_MS)

    await held.carryOut()
    await settleDown(world)

    const notes = world.notesOf(invoice.lago_id)
    expect(notes.map((one) => [one.refund_amount_cents, one.refund_status])).toEqual([
      [2_000, 'succeeded'],
    ])
  })

  test.each([true, false])(
    'for the credit note of a refund, while the merchant writes one of the same amount (and it is made: %p)',
    async (isMade) => {
      const { world } = shared
      const { invoice, payment } = await payInvoice(world, 5_000)
      const held = holdBack(world, 'lago', 'POST', /\/credit_notes$/)
      world.dodo.refund(payment.payment_id, 2_000)
      await world.eventually(invoice.lago_id, held.isHeld)
      await world.quiet()

      world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_000 })
      await settleDown(world, WITHIN_QUARANTINE_MS)
      if (isMade) await held.carryOut()
      await settleDown(world)

      // Theirs is a wish of its own, unless it stands for the refund that has none.
      const times = isMade ? [1, 2] : [1]
      const notes = world.notesOf(invoice.lago_id)
      expect(notes.map((one) => one.refund_status)).toEqual(times.map(() => 'succeeded'))
      expect(amountsOf(world, payment.payment_id)).toEqual(times.map(() => 2_000))
    },
  )

  test('for the payment of an invoice', async () => {
    const { world } = shared
    const held = holdBack(world, 'lago', 'POST', /\/payments$/)
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, held.isHeld)
    await settleDown(world, WITHIN_QUARANTINE_MS)

    await held.carryOut()
    await settleDown(world)

    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([5_000])
  })
})

describe('a credit note', () => {
  const shared = shareWorld()

  test.each([500, 422])(
    'is not made again when telling it as paid fails with %d',
    async (status) => {
      const { world } = shared
      const { invoice, payment } = await payInvoice(world, 5_000)
      world.lago.faults.add({
        kind: 'status',
        status,
        times: 1,
        match: { method: 'PUT', path: '/credit_notes/' },
      })

      world.dodo.refund(payment.payment_id, 2_000)
      await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)
      await settleDown(world)

      expect(world.notesOf(invoice.lago_id).map((one) => one.refund_status)).toEqual(['succeeded'])
      await world.eventually(invoice.lago_id, isPaid)
    },
  )
})

describe('a checkout whose answer comes after its attempt made way for another', () => {
  test('is not handed out, and no second one is live', async () => {
    const world = await openWorld({ unproven: 'an attempt is ended by hand, and its share not' })
    const customer = world.addCustomer()
    const known = world.bill(1_000, { customer })
    await world.openCheckout(known.lago_id)
    const invoice = world.bill(5_000, { customer })
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    const { db } = world.bridge
    await db.execute(sql`update attempts set status = 'intended', dodo_session_id = null
      where dodo_session_id = ${sessionId}`)
    world.dodo.faults.add({
      kind: 'delay',
      ms: 1_500,
      times: 1,
      match: { method: 'POST', path: '/checkouts$' },
    })
    const before = world.sent('POST', /^\/checkouts$/).length
    await world.sweep()
    await world.eventually(
      invoice.lago_id,
      () => world.sent('POST', /^\/checkouts$/).length > before,
    )

    await db.execute(
      sql`update attempts set status = 'superseded' where receivable_id = ${invoice.lago_id}`,
    )
    await world.quiet()

    const { attempts, timeline } = await world.eventually(invoice.lago_id, () => true)
    expect(attempts[0]?.status).toBe('superseded')
    expect(timeline.some(({ what }) => what.includes('came too late'))).toBe(true)
    await world.close()
  })
})

describe('a refusal means what its code says:', () => {
  const shared = shareWorld()
  const forbid = (world: World, path: RegExp, code: string) => {
    let isOn = true
    tap(world, 'lago', (request, go) =>
      isOn && isCall(request, 'POST', path)
        ? Promise.resolve(Response.json({ status: 403, error: 'Forbidden', code }, { status: 403 }))
        : go(),
    )
    return { lift: () => (isOn = false) }
  }

  test('a key without a permission is not a missing licence, and works once it has it', async () => {
    const { world } = shared
    const { lift } = forbid(world, /\/payments$/, 'write_action_not_allowed_for_payment')
    const invoice = world.bill(5_000)
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(sessionId)
    const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
    expect(report.reason).toContain('write_action_not_allowed_for_payment')
    expect(world.paidIn(invoice.lago_id)).toEqual([])
    expect(invoice.payment_status).toBe('pending')

    lift()
    await settleDown(world)

    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([5_000])
  })

  test('one refused credit note says nothing about payments', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world, 5_000)
    const { lift } = forbid(world, /\/credit_notes/, 'write_action_not_allowed_for_credit_note')
    world.dodo.refund(payment.payment_id, 2_000)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')

    const next = await payInvoice(world, 7_000)

    expect(world.paidIn(next.invoice.lago_id).map((one) => one.amount_cents)).toEqual([7_000])
    lift()
    await settleDown(world)
    await world.eventually(invoice.lago_id, ({ refunds }) => !!refunds[0]?.lagoCreditNoteId)
  })

  test('a refund that the balance does not cover waits, and nobody is told that it failed', async () => {
    const { world } = shared
    const { invoice, payment } = await payInvoice(world, 5_000)
    let isPoor = true
    tap(world, 'dodo', (request, go) =>
      isPoor && isCall(request, ...REFUND)
        ? Promise.resolve(Response.json({ code: 'INSUFFICIENT_WALLET_FUNDS' }, { status: 409 }))
        : go(),
    )
    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_000 })
    await world.eventually(invoice.lago_id, () => world.sent(...REFUND).length > 0)
    await world.quiet()
    expect(world.notesOf(invoice.lago_id).map((one) => one.refund_status)).toEqual(['pending'])

    isPoor = false
    await settleDown(world, 5 * 3_600_000)

    expect(amountsOf(world, payment.payment_id)).toEqual([2_000])
    expect(world.notesOf(invoice.lago_id).map((one) => one.refund_status)).toEqual(['succeeded'])
  })
})

describe('what Dodo no longer has', () => {
  test('is found or made anew: a customer', async () => {
    const world = await openWorld()
    const customer = world.addCustomer()
    await world.openCheckout(world.bill(5_000, { customer }).lago_id)
    world.dodo.store.customers.clear()

    const { report } = await world.openCheckout(world.bill(7_000, { customer }).lago_id)

    expect(report.state).toBe('open')
    expect(world.dodo.store.customers.size).toBe(1)
    await world.close()
  })

  test('is made anew also for who comes upon it when another one has been made already', async () => {
    const world = await openWorld()
    await world.openCheckout(world.bill(5_000).lago_id)
    await world.quiet()
    world.dodo.store.products.clear()
    const isRemade = Promise.withResolvers<void>()
    const areAllRefused = Promise.withResolvers<void>()
    let refused = 0
    tap(world, 'dodo', async (request, go) => {
      const response = await go()
      if (isCall(request, 'POST', /^\/products$/)) isRemade.resolve()
      if (response.status === 404 && isCall(request, 'POST', /^\/checkouts/)) {
        refused += 1
        if (refused === 3) areAllRefused.resolve()
        // All have asked before anybody hears of it; all but the first hear of it late.
        await (refused === 1 ? areAllRefused.promise : isRemade.promise)
      }
      return response
    })

    const invoices = [6_000, 7_000, 8_000].map((cents) => world.bill(cents))

    for (const { lago_id } of invoices) {
      const { timeline } = await world.eventually(lago_id, ({ state, attempts }) => {
        return state === 'open' && attempts[0]?.status === 'live'
      })
      // Nobody was asked to look.
      expect(timeline.filter(({ what }) => what.startsWith('attention'))).toEqual([])
    }
    expect(refused).toBe(3)
    expect(world.dodo.store.products.size).toBe(1)
    await world.close()
  })

  test('and what it says so of while it lists it, is not asked about without end', async () => {
    const world = await openWorld()
    const asked: number[] = []
    const fifth = Promise.withResolvers<void>()
    tap(world, 'dodo', async (request, go) => {
      if (!isCall(request, 'POST', /^\/checkouts/)) return go()
      asked.push(performance.now())
      if (asked.length === 5) fifth.resolve()
      return Response.json({ code: 'PRODUCT_IS_DELETED', message: 'gone' }, { status: 422 })
    })

    world.bill(5_000)
    await fifth.promise

    // It is made anew once at once, or when something else wakes the invoice, and then as seldom as anything that fails.
    const [first = 0] = asked
    expect((asked[4] ?? 0) - first).toBeGreaterThan(500)
    await world.close()
  })

  test('is found or made anew: the product that saves cards', async () => {
    const world = await openWorld(AUTOMATIC)
    const customer = world.addCustomer()
    await world.openCheckout(world.bill(5_000, { customer }).lago_id)
    for (const product of world.dodo.store.products.values()) product.archived = true

    const { report } = await world.openCheckout(world.bill(7_000, { customer }).lago_id)

    expect(report.attempts.map(({ kind }) => kind)).toEqual(['mandate'])
    await world.close()
  })
})
