import { describe, expect, test } from 'bun:test'
import { openLago, WORKED_EXAMPLE } from './support.ts'

function press(lago: ReturnType<typeof openLago>['lago'], path: string, fields: object = {}) {
  return lago.fetch(`http://lago.test/sandbox${path}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(fields),
  })
}

describe('the Lago page', () => {
  test('an invoice is shown with its pay link and its credit notes', async () => {
    const { lago, call } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    const metadata = [{ key: 'dodo_pay_url', value: 'https://bridge.test/pay/token' }]
    await call('PUT', `/invoices/${lago_id}`, { invoice: { metadata } })
    await press(lago, `/invoices/${lago_id}/payments`)
    await press(lago, `/invoices/${lago_id}/credit_notes`, { refund_amount_cents: 5_400 })

    const html = await (await lago.fetch('http://lago.test/')).text()

    expect(html).toContain('href="https://bridge.test/pay/token"')
    expect(html).toContain('paid 108.00 USD')
    expect(html).toContain('ACM-001-001-CN001')
    expect(html).toContain('Blue Fern &lt;Ltd&gt;')
  })

  test('a form sends a person back, and a program gets the result', async () => {
    const { lago } = openLago()

    const form = await lago.fetch('http://lago.test/sandbox/customers', {
      method: 'POST',
      headers: { Referer: 'http://lago.test/' },
      body: new URLSearchParams({ name: 'Ann', email: 'ann@x.test', country: 'US', currency: '' }),
      redirect: 'manual',
    })
    const invoice = await press(lago, '/invoices', {
      external_customer_id: 'acct_4711',
      amount_cents: 9_900,
      tax_rate: 20,
      coupon_cents: 900,
    })

    expect(form.status).toBe(303)
    expect([...lago.store.customers.values()].at(-1)).toMatchObject({ name: 'Ann', currency: null })
    expect(await invoice.json()).toMatchObject({ total_amount_cents: 10_800, status: 'finalized' })
  })

  test('what Lago refuses, its page refuses', async () => {
    const { lago } = openLago({ premium: false })
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    expect((await press(lago, `/invoices/${lago_id}/payments`)).status).toBe(403)
    await press(lago, '/premium', { premium: true })
    expect((await press(lago, `/invoices/${lago_id}/payments`)).status).toBe(200)
  })

  test('customers are changed, topped up and dunned from here', async () => {
    const { lago, types } = openLago()
    lago.createCustomer({ external_id: 'a/b c', name: 'Odd', email: 'odd@x.test' })
    const at = `/customers/${encodeURIComponent('a/b c')}`
    const fees = [{ amountCents: 5_000 }]
    const { lago_id } = lago.createInvoice({ externalCustomerId: 'a/b c', fees })
    await types()

    await press(lago, at, { name: 'Even', country: '' })
    await press(lago, `${at}/top_up`, { paid_credits: '20', gated: 'true' })
    await press(lago, `/invoices/${lago_id}/overdue`)
    const asked = await press(lago, `${at}/payment_requests`)

    expect(lago.store.customers.get('a/b c')).toMatchObject({
      name: 'Even',
      email: 'odd@x.test',
      country: null,
    })
    expect(await asked.json()).toMatchObject({ payment_requests: [{ amount_cents: 5_000 }] })
    expect(await types()).toEqual([
      'customer.updated',
      'wallet.created',
      'wallet_transaction.created',
      'invoice.payment_overdue',
      'payment_request.created',
    ])
    const html = await (await lago.fetch('http://lago.test/')).text()
    for (const shown of ['Payment requests', 'once paid', 'Ask for all that is overdue'])
      expect(html).toContain(shown)
    expect(html).toContain('action="/sandbox/customers/a%2Fb%20c"')
  })

  test('offsets, voids with a refund, lost disputes and refund statuses have their buttons', async () => {
    const { lago } = openLago()
    const [paid, unpaid] = [lago.createInvoice(WORKED_EXAMPLE), lago.createInvoice(WORKED_EXAMPLE)]
    await press(lago, `/invoices/${paid.lago_id}/payments`)
    await press(lago, `/invoices/${paid.lago_id}/lose_dispute`)
    await press(lago, `/invoices/${paid.lago_id}/void`, {
      generate_credit_note: 'true',
      refund_amount: '5400',
    })
    await press(lago, `/invoices/${unpaid.lago_id}/credit_notes`, { offset_amount_cents: '10800' })
    const [note] = lago.store.creditNotes
    await press(lago, `/credit_notes/${note?.lago_id}/refund_status`, { refund_status: 'failed' })

    expect(paid).toMatchObject({ status: 'voided', payment_dispute_lost_at: expect.any(String) })
    expect(note).toMatchObject({ refund_amount_cents: 5_400, refund_status: 'failed' })
    expect(unpaid).toMatchObject({ payment_status: 'succeeded', total_paid_amount_cents: 0 })
  })

  test('a new invoice asks for a customer first, and a browser may ask for an icon', async () => {
    const { lago } = openLago()
    lago.store.customers.clear()

    expect(await (await lago.fetch('http://lago.test/')).text()).toContain('needs a customer')
    expect((await lago.fetch('http://lago.test/favicon.ico')).status).toBe(204)
  })

  test('the clock is put forward, and what is late is overdue', async () => {
    const { lago } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    const answer = await press(lago, '/clock', { days: '2' })

    expect(await answer.json()).toEqual({ now: '2026-08-23T14:03:22.000Z', overdue: [lago_id] })
  })

  test('webhooks can be lost from here', async () => {
    const { lago, heard } = openLago()
    await heard()

    await press(lago, '/network', { lose: true })
    lago.createInvoice(WORKED_EXAMPLE)

    expect(await heard()).toEqual([])
    expect(lago.courier.log.at(-1)).toMatchObject({ type: 'invoice.created', status: 'lost' })
  })
})
