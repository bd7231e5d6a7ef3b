import { describe, expect, test } from 'bun:test'

import { isCall, tap } from '../support/tap.ts'
import { shareWorld, type Report, type World } from '../support/world.ts'

const HOUR_MS = 3_600_000
const isPaid = ({ state }: Report) => state === 'paid'

/** Overdue invoices of one customer, and one request for all of them. */
async function ask(world: World, amounts: readonly number[]) {
  const customer = world.addCustomer()
  const invoices = amounts.map((amountCents) => world.bill(amountCents, { customer }))
  for (const { lago_id } of invoices) {
    await world.openCheckout(lago_id)
    world.lago.markOverdue(lago_id)
  }
  const request = world.lago.requestPayment({
    externalCustomerId: customer.external_id,
    invoiceIds: invoices.map(({ lago_id }) => lago_id),
  })
  const { payUrl, sessionId } = await findTogether(world, invoices[0]?.lago_id ?? '')
  return { customer, invoices, request, payUrl, sessionId }
}

/** The one checkout that asks for an invoice together with others. */
async function findTogether(world: World, lagoInvoiceId: string) {
  const report = await world.eventually(
    lagoInvoiceId,
    ({ attempts }) =>
      attempts.at(-1)?.status === 'live' && attempts.at(-1)?.lagoPaymentRequestId !== null,
  )
  return {
    report,
    payUrl: report.paymentRequests[0]?.payUrl ?? '',
    sessionId: report.attempts.at(-1)?.dodoSessionId ?? '',
  }
}

const amountsIn = (world: World, invoices: readonly { lago_id: string }[]) =>
  invoices.map(({ lago_id }) =>
    world.paidIn(lago_id).map(({ amount_cents, reference }) => [amount_cents, reference]),
  )

async function allPaid(world: World, invoices: readonly { lago_id: string }[]) {
  for (const { lago_id } of invoices) await world.eventually(lago_id, isPaid)
}

describe('a payment request', () => {
  const shared = shareWorld()

  test('is one checkout for all its invoices, and each is recorded paid for exactly its share', async () => {
    const { world } = shared
    const { invoices, payUrl, sessionId } = await ask(world, [4_001, 2_999, 3_000])
    expect(await world.follow(payUrl)).toBe(sessionId)

    const payment = world.dodo.pay(sessionId)
    await allPaid(world, invoices)
    await world.quiet()

    expect(payment.total_amount).toBe(10_000)
    const id = payment.payment_id
    expect(amountsIn(world, invoices)).toEqual([[[4_001, id]], [[2_999, id]], [[3_000, id]]])
    expect(world.refundsOf(id)).toEqual([])
    const report = await world.invoiceReport(invoices[0]?.lago_id ?? '')
    expect(report?.paymentRequests).toMatchObject([{ state: 'paid' }])
    expect(await (await world.visit(payUrl)).text()).toContain('Paid')
  })

  test('takes the place of the checkouts of its invoices, whose own links lead to it', async () => {
    const { world } = shared
    const { invoices, sessionId } = await ask(world, [1_000, 2_000])

    for (const { lago_id } of invoices) {
      const report = await world.eventually(lago_id, ({ attempts }) => attempts.length === 2)
      expect(report.attempts.map(({ status }) => status)).toEqual(['superseded', 'live'])
      expect(await world.follow(report.payUrl)).toBe(sessionId)
    }
  })

  test('that takes another’s place leaves nobody waiting who was only in that one', async () => {
    const { world } = shared
    const { customer, invoices } = await ask(world, [1_000, 2_000, 3_000])
    const [first, second, third] = invoices
    const asked = [first, second].flatMap((one) => one?.lago_id ?? [])
    const smaller = world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: asked,
    })

    const { lago_id } = third ?? { lago_id: '' }
    const report = await world.eventually(lago_id, ({ timeline, reason }) => {
      const madeWay = `superseded: payment request ${smaller.lago_id} asks for it together`
      return timeline.some(({ what }) => what.includes(madeWay)) && !reason.includes('waiting')
    })

    expect(report.state).toBe('open')
    const payment = world.dodo.pay(await world.follow(report.payUrl))
    expect(payment.total_amount).toBe(3_000)
    await world.eventually(lago_id, isPaid)
  })

  test('of which an invoice is paid by other means asks for the rest when somebody comes to pay', async () => {
    const { world } = shared
    const { invoices, payUrl, sessionId } = await ask(world, [1_000, 2_000])
    const [first, second] = invoices
    await world.follow(payUrl)
    world.lago.recordManualPayment(first?.lago_id ?? '', { amountCents: 1_000, reference: 'bank' })
    await world.quiet()

    const rest = await world.follow(payUrl)

    expect(rest).not.toBe(sessionId)
    const payment = world.dodo.pay(rest)
    expect(payment.total_amount).toBe(2_000)
    await world.eventually(second?.lago_id ?? '', isPaid)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })

  test('of which an invoice was paid meanwhile gives back exactly its share', async () => {
    const { world } = shared
    const { invoices, sessionId } = await ask(world, [1_000, 2_000, 3_000])
    const [first, second, third] = invoices
    world.lago.recordManualPayment(second?.lago_id ?? '', { amountCents: 2_000, reference: 'bank' })
    await world.eventually(second?.lago_id ?? '', isPaid)

    const payment = world.dodo.pay(sessionId)
    await allPaid(
      world,
      [first, third].flatMap((one) => one ?? []),
    )
    await world.eventually(second?.lago_id ?? '', ({ refunds }) => {
      return refunds.some(({ status }) => status === 'succeeded')
    })
    await world.quiet()

    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([2_000])
    expect(amountsIn(world, invoices)).toEqual([
      [[1_000, payment.payment_id]],
      [[2_000, 'bank']],
      [[3_000, payment.payment_id]],
    ])
    expect(invoices.flatMap(({ lago_id }) => world.notesOf(lago_id))).toEqual([])
    expect((await world.invoiceReport(second?.lago_id ?? ''))?.state).toBe('paid')
  })

  test('and an own checkout that are both paid are paid once, and the other money goes back', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoices = [1_000, 2_000].map((amount) => world.bill(amount, { customer }))
    const own = await world.openCheckout(invoices[0]?.lago_id ?? '')
    for (const { lago_id } of invoices) world.lago.markOverdue(lago_id)
    world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: invoices.map(({ lago_id }) => lago_id),
    })
    const { sessionId } = await findTogether(world, invoices[0]?.lago_id ?? '')

    const payments = [world.dodo.pay(own.sessionId), world.dodo.pay(sessionId)]
    await allPaid(world, invoices)
    await world.quiet()

    const given = payments.flatMap(({ payment_id }) => world.refundsOf(payment_id))
    expect(given.map(({ amount }) => amount)).toEqual([1_000])
    expect(amountsIn(world, invoices).map((paid) => paid.length)).toEqual([1, 1])
  })
})

describe('a payment request that was paid', () => {
  const shared = shareWorld()

  test('and is refunded in part is credited on the oldest of its invoices', async () => {
    const { world } = shared
    const { invoices, sessionId } = await ask(world, [1_000, 2_000])
    const payment = world.dodo.pay(sessionId)
    await allPaid(world, invoices)
    await world.quiet()

    world.dodo.refund(payment.payment_id, 1_500)
    const [first, second] = invoices.map(({ lago_id }) => lago_id)
    await world.eventually(second ?? '', () => world.notesOf(second ?? '').length > 0)
    await world.quiet()

    const noted = [first, second].map((id) =>
      world.notesOf(id ?? '').map((note) => [note.refund_amount_cents, note.refund_status]),
    )
    expect(noted).toEqual([[[1_000, 'succeeded']], [[500, 'succeeded']]])
  })

  test('and is refunded whole is credited on each of its invoices', async () => {
    const { world } = shared
    const { invoices, sessionId } = await ask(world, [1_000, 2_000])
    const payment = world.dodo.pay(sessionId)
    await allPaid(world, invoices)
    await world.quiet()

    world.dodo.refund(payment.payment_id)
    for (const { lago_id } of invoices) {
      await world.eventually(lago_id, () => world.notesOf(lago_id).length > 0)
    }
    await world.quiet()

    const noted = invoices.map(({ lago_id }) =>
      world.notesOf(lago_id).map((note) => note.refund_amount_cents),
    )
    expect(noted).toEqual([[1_000], [2_000]])
  })

  test('of which one invoice is credited by the merchant gives back of the one payment', async () => {
    const { world } = shared
    const { invoices, sessionId } = await ask(world, [1_000, 2_000])
    const payment = world.dodo.pay(sessionId)
    await allPaid(world, invoices)
    await world.quiet()

    const note = world.lago.createCreditNote({
      invoiceId: invoices[1]?.lago_id ?? '',
      refundAmountCents: 2_000,
    })
    await world.eventually(note.invoice.lago_id, () => note.refund_status === 'succeeded')
    await world.quiet()

    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([2_000])
    expect(world.notesOf(invoices[0]?.lago_id ?? '')).toEqual([])
    expect(world.notesOf(invoices[1]?.lago_id ?? '')).toHaveLength(1)
  })
})

describe('a refund that we asked for, whose answer was lost', () => {
  const shared = shareWorld()

  test('is not credited on the other invoices of the payment, and is asked for once', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoices = [5_000, 3_000, 2_000].map((amount) => world.bill(amount, { customer }))
    const [first] = invoices.map(({ lago_id }) => lago_id)
    const own = await world.openCheckout(first ?? '')
    for (const { lago_id } of invoices) world.lago.markOverdue(lago_id)
    world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: invoices.map(({ lago_id }) => lago_id),
    })
    const { sessionId } = await findTogether(world, first ?? '')
    world.dodo.pay(own.sessionId)
    await world.eventually(first ?? '', isPaid)
    await world.quiet()
    let isLost = true
    tap(world, 'dodo', async (request, go) => {
      const answer = await go()
      const isOurs =
        isCall(request, 'POST', /^\/refunds$/) || isCall(request, 'GET', /^\/refunds\//)
      return isLost && isOurs ? Response.json({ code: 'X' }, { status: 503 }) : answer
    })

    const payment = world.dodo.pay(sessionId)
    await world.eventually(first ?? '', ({ refunds }) => refunds[0]?.status === 'succeeded')
    await world.quiet()
    expect(invoices.flatMap(({ lago_id }) => world.notesOf(lago_id))).toEqual([])
    isLost = false
    await world.sweep()

    await world.eventually(first ?? '', ({ refunds }) => refunds[0]?.cause === 'duplicate')
    await allPaid(world, invoices)
    await world.quiet()
    expect(world.refundsOf(payment.payment_id).map(({ amount }) => amount)).toEqual([5_000])
    expect(invoices.flatMap(({ lago_id }) => world.notesOf(lago_id))).toEqual([])
  })
})

describe('a payment request that comes to nothing', () => {
  const shared = shareWorld()

  test('that is declined is opened anew by its link', async () => {
    const { world } = shared
    const { invoices, payUrl, sessionId } = await ask(world, [1_000, 2_000])
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    for (const { lago_id } of invoices) {
      await world.eventually(lago_id, ({ state }) => state === 'failed')
    }
    await world.quiet()

    const next = await world.follow(payUrl)

    expect(['', sessionId]).not.toContain(next)
    expect(world.dodo.pay(next).total_amount).toBe(3_000)
    await allPaid(world, invoices)
  })

  test('that was declined does not stand in the way of one of its invoices', async () => {
    const { world } = shared
    const { invoices, payUrl, sessionId } = await ask(world, [1_000, 2_000])
    const [first, second] = invoices.map(({ lago_id }) => lago_id)
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    const report = await world.eventually(first ?? '', ({ state }) => state === 'failed')
    await world.quiet()

    const own = world.dodo.pay(await world.follow(report.payUrl))
    await world.eventually(first ?? '', isPaid)
    expect(own.total_amount).toBe(1_000)
    await world.quiet()

    const rest = world.dodo.pay(await world.follow(payUrl))
    await world.eventually(second ?? '', isPaid)
    expect(rest.total_amount).toBe(2_000)
    await world.quiet()
    expect([own, rest].flatMap(({ payment_id: id }) => world.refundsOf(id))).toEqual([])
  })

  test('that is looked at while its link is opened still leads somebody to a checkout', async () => {
    const { world } = shared
    const { invoices, payUrl, sessionId } = await ask(world, [1_000, 2_000])
    const [first, second] = invoices.map(({ lago_id }) => lago_id)
    world.dodo.decline(sessionId, 'INSUFFICIENT_FUNDS')
    await world.eventually(first ?? '', ({ state }) => state === 'failed')
    await world.quiet()
    const match = { method: 'GET', path: `/invoices/${first}$` }
    world.lago.faults.add({ kind: 'delay', ms: 400, times: 1, match })
    world.lago.recordManualPayment(second ?? '', { amountCents: 2_000, reference: 'bank' })
    await world.eventually(second ?? '', isPaid)
    await Bun.sleep(100)

    const { status } = await world.visit(payUrl)

    expect(status).toBe(302)
  })

  test('of which an invoice was made void holds exactly its share for a person', async () => {
    const { world } = shared
    const { invoices, sessionId } = await ask(world, [1_000, 2_000])
    const [first, second] = invoices.map(({ lago_id }) => lago_id)
    world.lago.voidInvoice(first ?? '')
    await world.eventually(first ?? '', ({ state }) => state === 'void')

    const payment = world.dodo.pay(sessionId)

    await world.eventually(second ?? '', isPaid)
    const held = await world.eventually(first ?? '', ({ state }) => state === 'attention')
    await world.quiet()
    expect(held.reason).toContain('10.00 USD')
    expect(world.refundsOf(payment.payment_id)).toEqual([])

    world.dodo.refund(payment.payment_id, 1_000)
    await world.eventually(first ?? '', ({ state }) => state === 'void')
    await world.quiet()
    expect(invoices.flatMap(({ lago_id }) => world.notesOf(lago_id))).toEqual([])
    expect((await world.invoiceReport(second ?? ''))?.state).toBe('paid')
  })
})

describe('a payment request, when events or answers are late or lost', () => {
  const shared = shareWorld()

  test('that is with the bank shows as such on each of its invoices, and on its page', async () => {
    const { world } = shared
    const { invoices, payUrl, sessionId } = await ask(world, [1_000, 2_000])
    const slow = world.dodo.pay(sessionId, { outcome: 'processing' })
    for (const { lago_id } of invoices) {
      await world.eventually(lago_id, ({ state }) => state === 'processing')
    }
    expect(await (await world.visit(payUrl)).text()).toContain('Being processed')

    world.dodo.settlePayment(slow.payment_id, 'succeeded')

    await allPaid(world, invoices)
  })

  test('that was heard of by nobody is found by the sweep, and so is its payment', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoices = [1_000, 2_000].map((amount) => world.bill(amount, { customer }))
    for (const { lago_id } of invoices) await world.openCheckout(lago_id)
    await world.inSilence(() => {
      for (const { lago_id } of invoices) world.lago.markOverdue(lago_id)
      world.lago.dunCustomer(customer.external_id)
    })
    await world.sweep()
    const { sessionId } = await findTogether(world, invoices[0]?.lago_id ?? '')

    await world.inSilence(() => world.dodo.pay(sessionId))
    await world.sweep()

    await allPaid(world, invoices)
    expect(amountsIn(world, invoices).map((paid) => paid[0]?.[0])).toEqual([1_000, 2_000])
  })

  test('whose every event comes twice and in any order is recorded once', async () => {
    const { world } = shared
    const { invoices, sessionId } = await ask(world, [1_000, 2_000])
    Object.assign(world.dodo.courier.switches, { double: true, reorder: true })
    const payment = world.dodo.pay(sessionId)
    await allPaid(world, invoices)
    await world.sweep()
    await world.quiet()

    expect(amountsIn(world, invoices).map((paid) => paid.length)).toEqual([1, 1])
    expect(world.refundsOf(payment.payment_id)).toEqual([])
  })

  test('whose checkout was opened without our hearing of it is still one checkout', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoices = [1_000, 2_000].map((amount) => world.bill(amount, { customer }))
    for (const { lago_id } of invoices) {
      await world.openCheckout(lago_id)
      world.lago.markOverdue(lago_id)
    }
    await world.quiet()
    world.dodo.faults.add({
      kind: 'after_drop',
      times: 1,
      match: { method: 'POST', path: '/checkouts$' },
    })

    world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: invoices.map(({ lago_id }) => lago_id),
    })
    const { sessionId } = await findTogether(world, invoices[0]?.lago_id ?? '')

    const payment = world.dodo.pay(sessionId)
    await allPaid(world, invoices)
    expect(payment.total_amount).toBe(3_000)
  })

  test('whose checkout expires is opened anew by its link', async () => {
    const { world } = shared
    const { invoices, payUrl, sessionId } = await ask(world, [1_000, 2_000])
    await world.quiet()
    world.advance(25 * HOUR_MS)

    const next = await world.follow(payUrl)

    expect(['', sessionId]).not.toContain(next)
    world.dodo.pay(next)
    await allPaid(world, invoices)
  })
})
