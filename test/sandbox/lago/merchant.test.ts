import { describe, expect, test } from 'bun:test'
import { openLago, refused, WORKED_EXAMPLE } from './support.ts'

/** The worked example, paid, and what its merchant does with it. */
function openPaid() {
  const bench = openLago()
  const invoice = bench.lago.createInvoice(WORKED_EXAMPLE)
  const invoiceId = invoice.lago_id
  bench.lago.recordManualPayment(invoiceId, { amountCents: 10_800, reference: 'pay_1' })
  return { ...bench, invoice, invoiceId }
}

describe('credit notes by the merchant', () => {
  test('a refund is announced as pending, without metadata, and waits for whoever makes it', async () => {
    const { lago, call, heard, invoiceId } = openPaid()
    await heard()

    const note = lago.createCreditNote({
      invoiceId,
      refundAmountCents: 5_400,
      reason: 'product_unsatisfactory',
    })

    const [delivery] = await heard()
    expect(delivery?.json).toMatchObject({
      webhook_type: 'credit_note.created',
      object_type: 'credit_note',
      credit_note: {
        lago_invoice_id: invoiceId,
        refund_amount_cents: 5_400,
        refund_status: 'pending',
        reason: 'product_unsatisfactory',
        customer: { external_id: 'acct_4711' },
        items: [{ amount_cents: 5_000 }],
      },
    })
    expect(delivery?.json['credit_note']).not.toHaveProperty('metadata')
    const { json } = await call('GET', '/credit_notes?refund_status=pending&types[]=refund')
    expect(json.credit_notes).toMatchObject([{ lago_id: note.lago_id }])
  })

  test('a credit and an offset refund nothing', () => {
    const { lago, invoiceId } = openPaid()
    const unpaid = lago.createInvoice(WORKED_EXAMPLE)

    expect(lago.createCreditNote({ invoiceId, creditAmountCents: 1_080 })).toMatchObject({
      refund_status: null,
      balance_amount_cents: 1_080,
    })
    const offset = { invoiceId: unpaid.lago_id, offsetAmountCents: 1_080 }
    expect(lago.createCreditNote(offset)).toMatchObject({ refund_status: null })
    expect(unpaid).toMatchObject({ payment_status: 'pending' })
  })

  test('an offset shrinks what is due without a word about the invoice', async () => {
    const { lago, call, types } = openLago()
    const { lago_id: invoiceId } = lago.createInvoice(WORKED_EXAMPLE)
    await types()
    lago.createCreditNote({ invoiceId, offsetAmountCents: 5_400 })

    expect(await types()).toEqual(['credit_note.created'])
    expect((await call('GET', `/invoices/${invoiceId}`)).json.invoice).toMatchObject({
      total_due_amount_cents: 5_400,
      total_offsetted_credit_note_amount_cents: 5_400,
    })
  })

  test('the notes come in pages', async () => {
    const { lago, call, invoiceId } = openPaid()
    for (const _ of [1, 2, 3]) lago.createCreditNote({ invoiceId, refundAmountCents: 1_080 })

    const page = async (number: number) => {
      const { json } = await call(
        'GET',
        `/credit_notes?refund_status=pending&types[]=refund&per_page=2&page=${number}`,
      )
      return [json.credit_notes.length, json.meta.next_page]
    }
    expect([await page(1), await page(2), await page(3)]).toEqual([
      [2, 2],
      [1, null],
      [0, null],
    ])
  })

  test('metadata are replaced, merged, and taken away, one or all', async () => {
    const { lago, call, invoiceId } = openPaid()
    const note = lago.createCreditNote({ invoiceId, refundAmountCents: 100, metadata: { a: '1' } })
    const path = `/credit_notes/${note.lago_id}/metadata`
    const send = async (method: string, at = path, metadata?: object) =>
      (await call(method, at, metadata && { metadata })).json.metadata

    expect(await send('PATCH', path, { b: '2' })).toEqual({ a: '1', b: '2' })
    expect(await send('DELETE', `${path}/a`)).toEqual({ b: '2' })
    expect(await send('POST', path, { c: '3' })).toEqual({ c: '3' })
    expect(await send('DELETE')).toBeNull()
  })

  test('voiding with a credit note refunds what was asked', async () => {
    const { lago, types, invoiceId } = openPaid()
    await types()
    lago.voidInvoice(invoiceId, { generateCreditNote: true, refundAmountCents: 5_400 })

    expect(await types()).toEqual(['invoice.voided', 'credit_note.created', 'credit_note.created'])
    expect(lago.store.creditNotes[0]).toMatchObject({ refund_amount_cents: 5_400 })
  })
})

describe('payments by the merchant', () => {
  test('part of an invoice, in silence; then the rest, once', async () => {
    const { lago, call, types } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    await types()

    lago.recordManualPayment(lago_id, { amountCents: 800, reference: 'cash' })
    expect(await types()).toEqual([])
    lago.recordManualPayment(lago_id, { amountCents: 10_000, reference: 'bank' })
    expect(await types()).toEqual(['invoice.payment_status_updated'])

    const { json } = await call('GET', '/customers/acct_4711/payments')
    expect(json.payments).toHaveLength(2)
    expect(() => lago.recordManualPayment(lago_id, { amountCents: 1, reference: 'x' })).toThrow(
      'value_is_out_of_range',
    )
  })
})

describe('customers', () => {
  test('every upsert is announced, changed or not', async () => {
    const { lago, heard } = openLago()
    await heard()

    lago.updateCustomer('acct_4711', { name: 'Red Fern', email: 'new@fern.example', country: 'FR' })
    lago.updateCustomer('acct_4711', {})
    const deliveries = await heard()

    expect(deliveries.map(({ json }) => json['webhook_type'])).toEqual([
      'customer.updated',
      'customer.updated',
    ])
    expect(deliveries[1]?.json['customer']).toMatchObject({
      external_id: 'acct_4711',
      name: 'Red Fern',
      email: 'new@fern.example',
      country: 'FR',
    })
    expect(() => lago.updateCustomer('nobody', {})).toThrow('customer_not_found')
  })

  test.each(['invoices', 'payments', 'credit_notes', 'payment_requests'])(
    'the %s of one customer are listed under it',
    async (list) => {
      const { lago, call, invoiceId } = openPaid()
      lago.createCustomer({ external_id: 'other' })
      lago.createCreditNote({ invoiceId, refundAmountCents: 100 })

      const mine = (await call('GET', `/customers/acct_4711/${list}`)).json
      expect(mine[list]).toHaveLength(list === 'payment_requests' ? 0 : 1)
      expect((await call('GET', `/customers/other/${list}`)).json[list]).toEqual([])
      expect(await call('GET', `/customers/nobody/${list}`)).toMatchObject(
        refused.notFound('customer'),
      )
    },
  )
})
