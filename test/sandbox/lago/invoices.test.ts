import { describe, expect, test } from 'bun:test'
import { openLago, refused, WORKED_EXAMPLE } from './support.ts'

describe('the API', () => {
  test('a wrong key is refused with a body that has no code', async () => {
    const { lago } = openLago()

    const response = await lago.fetch('http://lago.test/api/v1/invoices', {
      headers: { Authorization: 'Bearer wrong' },
    })

    expect(response.status).toBe(401)
    expect(await response.json()).toEqual({ status: 401, error: 'Unauthorized' })
  })

  test('health needs no key', async () => {
    const { lago } = openLago()

    const response = await lago.fetch('http://lago.test/health')

    expect(await response.json()).toMatchObject({ version: 'v1.50.0' })
  })

  test('a body under another root key is refused', async () => {
    const { lago, call } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    expect(
      await call('PUT', `/invoices/${lago_id}`, { payment_status: 'succeeded' }),
    ).toMatchObject({
      status: 400,
      json: {
        status: 400,
        error: 'BadRequest: param is missing or the value is empty or invalid: invoice',
      },
    })
  })

  test('an unknown route is a resource that is not found', async () => {
    expect(await openLago().call('GET', '/nothing')).toMatchObject(refused.notFound('resource'))
  })
})

describe('GET /invoices/:id', () => {
  test('the figures are those of the worked example', async () => {
    const { lago, call } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    const { json, text } = await call('GET', `/invoices/${lago_id}`)

    expect(json.invoice).toMatchObject({
      number: 'ACM-001-001',
      fees_amount_cents: 10_000,
      coupons_amount_cents: 1_000,
      sub_total_excluding_taxes_amount_cents: 9_000,
      taxes_amount_cents: 1_800,
      total_amount_cents: 10_800,
      total_due_amount_cents: 10_800,
      metadata: [],
      error_details: [],
    })
    expect(json.invoice.fees[0]).toMatchObject({
      precise_coupons_amount_cents: '1000.0',
      total_amount_cents: 11_800,
      units: '1.0',
    })
    expect(text).toContain('"taxes_rate":20.0')
    expect(text).toContain('Blue Fern \\u003cLtd\\u003e')
  })

  test('an open invoice is not to be seen', async () => {
    const { lago, call } = openLago()
    const { lago_id } = lago.createInvoice({ ...WORKED_EXAMPLE, status: 'open' })

    expect(await call('GET', `/invoices/${lago_id}`)).toMatchObject(refused.notFound('invoice'))
    expect((await call('GET', '/invoices')).json.meta).toEqual({
      current_page: 0,
      next_page: null,
      prev_page: null,
      total_pages: 0,
      total_count: 0,
    })
  })

  test('an invoice of nothing is paid from the start, with nothing paid', () => {
    const { lago } = openLago()

    const invoice = lago.createInvoice({
      externalCustomerId: 'acct_4711',
      fees: [{ amountCents: 500 }],
      coupons: [{ amountCents: 500 }],
    })

    expect(invoice).toMatchObject({ payment_status: 'succeeded', total_paid_amount_cents: 0 })
  })
})

describe('GET /invoices', () => {
  test('rows carry metadata and taxes but no fees', async () => {
    const { lago, call } = openLago()
    lago.createInvoice(WORKED_EXAMPLE)

    const { json } = await call('GET', '/invoices')

    expect(json.invoices[0]).toMatchObject({ metadata: [], applied_taxes: [{ tax_rate: 20 }] })
    expect(json.invoices[0]).not.toHaveProperty('fees')
  })

  test.each([
    ['status=voided&status=finalized', ['finalized', 'succeeded']],
    ['statuses[]=voided', ['voided']],
    ['statuses[]=finalized&payment_statuses[]=pending&payment_statuses[]=failed', ['finalized']],
    ['payment_status=succeeded', ['succeeded']],
    ['metadata[dodo_payment_id]=pay_1', ['succeeded']],
    ['metadata[dodo_payment_id]=&status=finalized', ['finalized']],
    ['search_term=acm-001-002', ['voided']],
    ['external_customer_id=nobody', []],
  ])('%s', async (query, expected) => {
    const { lago, call } = openLago()
    const finalized = lago.createInvoice({ ...WORKED_EXAMPLE, issuingDate: '2026-08-03' }).lago_id
    const voided = lago.createInvoice({ ...WORKED_EXAMPLE, issuingDate: '2026-08-02' }).lago_id
    const succeeded = lago.createInvoice({ ...WORKED_EXAMPLE, issuingDate: '2026-08-01' }).lago_id
    lago.voidInvoice(voided)
    const metadata = [{ key: 'dodo_payment_id', value: 'pay_1' }]
    const paid = { invoice: { payment_status: 'succeeded', metadata } }
    await call('PUT', `/invoices/${succeeded}`, paid)
    const names = new Map([
      [finalized, 'finalized'],
      [voided, 'voided'],
      [succeeded, 'succeeded'],
    ])

    const { json } = await call('GET', `/invoices?${query}`)

    const rows: { lago_id: string }[] = json.invoices
    expect(rows.map(({ lago_id }) => names.get(lago_id) ?? '')).toEqual(expected)
  })

  test('an unknown status is refused', async () => {
    expect((await openLago().call('GET', '/invoices?status=open')).status).toBe(422)
  })

  test('pages count from one', async () => {
    const { lago, call } = openLago()
    for (let count = 0; count < 3; count += 1) lago.createInvoice(WORKED_EXAMPLE)

    const { json } = await call('GET', '/invoices?page=2&per_page=2')

    expect(json.invoices).toHaveLength(1)
    expect(json.meta).toEqual({
      current_page: 2,
      next_page: null,
      prev_page: 1,
      total_pages: 2,
      total_count: 3,
    })
  })
})

const put = async (status: 'finalized' | 'draft' | 'voided', invoice: object) => {
  const bench = openLago()
  const { lago_id } = bench.lago.createInvoice({
    ...WORKED_EXAMPLE,
    status: status === 'draft' ? 'draft' : 'finalized',
  })
  if (status === 'voided') bench.lago.voidInvoice(lago_id)
  await bench.heard()
  const answer = await bench.call('PUT', `/invoices/${lago_id}`, { invoice })
  return { ...bench, lago_id, answer }
}
const entries = (count: number) =>
  Array.from({ length: count }, (_, index) => ({ key: `key_${index}`, value: 'value' }))

describe('PUT /invoices/:id', () => {
  test.each([
    ['voided', { metadata: [] }, refused.notAllowed('update_on_voided_invoice')],
    ['voided', { payment_status: 'failed' }, refused.notAllowed('update_on_voided_invoice')],
    ['draft', { metadata: entries(1) }, refused.notAllowed('metadata_on_draft_invoice')],
    [
      'draft',
      { payment_status: 'failed' },
      refused.notAllowed('payment_status_update_on_draft_invoice'),
    ],
    [
      'finalized',
      { payment_status: 'paid' },
      refused.invalid({ payment_status: ['value_is_invalid'] }),
    ],
    [
      'finalized',
      { payment_status: null },
      refused.invalid({ payment_status: ['value_is_invalid'] }),
    ],
    ['finalized', { metadata: entries(6) }, refused.invalid({ metadata: ['invalid_count'] })],
    [
      'finalized',
      { metadata: [{ key: 'dodo_checkout_session', value: 'cks' }] },
      refused.invalid({ key: ['value_is_too_long'] }),
    ],
    [
      'finalized',
      { metadata: [{ key: 'k', value: 'v'.repeat(141) }] },
      refused.invalid({ value: ['value_is_too_long'] }),
    ],
    [
      'finalized',
      { metadata: [{ key: 'k', value: '' }] },
      refused.invalid({ value: ['value_is_mandatory'] }),
    ],
  ] as const)('%s %j is refused', async (status, invoice, expected) => {
    const { answer, heard } = await put(status, invoice)

    expect(answer).toMatchObject(expected)
    expect(await heard()).toEqual([])
  })

  test('an unknown invoice is not found', async () => {
    const answer = await openLago().call('PUT', `/invoices/${crypto.randomUUID()}`, {
      invoice: { payment_status: 'failed' },
    })

    expect(answer).toMatchObject(refused.notFound('invoice'))
  })

  test('a paid invoice stays due in full, since nothing was recorded', async () => {
    const { answer } = await put('finalized', { payment_status: 'succeeded' })

    expect(answer.json.invoice).toMatchObject({
      payment_status: 'succeeded',
      total_paid_amount_cents: 0,
      total_due_amount_cents: 10_800,
    })
  })

  test('a status is announced when it changes, and only then', async () => {
    const { call, lago_id, types } = await put('finalized', { payment_status: 'failed' })
    expect(await types()).toEqual(['invoice.payment_status_updated'])

    await call('PUT', `/invoices/${lago_id}`, { invoice: { payment_status: 'failed' } })
    expect(await types()).toEqual([])

    await call('PUT', `/invoices/${lago_id}`, { invoice: { payment_status: 'pending' } })
    expect(await types()).toEqual(['invoice.payment_status_updated'])
  })

  test('unknown attributes are dropped', async () => {
    const { answer } = await put('finalized', {
      net_payment_term: 9,
      total_paid_amount_cents: 10_800,
    })

    expect(answer.json.invoice).toMatchObject({ net_payment_term: 0, total_paid_amount_cents: 0 })
  })

  test('metadata that is not named again is deleted', async () => {
    const { call, lago_id, answer } = await put('finalized', { metadata: entries(2) })
    const [kept] = answer.json.invoice.metadata

    const { json } = await call('PUT', `/invoices/${lago_id}`, {
      invoice: { metadata: [{ id: kept.lago_id }, { key: 'new', value: 'here' }] },
    })

    expect(json.invoice.metadata).toMatchObject([kept, { key: 'new', value: 'here' }])
  })

  test('a key sent again without its id fails the whole update', async () => {
    const { call, lago_id } = await put('finalized', { metadata: entries(1) })

    const again = await call('PUT', `/invoices/${lago_id}`, {
      invoice: { payment_status: 'succeeded', metadata: entries(1) },
    })

    expect(again).toMatchObject(refused.invalid({ key: ['value_already_exist'] }))
    const { json } = await call('GET', `/invoices/${lago_id}`)
    expect(json.invoice).toMatchObject({ payment_status: 'pending', metadata: [{ key: 'key_0' }] })
  })

  test('metadata alone is not announced', async () => {
    const { types } = await put('finalized', { metadata: entries(5) })

    expect(await types()).toEqual([])
  })
})

describe('what else can be done to an invoice', () => {
  test('a paid invoice can be voided, and nothing is due on it then', async () => {
    const { lago, call, types } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    lago.recordManualPayment(lago_id, { amountCents: 10_800, reference: 'cash' })
    await types()

    const { json } = await call('POST', `/invoices/${lago_id}/void`)

    expect(json.invoice).toMatchObject({ status: 'voided', total_due_amount_cents: 0 })
    expect(await types()).toEqual(['invoice.voided'])
    expect(await call('POST', `/invoices/${lago_id}/void`)).toMatchObject(
      refused.notAllowed('not_voidable'),
    )
  })

  test('voiding with a credit note gives back what is asked and burns the rest', async () => {
    const { lago, call } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    lago.recordManualPayment(lago_id, { amountCents: 10_800, reference: 'cash' })

    await call('POST', `/invoices/${lago_id}/void`, {
      generate_credit_note: true,
      refund_amount: 5_400,
    })

    expect(lago.store.creditNotes).toMatchObject([
      { refund_amount_cents: 5_400, refund_status: 'pending' },
      { credit_amount_cents: 5_400, credit_status: 'voided', balance_amount_cents: 0 },
    ])
  })

  test('voiding with a credit note needs a licence', async () => {
    const { lago, call } = openLago({ premium: false })
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    const answer = await call('POST', `/invoices/${lago_id}/void`, { generate_credit_note: true })

    expect(answer).toMatchObject(refused.forbidden)
    expect(lago.store.invoices.get(lago_id)?.status).toBe('finalized')
  })

  test('Retry asks whoever listens to collect, and changes nothing', async () => {
    const { lago, call, heard } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    await heard()

    const answer = await call('POST', `/invoices/${lago_id}/retry_payment`)

    expect(answer).toMatchObject({ status: 200, text: '' })
    expect((await heard()).map(({ json }) => json)).toMatchObject([
      {
        webhook_type: 'invoice.payment_failure',
        object_type: 'payment_provider_invoice_payment_error',
        payment_provider_invoice_payment_error: {
          lago_invoice_id: lago_id,
          external_customer_id: 'acct_4711',
          error_details: { code: 'customer_must_have_payment_provider' },
        },
      },
    ])
    expect(lago.store.invoices.get(lago_id)?.payment_status).toBe('pending')
  })

  test('Retry is refused for what is voided or paid', async () => {
    const { lago, call } = openLago()
    const voided = lago.createInvoice(WORKED_EXAMPLE).lago_id
    const paid = lago.createInvoice(WORKED_EXAMPLE).lago_id
    lago.voidInvoice(voided)
    lago.recordManualPayment(paid, { amountCents: 10_800, reference: 'cash' })

    for (const lagoId of [voided, paid])
      expect(await call('POST', `/invoices/${lagoId}/retry_payment`)).toMatchObject(
        refused.notAllowed('invalid_status'),
      )
  })

  test('a dispute is lost at the first call; the payment status stays', async () => {
    const { lago, call, heard } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    await heard()

    const { json } = await call('POST', `/invoices/${lago_id}/lose_dispute`)

    expect(json.invoice).toMatchObject({
      payment_dispute_lost_at: '2026-08-21T14:03:22.000Z',
      payment_status: 'pending',
    })
    expect((await heard())[0]?.json).toMatchObject({
      webhook_type: 'invoice.payment_dispute_lost',
      object_type: 'payment_dispute_lost',
      payment_dispute_lost: { invoice: { lago_id } },
    })
  })

  test('a draft cannot lose a dispute', async () => {
    const { lago, call } = openLago()
    const { lago_id } = lago.createInvoice({ ...WORKED_EXAMPLE, status: 'draft' })

    expect(await call('POST', `/invoices/${lago_id}/lose_dispute`)).toMatchObject(
      refused.notAllowed('not_disputable'),
    )
  })

  test('an overdue invoice is flagged and announced once', async () => {
    const { lago, types } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    await types()

    lago.markOverdue(lago_id)
    lago.markOverdue(lago_id)

    expect(await types()).toEqual(['invoice.payment_overdue'])
  })
})
