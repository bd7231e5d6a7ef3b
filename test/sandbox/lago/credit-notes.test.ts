import { describe, expect, test } from 'bun:test'
import * as fc from 'fast-check'
import type { NewFee } from '../../../sandbox/lago/store/invoices.ts'
import { openLago, refused, WORKED_EXAMPLE } from './support.ts'

/** The worked example, paid in full unless told otherwise. */
function openPaid(paidCents = 10_800, options: Parameters<typeof openLago>[0] = {}) {
  const bench = openLago(options)
  const invoice = bench.lago.createInvoice(WORKED_EXAMPLE)
  if (paidCents > 0) {
    bench.lago.recordManualPayment(invoice.lago_id, { amountCents: paidCents, reference: 'pay_1' })
  }
  const feeId = invoice.fees[0]?.lago_id ?? ''
  const credit = (change: Record<string, unknown>) =>
    bench.call('POST', '/credit_notes', {
      credit_note: {
        invoice_id: invoice.lago_id,
        refund_amount_cents: 5_400,
        items: [{ fee_id: feeId, amount_cents: 5_000 }],
        ...change,
      },
    })
  return { ...bench, invoice, feeId, credit }
}

describe('POST /credit_notes', () => {
  test('the worked example comes out to the cent', async () => {
    const { credit, heard, feeId } = openPaid()
    await heard()

    const { status, json } = await credit({ metadata: { dodo_refund_id: 'ref_EXAMPLE9' } })

    expect(status).toBe(200)
    expect(json.credit_note).toMatchObject({
      number: 'ACM-001-001-CN001',
      reason: 'other',
      refund_status: 'pending',
      credit_status: 'available',
      total_amount_cents: 5_400,
      refund_amount_cents: 5_400,
      taxes_amount_cents: 900,
      precise_taxes_amount_cents: '900.0',
      sub_total_excluding_taxes_amount_cents: 4_500,
      coupons_adjustment_amount_cents: 500,
      items: [{ amount_cents: 5_000, precise_amount_cents: '5000.0', fee: { lago_id: feeId } }],
      applied_taxes: [{ base_amount_cents: 4_500, amount_cents: 900 }],
      metadata: { dodo_refund_id: 'ref_EXAMPLE9' },
    })
    expect((await heard()).map((delivery) => delivery.json)).toMatchObject([
      {
        webhook_type: 'credit_note.created',
        credit_note: { metadata: { dodo_refund_id: 'ref_EXAMPLE9' } },
      },
    ])
  })

  test.each([
    [{ invoice_id: 'unknown' }, refused.notFound('invoice')],
    [{ reason: 'whim' }, refused.invalid({ reason: ['value_is_invalid'] })],
    [{ items: 'all' }, refused.invalid({ items: ['must_be_an_array'] })],
    [{ items: [{ fee_id: 'unknown', amount_cents: 1 }] }, refused.notFound('fee')],
    [{ refund_amount_cents: 5_402 }, refused.invalid({ base: ['does_not_match_item_amounts'] })],
    [
      { refund_amount_cents: 0, items: [] },
      refused.invalid({ base: ['total_amount_must_be_positive'] }),
    ],
    [{ refund_amount_cents: '5400' }, { status: 500 }],
    [{ metadata: { dodo_refund_id: 'x'.repeat(256) } }, { status: 422 }],
  ])('%j is refused', async (change, expected) => {
    const { credit, lago } = openPaid()

    expect(await credit(change)).toMatchObject(expected)
    expect(lago.store.creditNotes).toEqual([])
  })

  test('an item may not be negative, nor more than its fee has left', async () => {
    const { credit, feeId } = openPaid()
    const items = (amount: number) => ({ items: [{ fee_id: feeId, amount_cents: amount }] })

    expect(await credit(items(-1))).toMatchObject(
      refused.invalid({ amount_cents: ['invalid_value'] }),
    )
    expect(await credit(items(10_001))).toMatchObject(
      refused.invalid({ amount_cents: ['higher_than_remaining_fee_amount'] }),
    )
    await credit({})
    expect(await credit(items(5_001))).toMatchObject(
      refused.invalid({ amount_cents: ['higher_than_remaining_fee_amount'] }),
    )
  })

  test('without a licence it is refused', async () => {
    const { credit, lago } = openPaid()
    lago.setPremium(false)

    expect(await credit({})).toMatchObject(refused.forbidden)
    expect(await credit({ invoice_id: 'unknown' })).toMatchObject(refused.notFound('invoice'))
  })

  test('what a mere PUT called paid cannot be refunded', async () => {
    const { credit, call, invoice } = openPaid(0)
    await call('PUT', `/invoices/${invoice.lago_id}`, { invoice: { payment_status: 'succeeded' } })

    expect(await credit({})).toMatchObject(
      refused.invalid({ refund_amount_cents: ['cannot_refund_unpaid_invoice'] }),
    )
  })

  test('a part payment can be refunded up to what was paid', async () => {
    const { credit } = openPaid(5_000)

    expect(await credit({})).toMatchObject(
      refused.invalid({ refund_amount_cents: ['higher_than_remaining_invoice_amount'] }),
    )
  })

  test('several problems are named at once', async () => {
    const { credit } = openPaid(1_000)

    expect(await credit({ refund_amount_cents: 9_000 })).toMatchObject(
      refused.invalid({
        base: ['does_not_match_item_amounts'],
        refund_amount_cents: ['higher_than_remaining_invoice_amount'],
      }),
    )
  })

  test('an offset that covers what is due settles the invoice', async () => {
    const { credit, feeId, lago, invoice, types } = openPaid(0)
    await types()

    await credit({
      refund_amount_cents: 0,
      offset_amount_cents: 10_800,
      items: [{ fee_id: feeId, amount_cents: 10_000 }],
    })

    expect(lago.store.invoices.get(invoice.lago_id)?.payment_status).toBe('succeeded')
    expect(await types()).toEqual(['credit_note.created', 'invoice.payment_status_updated'])
  })

  test('a note on a draft invoice is hidden until the invoice is final', async () => {
    const { lago, call, types } = openLago()
    const draft = lago.createInvoice({ ...WORKED_EXAMPLE, status: 'draft' })
    lago.createCreditNote({ invoiceId: draft.lago_id, creditAmountCents: 1_080 })
    await types()
    expect((await call('GET', '/credit_notes')).json.credit_notes).toEqual([])

    lago.finalizeInvoice(draft.lago_id)

    expect(await types()).toEqual(['invoice.created', 'credit_note.created'])
    expect((await call('GET', '/credit_notes')).json.credit_notes).toHaveLength(1)
  })

  test('prepaid credits are refunded out of the wallet, while they last', async () => {
    const { lago } = openLago()
    const [transaction] = lago.topUpWallet({ externalCustomerId: 'acct_4711', paidCredits: '20' })
    const invoiceId = transaction?.invoice?.lago_id ?? ''
    const refund = () => lago.createCreditNote({ invoiceId, refundAmountCents: 1_500 })
    expect(refund).toThrow('invalid_type_or_status')
    lago.recordManualPayment(invoiceId, { amountCents: 2_000, reference: 'pay_1' })

    refund()

    expect(lago.store.wallets.get(transaction?.wallet.lago_id ?? '')?.balance).toEqual({
      numerator: 5n,
      denominator: 1n,
    })
    expect(refund).not.toThrow('cannot_credit_invoice')
  })
})

const estimate = (bench: ReturnType<typeof openPaid>, amount: number) =>
  bench.call('POST', '/credit_notes/estimate', {
    credit_note: {
      invoice_id: bench.invoice.lago_id,
      items: [{ fee_id: bench.feeId, amount_cents: amount }],
    },
  })

describe('POST /credit_notes/estimate', () => {
  test('the whole worked example', async () => {
    const bench = openPaid()

    expect((await estimate(bench, 10_000)).json.estimated_credit_note).toMatchObject({
      taxes_amount_cents: 1_800,
      precise_taxes_amount_cents: '1800.0',
      sub_total_excluding_taxes_amount_cents: 9_000,
      max_creditable_amount_cents: 10_800,
      max_refundable_amount_cents: 10_800,
      precise_coupons_adjustment_amount_cents: '1000.0',
      taxes_rate: 20,
      items: [{ lago_fee_id: bench.feeId, amount_cents: 10_000 }],
    })
  })

  test('nothing is refundable where nothing was recorded', async () => {
    const { json } = await estimate(openPaid(0), 10_000)

    expect(json.estimated_credit_note).toMatchObject({
      max_creditable_amount_cents: 10_800,
      max_refundable_amount_cents: 0,
    })
  })

  test('fractions are cut off, unlike in a note', async () => {
    const { json } = await estimate(openPaid(), 99.9)

    expect(json.estimated_credit_note.items).toMatchObject([{ amount_cents: 99 }])
  })

  test('without items it tells a licence from none', async () => {
    const bench = openPaid()
    const probe = { credit_note: { invoice_id: bench.invoice.lago_id, items: [] } }

    expect((await bench.call('POST', '/credit_notes/estimate', probe)).status).toBe(200)
    bench.lago.setPremium(false)
    expect(await bench.call('POST', '/credit_notes/estimate', probe)).toMatchObject(
      refused.forbidden,
    )
  })
})

describe('GET and PUT /credit_notes', () => {
  test.each([
    ['invoice_number=ACM-001-001&external_customer_id=acct_4711', 1],
    ['invoice_number=ACM-001-002', 0],
    ['refund_status=pending&types[]=refund', 1],
    ['refund_status=succeeded', 0],
    ['types[]=credit', 0],
    ['types[]=credit&types[]=refund', 1],
  ])('%s finds %i', async (query, count) => {
    const { credit, call } = openPaid()
    await credit({})

    expect((await call('GET', `/credit_notes?${query}`)).json.credit_notes).toHaveLength(count)
  })

  test('a refund status may become any other, without a webhook and without a licence', async () => {
    const { credit, call, lago, heard } = openPaid()
    const { json } = await credit({ metadata: { mine: '1' } })
    lago.setPremium(false)
    await heard()

    const path = `/credit_notes/${json.credit_note.lago_id}`
    const body = { refund_status: 'succeeded', metadata: { dodo_refund_id: 'ref_1' } }
    const updated = await call('PUT', path, { credit_note: body })

    expect(updated.json.credit_note).toMatchObject({
      refund_status: 'succeeded',
      metadata: { mine: '1', dodo_refund_id: 'ref_1' },
    })
    expect(await heard()).toEqual([])
    expect(await call('PUT', path, { credit_note: { refund_status: 'gone' } })).toMatchObject(
      refused.invalid({ refund_status: ['value_is_invalid'] }),
    )
  })

  test('a note without credit left cannot be voided', async () => {
    const { credit, call } = openPaid()
    const { json } = await credit({})

    expect(await call('PUT', `/credit_notes/${json.credit_note.lago_id}/void`)).toMatchObject(
      refused.notAllowed('no_voidable_amount'),
    )
  })
})

const billedFee = fc.record({
  amountCents: fc.integer({ min: 1, max: 1_000_000 }),
  taxes: fc.constantFrom([], [{ rate: 20 }], [{ rate: 7.7 }], [{ rate: 8.875 }, { rate: 2 }]),
})
const billed = fc.record({
  fees: fc.array(billedFee, { minLength: 1, maxLength: 5 }),
  couponShare: fc.double({ min: 0, max: 0.9, noNaN: true }),
  refundShare: fc.double({ min: 0.001, max: 1, noNaN: true }),
})

const openBilled = ({ fees, couponShare }: { fees: NewFee[]; couponShare: number }) => {
  const { lago } = openLago({ webhookUrl: undefined })
  const total = fees.reduce((sum, { amountCents }) => sum + amountCents, 0)
  const coupons = [{ amountCents: Math.floor(total * couponShare) }]
  const invoice = lago.createInvoice({ externalCustomerId: 'acct_4711', fees, coupons })
  const invoiceId = invoice.lago_id
  const paid = total - (coupons[0]?.amountCents ?? 0) + invoice.taxes_amount_cents
  lago.recordManualPayment(invoiceId, { amountCents: paid, reference: 'pay_1' })
  return { lago, invoiceId, paid }
}

describe('refunds of any size', () => {
  test('a part, spread by the recipe, is accepted and at most a cent off', () => {
    fc.assert(
      fc.property(billed, ({ refundShare, ...bill }) => {
        const { lago, invoiceId, paid } = openBilled(bill)
        const refund = Math.max(1, Math.floor(paid * refundShare))

        const note = lago.createCreditNote({ invoiceId, refundAmountCents: refund })

        expect(Math.abs(note.refund_amount_cents - refund)).toBeLessThanOrEqual(1)
      }),
      { numRuns: 500 },
    )
  })

  test('the whole is exact', () => {
    fc.assert(
      fc.property(billed, (bill) => {
        const { lago, invoiceId, paid } = openBilled(bill)

        const note = lago.createCreditNote({ invoiceId, refundAmountCents: paid })

        expect(note.refund_amount_cents).toBe(paid)
      }),
      { numRuns: 300 },
    )
  })
})
