import { describe, expect, test } from 'bun:test'

import { shareWorld, type Report, type World } from '../support/world.ts'

const NOBODY = [
  ['an e-mail address', { email: '' }],
  ['a country', { country: null }],
  ['either', { email: '', country: null }],
] as const

const requestOf = (world: World, sessionId: string) =>
  world.dodo.store.sessions.get(sessionId)?.request

const lacking = (world: World, fields: object, name = 'Blue Fern') =>
  world.addCustomer({ name, ...fields })

describe('a customer without', () => {
  const shared = shareWorld()

  test.each(NOBODY)('%s is asked for it on the hosted page, and pays', async (_, fields) => {
    const { world } = shared
    const customer = lacking(world, fields)
    const invoice = world.bill(5_000, { customer })
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)

    expect(report).toMatchObject({ state: 'open', amountDue: 5_000 })
    expect(requestOf(world, sessionId)?.metadata).toEqual({
      lago_invoice_id: invoice.lago_id,
      lago_invoice_number: invoice.number,
      lago_customer_id: customer.external_id,
      lago_organization_id: expect.any(String),
      bridge_attempt: '1',
    })
    expect(await world.follow(report.payUrl)).toBe(sessionId)

    world.dodo.pay(sessionId, { email: 'typed@fern.example', country: 'DE' })

    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    expect(world.paidIn(invoice.lago_id).map((one) => one.amount_cents)).toEqual([5_000])
  })

  test('an e-mail address is told to Dodo by country alone', async () => {
    const { world } = shared
    const customer = lacking(world, { email: '', country: 'FR', zipcode: '69001' })
    const { sessionId } = await world.openCheckout(world.bill(5_000, { customer }).lago_id)

    const request = requestOf(world, sessionId)
    expect(request?.customer).toBeUndefined()
    expect(request?.billing_address).toEqual({ country: 'FR', zipcode: '69001' })
  })

  test('a country is told to Dodo by name and e-mail address', async () => {
    const { world } = shared
    const customer = lacking(world, { email: 'ap@lost.example', country: null }, 'Lost Ltd')
    const { sessionId } = await world.openCheckout(world.bill(5_000, { customer }).lago_id)

    const request = requestOf(world, sessionId)
    expect(request?.customer).toEqual({ email: 'ap@lost.example', name: 'Lost Ltd' })
    expect(request?.billing_address).toBeUndefined()
  })

  test('an e-mail address is not made the customer whose address they type', async () => {
    const { world } = shared
    const known = world.addCustomer({ email: 'known@fern.example' })
    const { sessionId: theirs } = await world.openCheckout(
      world.bill(1_000, { customer: known }).lago_id,
    )
    const { customer } = world.dodo.pay(theirs)
    const unnamed = world.bill(2_000, { customer: lacking(world, { email: '' }) })
    const { sessionId } = await world.openCheckout(unnamed.lago_id)

    const paid = world.dodo.pay(sessionId, { email: 'known@fern.example' })

    expect(paid.customer.customer_id).not.toBe(customer.customer_id)
  })

  test('a country is not sent to a price on which tax would come', async () => {
    const { world } = shared
    const { sessionId: other } = await world.openCheckout(
      world.bill(1_000, { currency: 'CHF' }).lago_id,
    )
    const productId = requestOf(world, other)?.product_cart[0]?.product_id ?? ''
    const product = world.dodo.store.products.get(productId)
    if (product) product.price = { ...product.price, tax_inclusive: false }

    const customer = lacking(world, { country: null })
    const invoice = world.bill(5_000, { customer, currency: 'CHF' })

    const { reason } = await world.eventually(invoice.lago_id, (one) => one.state === 'attention')
    expect(reason).toContain('make product')
  })

  test('either pays several invoices with one payment request', async () => {
    const { world } = shared
    const customer = lacking(world, { email: '', country: null })
    const invoices = [1_000, 2_000].map((amount) => world.bill(amount, { customer }))
    for (const { lago_id } of invoices) await world.openCheckout(lago_id)
    const [first] = invoices
    for (const { lago_id } of invoices) world.lago.markOverdue(lago_id)

    world.lago.requestPayment({
      externalCustomerId: customer.external_id,
      invoiceIds: invoices.map(({ lago_id }) => lago_id),
    })
    const isAsked = ({ attempts }: Pick<Report, 'attempts'>) =>
      attempts.some((one) => one.lagoPaymentRequestId !== null && one.dodoSessionId !== null)
    const report = await world.eventually(first?.lago_id ?? '', isAsked)
    const together = report.attempts.findLast((one) => one.lagoPaymentRequestId)
    world.dodo.pay(together?.dodoSessionId ?? '', { email: 'typed@fern.example' })

    for (const { lago_id } of invoices)
      await world.eventually(lago_id, ({ state }) => state === 'paid')
  })

  test('a country that Dodo serves is a matter for a person, as Dodo refuses it', async () => {
    const { world } = shared
    const customer = lacking(world, { email: '', country: 'KP' })
    const invoice = world.bill(5_000, { customer })

    const { reason } = await world.eventually(invoice.lago_id, (one) => one.state === 'attention')
    expect(reason).toContain('does not serve')
  })
})

describe('in automatic collection a customer without', () => {
  const shared = shareWorld({ env: { COLLECTION: 'automatic' } })

  test.each(NOBODY)('%s pays at the pay link, and saves no card', async (_, fields) => {
    const { world } = shared
    const customer = lacking(world, fields)
    const invoice = world.bill(5_000, { customer })
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)

    expect(report.attempts.map(({ kind }) => kind)).toEqual(['checkout'])
    expect(requestOf(world, sessionId)?.subscription_data).toBeUndefined()
    world.dodo.pay(sessionId, { email: 'typed@fern.example', country: 'US' })

    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    expect((await world.customerReport(customer.external_id))?.mandates ?? []).toEqual([])
  })

  test('an e-mail address any more is not charged behind their back', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const first = world.bill(5_000, { customer })
    const { sessionId } = await world.openCheckout(first.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(first.lago_id, ({ state }) => state === 'paid')
    world.lago.updateCustomer(customer.external_id, { email: null })
    await world.quiet()

    const { report } = await world.openCheckout(world.bill(7_000, { customer }).lago_id)

    expect(report.attempts.map(({ kind }) => kind)).toEqual(['checkout'])
    expect(world.sent('POST', /\/charge$/)).toEqual([])
  })

  test('an e-mail address has no page to save a card on', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    await world.quiet()
    world.lago.updateCustomer(customer.external_id, { email: null })
    await world.quiet()
    const report = await world.customerReport(customer.external_id)

    const answer = await world.visit(report?.setupUrl ?? '')

    expect(answer.status).toBe(200)
    expect(answer.headers.get('location')).toBeNull()
  })
})
