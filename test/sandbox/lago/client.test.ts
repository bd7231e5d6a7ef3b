import { describe, expect, test } from 'bun:test'
import { Client, getLagoError } from 'lago-javascript-client'
import { API_KEY, LAGO_URL, openLago, WORKED_EXAMPLE } from './support.ts'

function openClient(options: Parameters<typeof openLago>[0] = {}) {
  const { lago, ...bench } = openLago(options)
  const client = Client(API_KEY, { baseUrl: `${LAGO_URL}/api/v1`, customFetch: lago.fetch })
  return { ...bench, lago, client }
}

describe("Lago's own client", () => {
  test('reads, pays and credits an invoice', async () => {
    const { lago, client } = openClient()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    const { data: read } = await client.invoices.findInvoice(lago_id)
    const { data: paid } = await client.payments.createPayment({
      payment: { invoice_id: lago_id, amount_cents: 10_800, reference: 'pay_1' },
    })
    const items = [{ fee_id: read.invoice.fees?.[0]?.lago_id ?? '', amount_cents: 5_000 }]
    const { data: noted } = await client.creditNotes.createCreditNote({
      credit_note: { invoice_id: lago_id, refund_amount_cents: 5_400, items },
    })

    expect(read.invoice.total_due_amount_cents).toBe(10_800)
    expect(paid.payment.invoice_ids).toEqual([lago_id])
    expect(noted.credit_note).toMatchObject({ refund_amount_cents: 5_400 })
    const { data: listed } = await client.invoices.findAllInvoices({
      'statuses[]': ['finalized'],
      'payment_statuses[]': ['succeeded'],
    })
    expect(listed.invoices).toHaveLength(1)
  })

  test('throws the answer of a refusal', async () => {
    const { client } = openClient()

    const refusal: unknown = await client.invoices.findInvoice('nothing').catch(getLagoError)

    expect(refusal).toEqual({ status: 404, error: 'Not Found', code: 'invoice_not_found' })
  })

  test('finds the organization that signs', async () => {
    const { lago, client } = openClient({ organizationId: 'org_1' })

    const { data } = await client.organizations.findOrganization()

    expect(data.organization.lago_id).toBe(lago.organizationId)
  })

  test('creates and finds customers', async () => {
    const { client, types } = openClient()
    await types()
    const customer = { external_id: 'a.b', email: 'a@b.test, c@d.test', country: 'DE' as const }

    await client.customers.createCustomer({ customer })
    await client.customers.createCustomer({ customer: { external_id: 'a.b' } })

    expect(await types()).toEqual(['customer.created', 'customer.updated'])
    const { data } = await client.customers.findAllCustomers({ external_id: 'a.b' })
    expect(data.customers).toMatchObject([customer])
    // Rails cuts an id in a path at its dot.
    const status = await client.customers.findCustomer('a.b').catch(({ status: code }) => code)
    expect(status).toBe(404)
  })

  test('a provider nobody knows unlinks the one there was', async () => {
    const { lago, call } = openClient()
    const link = (payment_provider: string) =>
      call('POST', '/customers', {
        customer: { external_id: 'acct_4711', billing_configuration: { payment_provider } },
      })
    await link('stripe')
    expect(lago.store.customers.get('acct_4711')?.payment_provider).toBe('stripe')

    await link('dodo')

    expect(lago.store.customers.get('acct_4711')?.payment_provider).toBeNull()
  })
})

describe('faults', () => {
  test('a payment may be recorded although the answer is lost', async () => {
    const { lago, call } = openClient()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    lago.faults.add({ kind: 'after_drop', match: { method: 'POST', path: '/payments' }, times: 1 })

    const outcome = await call('POST', '/payments', {
      payment: { invoice_id: lago_id, amount_cents: 10_800, reference: 'pay_1' },
    }).catch((error: unknown) => error)

    expect(outcome).toMatchObject({ code: 'ECONNRESET' })
    expect(lago.store.payments).toHaveLength(1)
  })
})
