import { describe, expect, test } from 'bun:test'
import { eq } from 'drizzle-orm'

import { attempts, receivables } from '../../src/db/schema.ts'
import { shareWorld, type Report, type World } from '../support/world.ts'

const isPaid = ({ state }: Report) => state === 'paid'

/** Overdue invoices of one customer that were asked for one by one. */
async function owe(world: World, amounts: readonly number[]) {
  const customer = world.addCustomer()
  const invoices = amounts.map((amountCents) => world.bill(amountCents, { customer }))
  const opened = []
  for (const { lago_id } of invoices) opened.push(await world.openCheckout(lago_id))
  const request = () => {
    for (const { lago_id } of invoices) world.lago.markOverdue(lago_id)
    return world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: invoices.map(({ lago_id }) => lago_id),
    })
  }
  const [first = '', second = ''] = invoices.map(({ lago_id }) => lago_id)
  return { invoices, first, second, opened, request }
}

/** Waits until the one checkout of the request stands for the invoice. */
async function together(world: World, lagoInvoiceId: string) {
  const report = await world.eventually(
    lagoInvoiceId,
    ({ attempts: all }) => all.at(-1)?.status === 'live' && !!all.at(-1)?.lagoPaymentRequestId,
  )
  return { report, requestUrl: report.paymentRequests[0]?.payUrl ?? '' }
}

const stateOf = async (world: World, lagoInvoiceId: string) =>
  (await world.invoiceReport(lagoInvoiceId))?.paymentRequests[0]?.state

describe('a payment request whose invoice', () => {
  const shared = shareWorld()

  test('waits for the bank’s confirmation is not paid, and is payable once it was declined', async () => {
    const { world } = shared
    const { first, opened, request } = await owe(world, [4_000])
    const payment = world.dodo.pay(opened[0]?.sessionId ?? '', {
      outcome: 'requires_customer_action',
    })
    await world.visit(opened[0]?.report.payUrl ?? '')
    request()
    await world.quiet()

    expect(await stateOf(world, first)).toBe('open')
    const { paymentRequests } = await world.eventually(first, () => true)
    const page = await (await world.visit(paymentRequests[0]?.payUrl ?? '')).text()
    expect(page).not.toContain('Paid')

    world.dodo.settlePayment(payment.payment_id, 'failed')
    const { requestUrl } = await together(world, first)
    world.dodo.pay(await world.follow(requestUrl))
    await world.eventually(first, isPaid)
    await world.quiet()
    expect(await stateOf(world, first)).toBe('paid')
  })

  test('is paid late by its own checkout is paid then, and not before', async () => {
    const { world } = shared
    const { first, opened, request } = await owe(world, [4_000])
    const payment = world.dodo.pay(opened[0]?.sessionId ?? '', { outcome: 'processing' })
    await world.eventually(first, ({ state }) => state === 'processing')
    request()
    await world.quiet()
    expect(await stateOf(world, first)).toBe('processing')

    world.dodo.settlePayment(payment.payment_id, 'succeeded')
    await world.eventually(first, isPaid)
    await world.quiet()
    expect(await stateOf(world, first)).toBe('paid')
  })

  test('is void is void, too', async () => {
    const { world } = shared
    const { first, request } = await owe(world, [4_000])
    request()
    await together(world, first)
    world.lago.voidInvoice(first)
    await world.eventually(first, ({ state }) => state === 'void')
    await world.quiet()

    expect(await stateOf(world, first)).toBe('void')
  })

  test('was wrongly taken for paid is put right by the sweep', async () => {
    const { world } = shared
    const { first, request } = await owe(world, [4_000])
    const { lago_id } = request()
    await together(world, first)
    await world.quiet()
    await world.bridge.db
      .update(receivables)
      .set({ state: 'paid', reason: 'nothing of it is due any more', isPayable: false })
      .where(eq(receivables.receivableId, lago_id))

    await world.sweep()
    await world.quiet()

    expect(await stateOf(world, first)).toBe('open')
  })
})

describe('the own pay link of an invoice under a payment request', () => {
  const shared = shareWorld()

  test('leads to a checkout without what was made void meanwhile', async () => {
    const { world } = shared
    const { first, second, request } = await owe(world, [10_000, 5_000])
    request()
    const { report, requestUrl } = await together(world, first)
    await world.follow(requestUrl)
    world.lago.voidInvoice(second)
    await world.quiet()

    const session = await world.follow(report.payUrl)

    expect(await world.follow(requestUrl)).toBe(session)
    expect(world.dodo.pay(session).total_amount).toBe(10_000)
    await world.eventually(first, isPaid)
    await world.quiet()
    expect(await stateOf(world, first)).toBe('paid')
  })

  test('of one that was paid by other means says so, and asks for no other’s money', async () => {
    const { world } = shared
    const { first, second, request } = await owe(world, [10_000, 5_000])
    request()
    const { report, requestUrl } = await together(world, first)
    await world.follow(requestUrl)
    world.lago.recordManualPayment(first, { amountCents: 10_000, reference: 'bank' })
    await world.quiet()

    const page = await world.visit(report.payUrl)

    expect(page.status).toBe(200)
    expect(await page.text()).toContain('Paid')
    expect(world.dodo.pay(await world.follow(requestUrl)).total_amount).toBe(5_000)
    await world.eventually(second, isPaid)
  })

  test('notices that somebody has just paid through the request', async () => {
    const { world } = shared
    const { first, second, request } = await owe(world, [1_000, 2_000])
    request()
    const { report, requestUrl } = await together(world, first)
    const session = await world.follow(requestUrl)
    await world.inSilence(() => world.dodo.pay(session))
    await Bun.sleep(2_100)

    for (const url of [requestUrl, report.payUrl]) expect(await world.follow(url)).toBe('')
    for (const id of [first, second]) await world.eventually(id, isPaid)
  })
})

describe('a checkout that a payment request replaced while Dodo was slow to open it', () => {
  const shared = shareWorld()

  test('does not come back to life', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const known = world.bill(1_000, { customer })
    const { sessionId } = await world.openCheckout(known.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(known.lago_id, isPaid)
    await world.quiet()
    const slow = { method: 'POST', path: '/checkouts$' }
    world.dodo.faults.add({ kind: 'delay', ms: 2_500, times: 1, match: slow })

    const { lago_id } = world.bill(4_000, { customer })
    await world.eventually(lago_id, ({ attempts: [own] }) => own?.status === 'intended')
    world.lago.markOverdue(lago_id)
    world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: [lago_id],
    })
    await together(world, lago_id)
    await world.quiet()

    const live = await world.bridge.db.select().from(attempts).where(eq(attempts.status, 'live'))
    expect(live).toHaveLength(1)
    expect(live[0]?.receivableId).not.toBe(lago_id)
  })
})
