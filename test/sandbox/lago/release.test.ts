import { describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'

import { API_KEY, HMAC_KEY, LAGO_URL, openLago, WORKED_EXAMPLE } from './support.ts'

const shownAt = async (release: string | undefined) => {
  const bench = openLago(release === undefined ? {} : { release })
  const { lago_id } = bench.lago.createInvoice(WORKED_EXAMPLE)
  return {
    ...bench,
    lago_id,
    shown: (await bench.call('GET', `/invoices/${lago_id}`)).json.invoice,
  }
}

describe('a sandbox that plays a release', () => {
  test('says which one it is, without a key', async () => {
    const { lago } = openLago({ release: '1.18.0' })

    const response = await lago.fetch(`${LAGO_URL}/health`)

    expect(await response.json()).toMatchObject({ version: 'v1.18.0' })
  })

  test.each([
    ['1.0.0', false, false],
    ['1.18.0', false, false],
    ['1.22.0', true, false],
    ['1.40.0', true, false],
    ['1.41.0', true, true],
    [undefined, true, true],
  ])('at %p: due is shown %p, paid is shown %p', async (release, hasDue, hasPaid) => {
    const { shown } = await shownAt(release)

    expect('total_due_amount_cents' in shown).toBe(hasDue)
    expect('total_paid_amount_cents' in shown).toBe(hasPaid)
    expect(shown.total_amount_cents).toBe(10_800)
  })

  test('shows what was not paid of a void invoice as due, before 1.40', async () => {
    const { lago, call, lago_id } = await shownAt('1.36.0')
    lago.voidInvoice(lago_id)

    expect((await call('GET', `/invoices/${lago_id}`)).json.invoice).toMatchObject({
      status: 'voided',
      total_due_amount_cents: 10_800,
    })
  })

  test('ignores filters that it does not know, and lists everything', async () => {
    const { lago, call } = await shownAt('1.18.0')
    lago.createInvoice({ ...WORKED_EXAMPLE, paymentStatus: 'succeeded' })
    lago.createCustomer({ external_id: 'other', name: 'Other' })

    const listed = await call('GET', '/invoices?payment_statuses[]=failed')
    const customers = await call('GET', '/customers?external_id=nobody&search_term=nobody')

    expect(listed.json.invoices).toHaveLength(2)
    expect(customers.json.customers).toHaveLength(2)
    expect((await call('GET', '/invoices?payment_status=pending')).json.invoices).toHaveLength(1)
  })

  test.each([
    ['POST', '/invoices/x/lose_dispute', '1.0.0', '1.1.1'],
    ['GET', '/payments', '1.18.0', '1.19.0'],
    ['POST', '/payments', '1.18.0', '1.19.0'],
    ['GET', '/payment_requests', '1.8.2', '1.9.0'],
    ['GET', '/payment_requests/x', '1.32.0', '1.32.1'],
    ['GET', '/wallet_transactions/x', '1.19.0', '1.20.2'],
  ])('has no %s %s at %s and has it at %s', async (method, path, before, since) => {
    const body = { payment: { invoice_id: 'x', amount_cents: 1 } }
    const at = async (release: string) => {
      const { call } = openLago({ release })
      return (await call(method, path, method === 'POST' ? body : undefined)).json.code
    }

    expect(await at(before)).toBe('resource_not_found')
    expect(await at(since)).not.toBe('resource_not_found')
  })

  test('takes payments from 1.19 to 1.21 only with an integration, and stops at the invoice', async () => {
    const { call, lago_id } = await shownAt('1.20.2')
    const payment = { invoice_id: lago_id, amount_cents: 10_800, reference: 'pay_1' }
    expect((await call('POST', '/payments', { payment })).status).toBe(403)

    const able = openLago({ release: '1.20.2', integrations: ['manual_payments'] })
    const invoice = able.lago.createInvoice(WORKED_EXAMPLE)
    await able.heard()
    const given = { payment: { ...payment, invoice_id: invoice.lago_id } }
    expect((await able.call('POST', '/payments', given)).status).toBe(200)

    expect(invoice.payment_status).toBe('succeeded')
    expect(await able.types()).toEqual([])
  })

  test.each([
    ['1.33.1', ['invoice.created']],
    ['1.33.3', []],
    ['1.36.0', []],
    ['1.37.0', ['invoice.payment_failure']],
  ])('tells of a Retry at %s by %j', async (release, expected) => {
    const { lago, lago_id, types } = await shownAt(release)
    await types()

    lago.pressRetry(lago_id)

    expect(await types()).toEqual(expected)
  })

  test('signs with the API key before 1.16, and names no organisation before 1.33.3', async () => {
    for (const [release, key, isNamed] of [
      ['1.15.2', API_KEY, false],
      ['1.16.0', HMAC_KEY, false],
      ['1.33.3', HMAC_KEY, true],
    ] as const) {
      const { lago, heard } = openLago({ release })
      await heard()
      lago.createInvoice(WORKED_EXAMPLE)
      const [delivery] = await heard()

      const expected = createHmac('sha256', key)
        .update(delivery?.body ?? '')
        .digest('base64')
      expect(delivery?.headers.get('x-lago-signature')).toBe(expected)
      expect('organization_id' in (delivery?.json ?? {})).toBe(isNamed)
    }
  })

  test('drops the metadata of credit notes before 1.37 without a word', async () => {
    for (const [release, metadata] of [
      ['1.36.0', undefined],
      ['1.37.0', { dodo_refund_id: 'ref_1' }],
    ] as const) {
      const { lago, lago_id, call } = await shownAt(release)
      lago.recordManualPayment(lago_id, { amountCents: 10_800, reference: 'pay_1' })

      lago.createCreditNote({
        invoiceId: lago_id,
        refundAmountCents: 5_400,
        metadata: { dodo_refund_id: 'ref_1' },
      })

      expect((await call('GET', '/credit_notes')).json.credit_notes[0].metadata).toEqual(metadata)
    }
  })

  test('refunds what is marked as paid before 1.39, and what was recorded since', async () => {
    for (const [release, isRefused] of [
      ['1.36.0', false],
      ['1.40.0', true],
    ] as const) {
      const { lago, lago_id, call } = await shownAt(release)
      await call('PUT', `/invoices/${lago_id}`, { invoice: { payment_status: 'succeeded' } })

      const refund = () => lago.createCreditNote({ invoiceId: lago_id, refundAmountCents: 5_400 })

      if (isRefused) expect(refund).toThrow('cannot_refund_unpaid_invoice')
      else expect(refund().refund_amount_cents).toBe(5_400)
    }
  })

  test('writes to a void invoice in every release, and not today', async () => {
    for (const [release, status] of [
      ['1.51.0', 200],
      [undefined, 405],
    ] as const) {
      const { lago, lago_id, call } = await shownAt(release)
      lago.voidInvoice(lago_id)

      const change = { invoice: { payment_status: 'succeeded' } }
      expect((await call('PUT', `/invoices/${lago_id}`, change)).status).toBe(status)
    }
  })
})
