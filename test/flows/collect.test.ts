import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { REMEMBER_MS } from '../../src/collect/act/previews.ts'
import { openWorld, type World } from '../support/world.ts'

describe('collecting an invoice', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld()
  })
  afterAll(() => world.close())

  const sessionsOf = (lagoInvoiceId: string) =>
    [...world.dodo.store.sessions.values()].filter(
      ({ request }) => request.metadata?.['lago_invoice_id'] === lagoInvoiceId,
    )
  const isOpen = ({ attempts }: { attempts: { status: string }[] }) =>
    attempts[0]?.status === 'live'

  test.each([
    ['subscription', 'subscription'],
    ['one-off', 'one_off'],
    ['add-on', 'add_on'],
    ['progressive billing', 'progressive_billing'],
  ] as const)('a %s invoice gets a checkout for what is due', async (_what, invoiceType) => {
    const invoice = world.bill(10_000, { invoiceType, taxes: [{ rate: 8 }] })

    const { report, sessionId } = await world.openCheckout(invoice.lago_id)

    expect(report).toMatchObject({ state: 'open', amountDue: 10_800, number: invoice.number })
    expect(sessionsOf(invoice.lago_id)).toHaveLength(1)
    expect(world.dodo.pay(sessionId).total_amount).toBe(10_800)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  })

  test('a top-up is collected, and its credits are granted when it is paid', async () => {
    const customer = world.addCustomer({ currency: 'USD' })
    const [top] = world.lago.topUpWallet({
      externalCustomerId: customer.external_id,
      paidCredits: '20.0',
    })
    const [invoice] = [...world.lago.store.invoices.values()].filter(
      (one) => one.customer.external_id === customer.external_id,
    )
    if (!invoice || !top) throw new Error('Lago made no invoice for the top-up')

    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')

    expect(invoice.payment_status).toBe('succeeded')
    expect(top.status).toBe('settled')
  })

  test.each([
    ['a draft', { status: 'draft' }, 'skipped'],
    ['of nothing', { fees: [{ amountCents: 0 }] }, 'paid'],
    ['paid from the wallet', { prepaidCreditAmountCents: 5_000 }, 'paid'],
    ['already paid', { paymentStatus: 'succeeded' }, 'paid'],
    ['self-billed', { selfBilled: true }, 'skipped'],
    ['of charges paid in advance', { invoiceType: 'advance_charges' }, 'paid'],
    ['waiting for its taxes', { status: 'pending' }, 'skipped'],
    ['failed in its taxes', { status: 'failed' }, 'skipped'],
  ] as const)('an invoice that is %s is left alone', async (_what, invoice, state) => {
    const made = world.bill(5_000, invoice)
    await world.quiet()
    await world.sweep()
    await world.quiet()

    expect(sessionsOf(made.lago_id)).toEqual([])
    // An invoice that Lago never announced need not be known at all.
    expect<unknown[]>([state, undefined]).toContain(
      (await world.invoiceReport(made.lago_id))?.state,
    )
    expect(world.sent('PUT', new RegExp(made.lago_id))).toEqual([])
  })

  test('an invoice that Lago itself collects is left alone', async () => {
    const customer = world.addCustomer({
      billing_configuration: { payment_provider: 'stripe', provider_customer_id: 'cus_x' },
    } as never)
    const invoice = world.bill(5_000, { customer })

    const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'skipped')

    expect(report.reason).toContain('stripe')
    expect(sessionsOf(invoice.lago_id)).toEqual([])
  })

  test('a void invoice is left alone, however late its creation is heard of', async () => {
    world.lago.courier.switches.delayMs = 300
    const invoice = world.bill(5_000)
    world.lago.voidInvoice(invoice.lago_id)

    await world.eventually(invoice.lago_id, ({ state }) => state === 'void')
    world.lago.courier.switches.delayMs = 0

    expect(sessionsOf(invoice.lago_id)).toEqual([])
  })

  test('a draft is collected once it is finalised', async () => {
    const invoice = world.bill(5_000, { status: 'draft' })
    await world.quiet()

    world.lago.finalizeInvoice(invoice.lago_id)

    await world.eventually(invoice.lago_id, isOpen)
  })

  test('of several addresses in one field, the first is the customer at Dodo', async () => {
    const customer = world.addCustomer({ email: ' first@fern.example , second@fern.example' })
    const { sessionId } = await world.openCheckout(world.bill(5_000, { customer }).lago_id)

    expect(world.dodo.pay(sessionId).customer.email).toBe('first@fern.example')
  })

  test('a customer in a country that Dodo does not serve is a matter for a person, until that is mended', async () => {
    const customer = world.addCustomer({ country: 'KP' })
    const invoice = world.bill(5_000, { customer })
    const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')
    expect(report.reason).toContain('country (KP)')
    expect(report.number).toBe(invoice.number)

    world.addCustomer({ country: 'DE', external_id: customer.external_id })
    await world.sweep()

    await world.eventually(invoice.lago_id, isOpen)
  })

  test('invoices of one customer and currency share the customer and the product', async () => {
    const customer = world.addCustomer()
    const invoices = [1_000, 2_000, 3_000].map((amount) => world.bill(amount, { customer }))

    for (const { lago_id } of invoices) await world.openCheckout(lago_id)

    const requests = invoices
      .flatMap(({ lago_id }) => sessionsOf(lago_id))
      .map((one) => one.request)
    expect(new Set(requests.map((one) => one.product_cart[0]?.product_id)).size).toBe(1)
    expect(new Set(requests.map((one) => JSON.stringify(one.customer))).size).toBe(1)
  })

  test('two customers with one e-mail address are two customers at Dodo', async () => {
    const email = 'shared@fern.example'
    const [one, other] = [world.addCustomer({ email }), world.addCustomer({ email })]
    const ids = [one, other].map((customer) => world.bill(1_500, { customer }).lago_id)

    for (const id of ids) await world.openCheckout(id)

    const known = ids.flatMap(sessionsOf).map(({ request }) => JSON.stringify(request.customer))
    expect(new Set(known).size).toBe(2)
    const atDodo = [...world.dodo.store.customers.values()].filter((who) => who.email === email)
    expect(atDodo.map(({ metadata }) => String(metadata?.['lago_customer_id'])).toSorted()).toEqual(
      [one.external_id, other.external_id].toSorted(),
    )
  })

  test('the create request says what the contract says, and asks for nothing but the amount', async () => {
    const customer = world.addCustomer({ zipcode: '97201' })
    const invoice = world.bill(5_000, { customer })
    const { report } = await world.openCheckout(invoice.lago_id)

    const bodies = await Promise.all(
      world.sent('POST', /^\/checkouts$/).map(async (request) => ({
        key: request.headers.get('idempotency-key'),
        body: (await request.clone().json()) as Record<string, unknown>,
      })),
    )
    const mine = bodies.filter(({ key }) => key === `lago-inv-${invoice.lago_id}`)
    expect(mine).toHaveLength(1)
    expect(mine[0]?.body).toMatchObject({
      product_cart: [{ quantity: 1, amount: 5_000 }],
      billing_currency: 'USD',
      billing_address: { country: 'US', zipcode: '97201' },
      return_url: `${report.payUrl}/return`,
      feature_flags: { allow_discount_code: false, allow_currency_selection: false },
      metadata: {
        lago_invoice_id: invoice.lago_id,
        lago_invoice_number: invoice.number,
        lago_customer_id: customer.external_id,
        lago_organization_id: world.lago.organizationId,
        bridge_attempt: '1',
      },
    })
  })

  test.each([
    ['HUF', 'HU', 12_345, 1_234_500],
    ['JPY', 'JP', 12_345, 12_345],
    ['EUR', 'DE', 12_345, 12_345],
    ['KRW', 'KR', 12_345, 12_345],
  ] as const)(
    '%s is carried between two ways of counting it without a loss',
    async (currency, country, lagoAmount, dodoAmount) => {
      const customer = world.addCustomer({ currency: currency as 'USD', country })
      const invoice = world.bill(lagoAmount, { customer })
      const { sessionId } = await world.openCheckout(invoice.lago_id)

      const payment = world.dodo.pay(sessionId)
      expect([payment.currency, payment.total_amount]).toEqual([currency, dodoAmount])
      await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')

      expect(invoice.total_paid_amount_cents).toBe(lagoAmount)
    },
  )

  test.each([
    ['a currency whose counting is not known', 'KWD', 'KW', 50_000, 'KWD'],
    ['less than Dodo collects', 'USD', 'US', 49, '0.50 USD'],
    ['a country that Dodo does not serve', 'USD', 'RU', 5_000, 'RU'],
  ] as const)(
    '%s is a matter for a person, and never asked for',
    async (_what, currency, country, amount, word) => {
      const customer = world.addCustomer({ currency: currency as 'USD', country })
      const invoice = world.bill(amount, { customer })

      const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')

      expect(report.reason).toContain(word)
      expect(sessionsOf(invoice.lago_id)).toEqual([])
    },
  )

  test('eight new customers in eight new currencies at once all get their checkout', async () => {
    const fresh = await openWorld()
    const places = 'EUR GBP CHF SEK NOK DKK PLN CZK'.split(' ')
    const invoices = places.map((currency) =>
      fresh.bill(100_000, { customer: fresh.addCustomer({ currency: currency as 'EUR' }) }),
    )

    for (const { lago_id } of invoices) await fresh.openCheckout(lago_id)
    await fresh.close()
  })
})

describe('a Dodo that would ask for another amount', () => {
  test('opens no checkout and is a matter for a person, until it is mended', async () => {
    const world = await openWorld()
    const customer = world.addCustomer({ country: 'DE', currency: 'EUR' })
    await world.openCheckout(world.bill(5_000, { customer }).lago_id)
    const [product] = [...world.dodo.store.products.values()]
    if (!product) throw new Error('there is no product')
    product.price.tax_inclusive = false
    // What the preview said of checkouts like it is remembered for a moment.
    world.advance(REMEMBER_MS)

    const invoice = world.bill(7_000, { customer })
    const report = await world.eventually(invoice.lago_id, ({ state }) => state === 'attention')

    expect(report.reason).toMatch(/83\.30 EUR.*70\.00 EUR.*tax-inclusive/)
    expect(report.attempts).toEqual([])
    // A person must be able to tell which invoice it is.
    expect(report).toMatchObject({
      number: invoice.number,
      customer: customer.external_id,
      currency: 'EUR',
      amountDue: 7_000,
    })
    expect((await world.visit(report.payUrl)).status).toBe(200)

    product.price.tax_inclusive = true
    await world.sweep()
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    expect(world.dodo.pay(sessionId).total_amount).toBe(7_000)
    await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
    await world.close()
  })
})
