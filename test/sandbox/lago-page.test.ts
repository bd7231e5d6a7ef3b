import { describe, expect, test } from 'bun:test'
import { openLago, WORKED_EXAMPLE } from './lago-support.ts'

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

  test('webhooks can be lost from here', async () => {
    const { lago, heard } = openLago()
    await heard()

    await press(lago, '/network', { lose: true })
    lago.createInvoice(WORKED_EXAMPLE)

    expect(await heard()).toEqual([])
    expect(lago.courier.log.at(-1)).toMatchObject({ type: 'invoice.created', status: 'lost' })
  })
})
