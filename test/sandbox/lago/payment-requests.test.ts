import { describe, expect, test } from 'bun:test'
import type { NewInvoice } from '../../../sandbox/lago/store/invoices.ts'
import { openLago, refused } from './support.ts'

const DAY_MS = 24 * 60 * 60 * 1_000

/** Some overdue invoices, and what happens to a request for them. */
function openOverdue(...bills: (Partial<NewInvoice> & { isDue?: boolean })[]) {
  const bench = openLago()
  const invoices = bills.map(({ isDue = true, ...bill }) => {
    const fees = [{ amountCents: 12_000 }]
    const invoice = bench.lago.createInvoice({ externalCustomerId: 'acct_4711', fees, ...bill })
    if (isDue) bench.lago.markOverdue(invoice.lago_id)
    return invoice
  })
  const ids = invoices.map(({ lago_id }) => lago_id)
  const request = (change: object = {}) =>
    bench.call('POST', '/payment_requests', {
      payment_request: { external_customer_id: 'acct_4711', lago_invoice_ids: ids, ...change },
    })
  return { ...bench, invoices, ids, request }
}

describe('POST /payment_requests', () => {
  test('one demand for several invoices is announced with their base fields and no more', async () => {
    const { heard, request, ids, lago } = openOverdue({}, { fees: [{ amountCents: 6_000 }] })
    await heard()

    const { status, json } = await request({ email: 'ap@acme.example' })

    expect(status).toBe(200)
    const [delivery] = await heard()
    expect(delivery?.json).toEqual({
      webhook_type: 'payment_request.created',
      object_type: 'payment_request',
      organization_id: lago.organizationId,
      payment_request: json.payment_request,
    })
    expect(Object.keys(json.payment_request).toSorted()).toEqual([
      'amount_cents',
      'amount_currency',
      'created_at',
      'customer',
      'email',
      'invoices',
      'lago_id',
      'payment_status',
    ])
    expect(json.payment_request).toMatchObject({
      amount_cents: 18_000,
      amount_currency: 'USD',
      email: 'ap@acme.example',
      payment_status: 'pending',
      customer: { external_id: 'acct_4711' },
      invoices: [
        { lago_id: ids[0], total_due_amount_cents: 12_000, payment_overdue: true },
        { lago_id: ids[1], total_due_amount_cents: 6_000 },
      ],
    })
    for (const collection of ['fees', 'customer', 'metadata', 'applied_taxes', 'credits'])
      expect(json.payment_request.invoices[0]).not.toHaveProperty(collection)
  })

  test('its amount is what was due then, and it stays pending for ever', async () => {
    const { request, ids, call, lago } = openOverdue({}, {})
    lago.recordManualPayment(ids[0] ?? '', { amountCents: 2_000, reference: 'bank' })
    const { json } = await request()
    const path = `/payment_requests/${json.payment_request.lago_id}`

    for (const [id, amountCents] of [
      [ids[0], 10_000],
      [ids[1], 12_000],
    ] as const)
      lago.recordManualPayment(id ?? '', { amountCents, reference: 'pay_1' })

    expect((await call('GET', path)).json.payment_request).toMatchObject({
      amount_cents: 22_000,
      payment_status: 'pending',
      invoices: [{ payment_status: 'succeeded' }, { payment_status: 'succeeded' }],
    })
  })

  test.each<[string, Parameters<typeof openOverdue>, object]>([
    ['invoices_not_overdue', [{}, { isDue: false }], {}],
    ['invoices_have_different_currencies', [{}, { currency: 'EUR' }], {}],
    ['invoices_have_different_billing_entities', [{}, { billingEntityCode: 'other' }], {}],
    ['invoices_not_ready_for_payment_processing', [{}, { readyForPaymentProcessing: false }], {}],
  ])('%s is a state that forbids it', async (code, bills, change) => {
    expect(await openOverdue(...bills).request(change)).toMatchObject(refused.notAllowed(code))
  })

  test('an invoice that was paid or voided is not overdue any more', async () => {
    const { lago, ids, request } = openOverdue({}, {})
    lago.voidInvoice(ids[0] ?? '')
    lago.recordManualPayment(ids[1] ?? '', { amountCents: 12_000, reference: 'bank' })

    for (const id of ids)
      expect(await request({ lago_invoice_ids: [id] })).toMatchObject(
        refused.notAllowed('invoices_not_overdue'),
      )
  })

  test('customers and invoices that are not there, or not theirs, are not found', async () => {
    const { lago, request } = openOverdue({})
    lago.createCustomer({ external_id: 'other' })

    expect(await request({ external_customer_id: 'nobody' })).toMatchObject(
      refused.notFound('customer'),
    )
    expect(await request({ external_customer_id: 'other' })).toMatchObject(
      refused.notFound('invoice'),
    )
    expect(await request({ lago_invoice_ids: [] })).toMatchObject(refused.notFound('invoice'))
  })

  test('without a licence it is refused, and reading is not', async () => {
    const { lago, call, request } = openOverdue({})
    await request()
    lago.setPremium(false)

    expect(await request()).toMatchObject(refused.forbidden)
    expect((await call('GET', '/payment_requests')).json.payment_requests).toHaveLength(1)
  })
})

describe('GET /payment_requests', () => {
  test.each([
    ['/payment_requests', 1],
    ['/payment_requests?external_customer_id=acct_4711', 1],
    ['/payment_requests?external_customer_id=other', 0],
    ['/payment_requests?payment_status=pending&currency=USD', 1],
    ['/payment_requests?payment_status=succeeded', 0],
    ['/payment_requests?currency=EUR', 0],
    ['/customers/acct_4711/payment_requests', 1],
    ['/customers/other/payment_requests', 0],
  ])('%s finds %i', async (path, count) => {
    const { lago, request, call } = openOverdue({})
    lago.createCustomer({ external_id: 'other' })
    await request()

    const { json } = await call('GET', path)
    expect(json.payment_requests).toHaveLength(count)
    expect(json.meta).toMatchObject({ total_count: count })
  })

  test('an unknown one is not found', async () => {
    const { call } = openOverdue()

    expect(await call('GET', '/payment_requests/x')).toMatchObject(
      refused.notFound('payment_request'),
    )
  })
})

describe('dunning', () => {
  test('each attempt makes one request per currency', async () => {
    const { lago, types } = openOverdue({}, { currency: 'EUR' }, {}, { isDue: false })
    await types()

    const requests = lago.dunCustomer('acct_4711')

    expect(requests.map((one) => [one.amount_currency, one.amount_cents])).toEqual([
      ['USD', 24_000],
      ['EUR', 12_000],
    ])
    expect(await types()).toEqual(['payment_request.created', 'payment_request.created'])
  })

  test('the clock makes overdue what is past its due date, once', async () => {
    const { lago, ids, types } = openOverdue({ isDue: false }, { isDue: false, netPaymentTerm: 30 })
    await types()

    const flagged = lago.advanceClock(2 * DAY_MS)
    lago.advanceClock(DAY_MS)

    expect(flagged.map(({ lago_id }) => lago_id)).toEqual([ids[0] ?? ''])
    expect(await types()).toEqual(['invoice.payment_overdue'])
  })
})
