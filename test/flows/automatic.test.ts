import { describe, expect, test } from 'bun:test'

import type { FaultRule } from '../../sandbox/kit/faults.ts'
import { chargesSent, mandateOf, withMandate, type Customer } from '../support/mandates.ts'
import { openWorld, shareWorld, type Report, type World } from '../support/world.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const AUTOMATIC = { env: { COLLECTION: 'automatic', RETRY_SCHEDULE: '1d,2d' } }
const isPaid = ({ state }: Report) => state === 'paid'

type End = (world: World, mandate: string) => void

const kindsOf = ({ attempts }: Report) => attempts.map(({ kind, status }) => `${kind} ${status}`)
const isLinkOpen = ({ attempts }: Report) =>
  attempts.at(-1)?.kind !== 'charge' && attempts.at(-1)?.status === 'live'

describe('the first invoice of a customer', () => {
  const shared = shareWorld(AUTOMATIC)

  test('is asked for by a checkout that also saves a card, after an exact preview', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoice = world.bill(5_000, { customer })
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)

    const [preview] = world.sent('POST', /^\/checkouts\/preview$/)
    const [create] = world.sent('POST', /^\/checkouts$/)
    const asked = (await create?.json()) as Record<string, unknown>
    expect(await preview?.json()).toEqual(asked)
    expect(asked).toMatchObject({
      subscription_data: {
        on_demand: { mandate_only: false, product_price: 5_000, product_currency: 'USD' },
      },
      metadata: { lago_invoice_id: invoice.lago_id, bridge_attempt: '1' },
    })
    expect(create?.headers.get('idempotency-key')).toBe(`lago-inv-${invoice.lago_id}`)
    expect(report.attempts).toMatchObject([{ kind: 'mandate' }])

    const payment = world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    expect(payment).toMatchObject({ total_amount: 5_000 })
    expect(await mandateOf(world, customer)).toBe(payment.subscription_id ?? '')
  })

  test('is asked for without saving a card where Dodo would ask for another amount so', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    world.dodo.faults.add({
      kind: 'status',
      status: 422,
      times: 1,
      match: { method: 'POST', path: '/checkouts/preview' },
    })

    const invoice = world.bill(5_000, { customer })
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)

    expect(report.attempts).toMatchObject([{ kind: 'checkout' }])
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
  })

  test('that is declined is asked for again, and saves a card then', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoice = world.bill(5_000, { customer })
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.decline(sessionId, 'DO_NOT_HONOR')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')

    world.dodo.pay(await world.follow(report.payUrl))

    await world.eventually(invoice.lago_id, isPaid)
    await mandateOf(world, customer)
    expect(invoice.payment_status).toBe('succeeded')
  })

  test('is not charged as well when its payment is heard of after the card that it saved', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoice = world.bill(5_000, { customer })
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await world.inSilence(() => world.dodo.pay(sessionId))

    // Whoever opens the setup link has the customer's mandates looked at, and their invoices after them.
    const report = await world.customerReport(customer.external_id)
    await world.visit(report?.setupUrl ?? '')
    await mandateOf(world, customer)

    await world.quiet()
    await world.sweep()
    await world.eventually(invoice.lago_id, isPaid)
    expect(chargesSent(world)).toEqual([])
  })

  test('is payable also where the business allows a customer one subscription, and there is one', async () => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    world.dodo.behaviour.oneSubscriptionPerCustomer = true
    world.dodo.holdMandate(mandate)
    await mandateOf(world, customer, 'on_hold')

    const invoice = world.bill(6_000, { customer })

    const { sessionId } = await world.openCheckout(invoice.lago_id)
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
  })
})

describe('a later invoice', () => {
  const shared = shareWorld(AUTOMATIC)

  test('is charged without the customer, and names what it is for', async () => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    const sessions = world.dodo.store.sessions.size
    const invoice = world.bill(7_000, { customer })

    const report = await world.eventually(invoice.lago_id, isPaid)

    expect(world.dodo.store.sessions.size).toBe(sessions)
    expect(report.attempts).toMatchObject([
      { kind: 'charge', status: 'paid', dodoSubscriptionId: mandate },
    ])
    const [charge] = chargesSent(world)
    expect(charge?.headers.get('idempotency-key')).toBe(`lago-inv-${invoice.lago_id}`)
    expect(await charge?.json()).toMatchObject({
      product_price: 7_000,
      product_currency: 'USD',
      metadata: {
        lago_invoice_id: invoice.lago_id,
        lago_invoice_number: invoice.number,
        lago_customer_id: customer.external_id,
        lago_organization_id: world.lago.organizationId,
        bridge_attempt: '1',
      },
    })
    expect(world.paidIn(invoice.lago_id)).toMatchObject([
      { amount_cents: 7_000, reference: report.payments[0]?.dodoPaymentId },
    ])
  })

  test('in another currency than the card was saved for is asked for by a checkout', async () => {
    const { world } = shared
    const { customer } = await withMandate(world)

    const invoice = world.bill(7_000, { customer, currency: 'EUR' })

    const { report } = await world.openCheckout(invoice.lago_id)
    expect(report.attempts).toMatchObject([{ kind: 'mandate' }])
  })

  test('that comes together with another is charged after it, each once', async () => {
    const { world } = shared
    const { customer } = await withMandate(world)
    world.dodo.behaviour.settleAfterMs = 150
    const invoices = [world.bill(7_000, { customer }), world.bill(8_000, { customer })]
    await world.quiet()
    await world.sweep()

    for (const { lago_id } of invoices) await world.eventually(lago_id, isPaid)

    for (const { lago_id, total_paid_amount_cents: paid } of invoices) {
      const report = await world.invoiceReport(lago_id)
      expect(report?.payments.map(({ amount }) => amount)).toEqual([paid])
      expect(kindsOf(report as Report)).toEqual(['charge paid'])
    }
  })

  test('waits while a payment of the mandate is under way', async () => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    world.dodo.setCard(mandate, 'hold')
    const first = world.bill(7_000, { customer })
    const { payments } = await world.eventually(
      first.lago_id,
      ({ state, payments: all }) => state === 'processing' && all.length === 1,
    )
    const second = world.bill(8_000, { customer })
    await world.eventually(second.lago_id, ({ number }) => number !== null)
    await world.quiet()
    expect((await world.invoiceReport(second.lago_id))?.payments).toEqual([])

    world.dodo.setCard(mandate)
    world.dodo.settlePayment(payments[0]?.dodoPaymentId ?? '', 'succeeded')
    await world.eventually(first.lago_id, isPaid)
    await world.sweep()

    const report = await world.eventually(second.lago_id, isPaid)
    expect(kindsOf(report)).toEqual(['charge paid'])
  })

  test('that waits for the charge of another can be paid by its link meanwhile', async () => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    world.dodo.setCard(mandate, 'hold')
    const first = world.bill(7_000, { customer })
    await world.eventually(first.lago_id, ({ payments }) => payments.length === 1)
    const second = world.bill(8_000, { customer })
    const { payUrl } = await world.eventually(second.lago_id, ({ number }) => number !== null)
    await world.quiet()

    const session = await world.follow(payUrl)

    expect(session).not.toBe('')
    world.dodo.pay(session)
    await world.eventually(second.lago_id, isPaid)
    expect(world.paidIn(second.lago_id)).toHaveLength(1)
  })

  test('of which a part is given back names the line of the charge, which only Dodo knows', async () => {
    const { world } = shared
    const { customer } = await withMandate(world)
    const invoice = world.bill(7_000, { customer })
    const { payments } = await world.eventually(invoice.lago_id, isPaid)
    const paymentId = payments[0]?.dodoPaymentId ?? ''

    world.lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 2_500 })

    await world.eventually(invoice.lago_id, ({ refunds }) => refunds[0]?.status === 'succeeded')
    const [line] = world.dodo.store.lines.get(paymentId) ?? []
    const asked = world.sent('POST', /^\/refunds$/).at(-1)
    expect(await asked?.json()).toMatchObject({
      payment_id: paymentId,
      items: [{ item_id: line?.itemId, amount: 2_500, tax_inclusive: true }],
    })
    expect(world.refundsOf(paymentId).map(({ amount }) => amount)).toEqual([2_500])
  })
})

describe('a declined charge', () => {
  const shared = shareWorld(AUTOMATIC)

  test.each(['EXPIRED_CARD', 'DO_NOT_HONOR', 'STOLEN_CARD', 'AUTHENTICATION_REQUIRED'])(
    'that repeating cannot mend (%s) goes to the customer at once, who renews the mandate by paying',
    async (code) => {
      const { world } = shared
      const { customer, mandate } = await withMandate(world)
      world.dodo.setCard(mandate, code)
      const invoice = world.bill(7_000, { customer })

      const report = await world.eventually(invoice.lago_id, isLinkOpen)
      expect(kindsOf(report)).toEqual(['charge declined', 'mandate live'])
      expect(invoice.payment_status).toBe('failed')
      expect(chargesSent(world).filter(({ url }) => url.includes(mandate))).toHaveLength(1)

      world.dodo.pay(await world.follow(report.payUrl))
      await world.eventually(invoice.lago_id, isPaid)
      const renewed = await mandateOf(world, customer)
      expect(renewed).not.toBe(mandate)
      const next = world.bill(8_000, { customer })
      const charged = await world.eventually(next.lago_id, isPaid)
      expect(charged.attempts).toMatchObject([{ kind: 'charge', dodoSubscriptionId: renewed }])
    },
  )

  test('that puts the mandate on hold waits for its schedule, and a new card is charged at once', async () => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
    const invoice = world.bill(7_000, { customer })
    await mandateOf(world, customer, 'on_hold')
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')

    world.dodo.setCard(mandate)
    world.dodo.replaceCard(mandate)

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(kindsOf(report)).toEqual(['charge declined', 'charge paid'])
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })

  test('by the answer itself goes to the customer in the same way', async () => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    Object.assign(world.dodo.behaviour, { declinesAtOnce: true })
    world.dodo.setCard(mandate, 'EXPIRED_CARD')

    const invoice = world.bill(7_000, { customer })

    const report = await world.eventually(invoice.lago_id, isLinkOpen)
    expect(report.attempts.map(({ kind }) => kind)).toEqual(['charge', 'mandate'])
    world.dodo.pay(await world.follow(report.payUrl))
    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })
})

describe('a charge declined for now', () => {
  test('is repeated on schedule at the same hour of day, and at last left to the customer', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer, mandate } = await withMandate(world)
    Object.assign(world.dodo.behaviour, { declineHoldsMandate: false })
    world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
    const startedAt = Date.now()
    const invoice = world.bill(7_000, { customer })
    const isDeclined = ({ state, attempts }: Report, count: number) =>
      state === 'failed' && attempts[count - 1]?.status === 'declined'
    // What was declined is written down before what follows from it is.
    const isWaiting = (count: number) => (report: Report) =>
      isDeclined(report, count) && report.nextWakeAt !== null
    const first = await world.eventually(invoice.lago_id, isWaiting(1))
    expect(invoice.payment_status).toBe('failed')
    const wakeAt = Date.parse(first.nextWakeAt ?? '')
    expect(wakeAt).toBeGreaterThan(startedAt + DAY_MS - 5_000)
    expect(wakeAt).toBeLessThan(Date.now() + DAY_MS + 5_000)

    world.advance(DAY_MS + MINUTE_MS)
    await world.eventually(invoice.lago_id, isWaiting(2))
    world.advance(2 * DAY_MS + MINUTE_MS)
    const last = await world.eventually(invoice.lago_id, (report) => {
      expect(report.reason).toContain('no retry is left')
      return isDeclined(report, 3)
    })

    expect(last.attempts.map(({ kind }) => kind)).toEqual(['charge', 'charge', 'charge'])
    const keys = chargesSent(world).map(({ headers }) => headers.get('idempotency-key'))
    expect(keys).toEqual(['', '-2', '-3'].map((suffix) => `lago-inv-${invoice.lago_id}${suffix}`))
    world.dodo.pay(await world.follow(last.payUrl))
    await world.eventually(invoice.lago_id, isPaid)
    await world.close()
  })

  test('goes on being repeated on schedule, however often somebody looks at the link', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer, mandate } = await withMandate(world)
    Object.assign(world.dodo.behaviour, { declineHoldsMandate: false })
    world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
    const invoice = world.bill(7_000, { customer })
    const { payUrl } = await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')

    for (const headers of [{}, { 'User-Agent': 'MailScanner' }, { 'Sec-Fetch-Mode': 'navigate' }]) {
      const visit = await world.get(new URL(payUrl).pathname, { headers, redirect: 'manual' })
      expect([visit.status, (await visit.text()).includes('method="post"')]).toEqual([200, true])
    }
    world.dodo.setCard(mandate)
    world.advance(DAY_MS + MINUTE_MS)

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(kindsOf(report)).toEqual(['charge declined', 'charge paid'])
    await world.close()
  })

  test('can be paid by the link at any time, and is then not charged again', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer, mandate } = await withMandate(world)
    Object.assign(world.dodo.behaviour, { declineHoldsMandate: false })
    world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
    const invoice = world.bill(7_000, { customer })
    const { payUrl } = await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')

    world.dodo.pay(await world.press(payUrl))
    await world.eventually(invoice.lago_id, isPaid)
    world.dodo.setCard(mandate)
    world.advance(2 * DAY_MS)
    await world.sweep()
    await world.quiet()

    expect(chargesSent(world)).toHaveLength(1)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
    await world.close()
  })

  test('is charged again at once when the merchant presses Retry', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer, mandate } = await withMandate(world)
    Object.assign(world.dodo.behaviour, { declineHoldsMandate: false })
    world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
    const invoice = world.bill(7_000, { customer })
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')
    world.dodo.setCard(mandate)

    world.lago.pressRetry(invoice.lago_id)

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(kindsOf(report)).toEqual(['charge declined', 'charge paid'])
    await world.close()
  })
})

describe('a mandate that does not work any more', () => {
  const shared = shareWorld(AUTOMATIC)
  const ENDS: [string, End][] = [
    ['cancelled', ({ dodo }: World, id: string) => void dodo.cancelMandate(id)],
    ['expired', ({ dodo }: World, id: string) => void dodo.expireMandate(id)],
    ['paused', ({ dodo }: World, id: string) => void dodo.pauseMandate(id)],
    ['being cancelled', ({ dodo }: World, id: string) => void dodo.scheduleCancellation(id)],
    ['on hold', ({ dodo }: World, id: string) => void dodo.holdMandate(id)],
  ]

  test.each(ENDS)('because it is %s leads to the pay link', async (_how, end) => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    end(world, mandate)
    await world.quiet()

    const invoice = world.bill(7_000, { customer })

    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    expect(report.attempts).toMatchObject([{ kind: 'mandate' }])
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    expect(await mandateOf(world, customer)).not.toBe(mandate)
  })
})

describe('a mandate of which nobody told that it does not work any more', () => {
  const shared = shareWorld(AUTOMATIC)

  const ENDS: [string, End][] = [
    ['is cancelled', ({ dodo }: World, id: string) => void dodo.cancelMandate(id)],
    ['is expired', ({ dodo }: World, id: string) => void dodo.expireMandate(id)],
    ['is being cancelled', ({ dodo }: World, id: string) => void dodo.scheduleCancellation(id)],
    [
      'is on hold and cannot be charged',
      ({ dodo }: World, id: string) => {
        dodo.behaviour.onHoldIsChargeable = false
        dodo.holdMandate(id)
      },
    ],
    [
      'has failed too often',
      ({ dodo }: World) => {
        dodo.behaviour.maxFailedCharges = 0
      },
    ],
  ]

  test.each(ENDS)('because it %s leads to the pay link when Dodo refuses', async (_how, end) => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    await world.inSilence(() => end(world, mandate))

    const invoice = world.bill(7_000, { customer })

    const report = await world.eventually(invoice.lago_id, isLinkOpen)
    expect(kindsOf(report)).toEqual(['charge superseded', 'mandate live'])
    // Our own difficulties are no decline.
    expect(invoice.payment_status).toBe('pending')
    world.dodo.pay(await world.follow(report.payUrl))
    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })
})

describe('the setup link of a customer', () => {
  const shared = shareWorld(AUTOMATIC)
  const setupOf = async (world: World, { external_id }: Customer) => {
    await world.quiet()
    return (await world.customerReport(external_id))?.setupUrl ?? ''
  }

  test('saves a card before there is any invoice, and the first one is charged with it', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const session = await world.follow(await setupOf(world, customer))
    world.dodo.saveCard(session)
    const mandate = await mandateOf(world, customer)

    const invoice = world.bill(7_000, { customer })

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(report.attempts).toMatchObject([{ kind: 'charge', dodoSubscriptionId: mandate }])
  })

  test('charges open invoices whose checkout nobody was sent to', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoice = world.bill(7_000, { customer })
    await world.openCheckout(invoice.lago_id)

    world.dodo.saveCard(await world.follow(await setupOf(world, customer)))

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(kindsOf(report)).toEqual(['mandate superseded', 'charge paid'])
  })

  test('charges no invoice whose checkout somebody may be paying just now', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoice = world.bill(7_000, { customer })
    const { report, sessionId } = await world.openCheckout(invoice.lago_id)
    await world.follow(report.payUrl)

    world.dodo.saveCard(await world.follow(await setupOf(world, customer)))
    await mandateOf(world, customer)
    await world.quiet()

    expect(kindsOf((await world.invoiceReport(invoice.lago_id)) as Report)).toEqual([
      'mandate live',
    ])
    world.dodo.pay(sessionId)
    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })

  test('leads to a new page once a card was saved by it', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const setupUrl = await setupOf(world, customer)
    const first = await world.follow(setupUrl)
    world.dodo.saveCard(first)
    const mandate = await mandateOf(world, customer)

    const second = await world.follow(setupUrl)
    expect(second).not.toBe(first)
    world.dodo.saveCard(second)
    await world.quiet()

    expect(await mandateOf(world, customer)).not.toBe(mandate)
  })

  test('leads to one page while it is open, and says so when the card is saved', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const setupUrl = await setupOf(world, customer)
    const sessions = await Promise.all([1, 2, 3].map(() => world.follow(setupUrl)))
    expect(new Set(sessions).size).toBe(1)

    world.dodo.saveCard(sessions[0] ?? '')
    await mandateOf(world, customer)

    const page = await world.get(`${new URL(setupUrl).pathname}/return`)
    expect(await page.text()).toContain('Card saved')
  })

  test('that the bank refuses leaves everything as it was', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    world.dodo.refuseCard(await world.follow(await setupOf(world, customer)), 'DO_NOT_HONOR')
    await world.quiet()

    const invoice = world.bill(7_000, { customer })

    const { report } = await world.openCheckout(invoice.lago_id)
    expect(report.attempts).toMatchObject([{ kind: 'mandate' }])
  })

  test('works where saving a card leaves a payment of nothing, which is nobody’s', async () => {
    const { world } = shared
    world.dodo.behaviour.mandateMakesPayment = true
    const customer = world.addCustomer()
    world.dodo.saveCard(await world.follow(await setupOf(world, customer)))
    await mandateOf(world, customer)

    const invoice = world.bill(7_000, { customer })

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(report.payments).toHaveLength(1)
  })
})

describe('when the answer to a charge', () => {
  const shared = shareWorld(AUTOMATIC)

  test.each([
    ['is lost', { kind: 'after_drop', times: 1 }],
    ['is a 500', { kind: 'after_status', status: 500, times: 1 }],
    ['is a 502', { kind: 'after_status', status: 502, times: 1 }],
  ] as const satisfies readonly (readonly [string, FaultRule])[])(
    '%s, the customer is charged once',
    async (_how, rule) => {
      const { world } = shared
      const { customer } = await withMandate(world)
      const before = chargesSent(world).length
      world.dodo.faults.add({ ...rule, match: { method: 'POST', path: '/charge$' } })

      const invoice = world.bill(7_000, { customer })

      const report = await world.eventually(invoice.lago_id, isPaid)
      await world.sweep()
      await world.quiet()
      expect(report.payments).toHaveLength(1)
      expect(chargesSent(world)).toHaveLength(before + 1)
      expect(kindsOf(report)).toEqual(['charge paid'])
    },
  )

  test('is lost with every webhook, the charge is found among the mandate’s payments', async () => {
    const { world } = shared
    const { customer } = await withMandate(world)
    const before = chargesSent(world).length
    world.dodo.behaviour.charges = 'lost'
    world.dodo.courier.switches.lose = true

    const invoice = world.bill(7_000, { customer })
    await world.eventually(invoice.lago_id, ({ payments }) => payments.length === 1)
    await world.dodo.idle()
    world.dodo.courier.switches.lose = false
    await world.sweep()

    await world.eventually(invoice.lago_id, isPaid)
    expect(chargesSent(world)).toHaveLength(before + 1)
  })

  test.each([
    ['is lost', { kind: 'drop', times: 1 }],
    ['is a 500', { kind: 'status', status: 500, times: 1 }],
  ] as const satisfies readonly (readonly [string, FaultRule])[])(
    '%s and nothing was done, it is repeated as soon as that is certain, under the same key',
    async (_how, rule) => {
      const world = await openWorld(AUTOMATIC)
      const { customer } = await withMandate(world)
      world.dodo.faults.add({ ...rule, match: { method: 'POST', path: '/charge$' } })
      const invoice = world.bill(7_000, { customer })
      await world.eventually(invoice.lago_id, ({ attempts }) => attempts[0]?.status === 'unknown')
      await world.quiet()
      expect(chargesSent(world)).toHaveLength(1)

      world.advance(2 * MINUTE_MS)
      await world.sweep()

      const report = await world.eventually(invoice.lago_id, isPaid)
      expect(report.payments).toHaveLength(1)
      const keys = chargesSent(world).map(({ headers }) => headers.get('idempotency-key'))
      expect(keys).toEqual([`lago-inv-${invoice.lago_id}`, `lago-inv-${invoice.lago_id}`])
      await world.close()
    },
  )
})

describe('a charge that takes its time', () => {
  test('for days blocks every other attempt, and counts in the end', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer, mandate } = await withMandate(world)
    world.dodo.setCard(mandate, 'hold')
    const invoice = world.bill(7_000, { customer })
    const { payments, payUrl } = await world.eventually(
      invoice.lago_id,
      (report) => report.state === 'processing' && report.payments.length === 1,
    )
    for (let day = 0; day < 3; day += 1) {
      world.advance(DAY_MS)
      await world.sweep()
      await world.quiet()
    }
    expect(await world.follow(payUrl)).toBe('')
    const waiting = await world.invoiceReport(invoice.lago_id)
    expect(waiting).toMatchObject({ state: 'processing' })
    expect(kindsOf(waiting as Report)).toEqual(['charge live'])

    world.dodo.settlePayment(payments[0]?.dodoPaymentId ?? '', 'succeeded')

    await world.eventually(invoice.lago_id, isPaid)
    expect(chargesSent(world)).toHaveLength(1)
    await world.close()
  })

  test('for days and is declined then goes on as any declined one', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer, mandate } = await withMandate(world)
    world.dodo.setCard(mandate, 'hold')
    const invoice = world.bill(7_000, { customer })
    const { payments } = await world.eventually(
      invoice.lago_id,
      (report) => report.state === 'processing' && report.payments.length === 1,
    )
    world.advance(2 * DAY_MS)

    world.dodo.settlePayment(payments[0]?.dodoPaymentId ?? '', 'failed', 'EXPIRED_CARD')

    const report = await world.eventually(invoice.lago_id, isLinkOpen)
    expect(kindsOf(report)).toEqual(['charge declined', 'mandate live'])
    await world.close()
  })

  test('because the bank wants the customer goes to the customer after an hour, and counts once', async () => {
    const world = await openWorld(AUTOMATIC)
    const { customer, mandate } = await withMandate(world)
    world.dodo.setCard(mandate, 'hold')
    const invoice = world.bill(7_000, { customer })
    const { payments } = await world.eventually(
      invoice.lago_id,
      (report) => report.state === 'processing' && report.payments.length === 1,
    )
    const stuck = world.dodo.store.payments.get(payments[0]?.dodoPaymentId ?? '')
    if (stuck) Object.assign(stuck, { status: 'requires_customer_action' })
    await world.sweep()
    await world.quiet()
    expect(invoice.payment_status).toBe('pending')

    world.advance(HOUR_MS + 2 * MINUTE_MS)
    await world.sweep()
    const report = await world.eventually(invoice.lago_id, isLinkOpen)
    expect(kindsOf(report)).toEqual(['charge superseded', 'mandate live'])
    expect(invoice.payment_status).toBe('pending')

    world.dodo.pay(await world.follow(report.payUrl))
    await world.eventually(invoice.lago_id, isPaid)
    world.dodo.settlePayment(stuck?.payment_id ?? '', 'succeeded')
    await world.eventually(invoice.lago_id, ({ refunds }) => refunds[0]?.status === 'succeeded')
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
    expect(world.refundsOf(stuck?.payment_id ?? '').map(({ amount }) => amount)).toEqual([7_000])
    await world.close()
  })
})

describe('while every webhook of Dodo is lost', () => {
  const shared = shareWorld(AUTOMATIC)

  test('the sweep finds a saved card, and one that was cancelled', async () => {
    const { world } = shared
    const customer = world.addCustomer()
    const invoice = world.bill(5_000, { customer })
    const { sessionId } = await world.openCheckout(invoice.lago_id)
    await world.inSilence(() => world.dodo.pay(sessionId))
    await world.sweep()
    const mandate = await mandateOf(world, customer)
    await world.eventually(invoice.lago_id, isPaid)

    await world.inSilence(() => world.dodo.cancelMandate(mandate))
    await world.sweep()

    await mandateOf(world, customer, 'cancelled')
  })

  test('the sweep finds a card that was replaced, and the open invoice is charged', async () => {
    const { world } = shared
    const { customer, mandate } = await withMandate(world)
    world.dodo.setCard(mandate, 'INSUFFICIENT_FUNDS')
    const invoice = world.bill(7_000, { customer })
    await world.eventually(invoice.lago_id, ({ state }) => state === 'failed')

    world.dodo.setCard(mandate)
    await world.inSilence(() => world.dodo.replaceCard(mandate))
    await world.sweep()

    const report = await world.eventually(invoice.lago_id, isPaid)
    expect(report.attempts.at(-1)).toMatchObject({ kind: 'charge', status: 'paid' })
  })

  test('the sweep finds what became of a charge', async () => {
    const { world } = shared
    const { customer } = await withMandate(world)
    world.dodo.courier.switches.lose = true
    const invoice = world.bill(7_000, { customer })
    await world.eventually(invoice.lago_id, ({ payments }) => payments.length === 1)
    await world.dodo.idle()

    await world.sweep()

    await world.eventually(invoice.lago_id, isPaid)
    expect(world.paidIn(invoice.lago_id)).toHaveLength(1)
  })
})
