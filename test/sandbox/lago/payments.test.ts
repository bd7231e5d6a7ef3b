import { describe, expect, test } from 'bun:test'
import { openLago, refused, WORKED_EXAMPLE } from './support.ts'

type Bench = ReturnType<typeof openLago>

/** Pays the invoice of the worked example, with what differs from a correct request. */
async function pay(bench: Bench, lagoId: string, change: Record<string, unknown> = {}) {
  return bench.call('POST', '/payments', {
    payment: { invoice_id: lagoId, amount_cents: 10_800, reference: 'pay_EXAMPLE123', ...change },
  })
}

describe('POST /payments', () => {
  test('the last cent due settles the invoice', async () => {
    const bench = openLago()
    const { lago_id } = bench.lago.createInvoice(WORKED_EXAMPLE)
    await bench.heard()

    const answer = await pay(bench, lago_id, { paid_at: '2026-08-20T10:00:00Z' })

    expect(answer).toMatchObject({
      status: 200,
      json: {
        payment: {
          invoice_ids: [lago_id],
          amount_cents: 10_800,
          amount_currency: 'USD',
          reference: 'pay_EXAMPLE123',
          type: 'manual',
          created_at: '2026-08-20T10:00:00Z',
        },
      },
    })
    const { json } = await bench.call('GET', `/invoices/${lago_id}`)
    expect(json.invoice).toMatchObject({
      payment_status: 'succeeded',
      total_paid_amount_cents: 10_800,
      total_due_amount_cents: 0,
    })
    expect(await bench.types()).toEqual(['invoice.payment_status_updated'])
  })

  test('a part payment is silent and leaves the rest due', async () => {
    const bench = openLago()
    const { lago_id } = bench.lago.createInvoice(WORKED_EXAMPLE)
    await bench.heard()

    await pay(bench, lago_id, { amount_cents: 800 })

    const { json } = await bench.call('GET', `/invoices/${lago_id}`)
    expect(json.invoice).toMatchObject({
      payment_status: 'pending',
      total_paid_amount_cents: 800,
      total_due_amount_cents: 10_000,
    })
    expect(await bench.types()).toEqual([])
  })

  test('the same reference twice is two payments', async () => {
    const bench = openLago()
    const { lago_id } = bench.lago.createInvoice(WORKED_EXAMPLE)

    await pay(bench, lago_id, { amount_cents: 400 })
    await pay(bench, lago_id, { amount_cents: 400 })

    const { json } = await bench.call('GET', `/payments?invoice_id=${lago_id}`)
    expect(json.payments).toMatchObject([
      { reference: 'pay_EXAMPLE123' },
      { reference: 'pay_EXAMPLE123' },
    ])
  })

  test('an invoice that a PUT called paid can still be paid, in silence', async () => {
    const bench = openLago()
    const { lago_id } = bench.lago.createInvoice(WORKED_EXAMPLE)
    await bench.call('PUT', `/invoices/${lago_id}`, { invoice: { payment_status: 'succeeded' } })
    await bench.heard()

    expect((await pay(bench, lago_id)).status).toBe(200)
    expect(await bench.types()).toEqual([])
  })

  test.each([
    [{ invoice_id: '' }, refused.invalid({ invoice_id: ['value_is_mandatory'] })],
    [{ amount_cents: '10800' }, refused.invalid({ amount_cents: ['invalid_value'] })],
    [{ amount_cents: 10.5 }, refused.invalid({ amount_cents: ['invalid_value'] })],
    [{ amount_cents: 0 }, refused.invalid({ amount_cents: ['invalid_value'] })],
    [{ amount_cents: -1 }, refused.invalid({ amount_cents: ['invalid_value'] })],
    [{ invoice_id: crypto.randomUUID() }, refused.notFound('invoice')],
    [{ paid_at: 'yesterday' }, refused.invalid({ paid_at: ['invalid_date'] })],
    [{ reference: '' }, refused.invalid({ reference: ['value_is_mandatory'] })],
    [{ reference: 'r'.repeat(41) }, refused.invalid({ reference: ['value_is_too_long'] })],
    [{ amount_cents: 10_801 }, refused.invalid({ amount_cents: ['value_is_out_of_range'] })],
  ])('%j is refused', async (change, expected) => {
    const bench = openLago()
    const { lago_id } = bench.lago.createInvoice(WORKED_EXAMPLE)

    expect(await pay(bench, lago_id, change)).toMatchObject(expected)
    expect(bench.lago.store.payments).toEqual([])
  })

  test('without a licence it is refused, but only after the invoice was found', async () => {
    const bench = openLago({ premium: false })
    const { lago_id } = bench.lago.createInvoice(WORKED_EXAMPLE)

    expect(await pay(bench, lago_id, { reference: '' })).toMatchObject(refused.forbidden)
    expect(await pay(bench, crypto.randomUUID())).toMatchObject(refused.notFound('invoice'))
    expect(await pay(bench, lago_id, { amount_cents: 'x' })).toMatchObject({ status: 422 })
  })

  test.each(['draft', 'pending', 'failed'] as const)(
    'a %s invoice is refused as if there were no licence',
    async (status) => {
      const bench = openLago()
      const { lago_id } = bench.lago.createInvoice({ ...WORKED_EXAMPLE, status })

      expect(await pay(bench, lago_id)).toMatchObject(refused.forbidden)
    },
  )

  test('a voided invoice is refused as if there were no licence', async () => {
    const bench = openLago()
    const { lago_id } = bench.lago.createInvoice(WORKED_EXAMPLE)
    bench.lago.voidInvoice(lago_id)

    expect(await pay(bench, lago_id)).toMatchObject(refused.forbidden)
  })
})

describe('prepaid credits', () => {
  test('a top-up is billed by a credit invoice, and paying it fills the wallet', async () => {
    const bench = openLago()
    await bench.heard()
    const [transaction] = bench.lago.topUpWallet({
      externalCustomerId: 'acct_4711',
      paidCredits: '20.0',
    })
    expect(await bench.types()).toEqual([
      'wallet.created',
      'wallet_transaction.created',
      'invoice.paid_credit_added',
    ])
    const invoiceId = transaction?.invoice?.lago_id ?? ''

    const half = await pay(bench, invoiceId, { amount_cents: 1_000 })
    const whole = await pay(bench, invoiceId, { amount_cents: 2_000 })

    expect(half).toMatchObject(refused.invalid({ amount_cents: ['invalid_amount'] }))
    expect(whole.status).toBe(200)
    const { json } = await bench.call('GET', `/wallets/${transaction?.wallet.lago_id}`)
    expect(json.wallet).toMatchObject({ balance_cents: 2_000, credits_balance: '20.0' })
    expect(await bench.types()).toEqual([
      'wallet_transaction.updated',
      'wallet.updated',
      'invoice.payment_status_updated',
    ])
  })

  test('a free Lago settles a top-up by PUT, and a failure before that does not stick', async () => {
    const bench = openLago({ premium: false })
    const [transaction] = bench.lago.topUpWallet({
      externalCustomerId: 'acct_4711',
      paidCredits: '5',
    })
    const path = `/invoices/${transaction?.invoice?.lago_id}`

    await bench.call('PUT', path, { invoice: { payment_status: 'failed' } })
    const failed = transaction?.status
    await bench.call('PUT', path, { invoice: { payment_status: 'succeeded' } })

    expect([failed, transaction?.status]).toEqual(['failed', 'settled'])
  })

  test('a gated top-up has an invoice nobody sees until it is paid', async () => {
    const bench = openLago()
    const [transaction] = bench.lago.topUpWallet({
      externalCustomerId: 'acct_4711',
      paidCredits: '20.0',
      invoiceRequiresSuccessfulPayment: true,
    })
    const invoiceId = transaction?.invoice?.lago_id ?? ''
    expect((await bench.call('GET', `/invoices/${invoiceId}`)).status).toBe(404)
    await bench.heard()

    await pay(bench, invoiceId, { amount_cents: 2_000 })

    expect((await bench.call('GET', `/invoices/${invoiceId}`)).json.invoice).toMatchObject({
      status: 'finalized',
      payment_status: 'succeeded',
    })
    expect(await bench.types()).toEqual([
      'wallet_transaction.updated',
      'wallet.updated',
      'invoice.paid_credit_added',
    ])
  })

  test('credits given as a number are refused', async () => {
    const bench = openLago()
    bench.lago.topUpWallet({ externalCustomerId: 'acct_4711', paidCredits: '1' })
    const [walletId] = bench.lago.store.wallets.keys()

    const answer = await bench.call('POST', '/wallet_transactions', {
      wallet_transaction: { wallet_id: walletId, paid_credits: 20 },
    })

    expect(answer).toMatchObject(
      refused.invalid({ paid_credits: ['invalid_paid_credits', 'invalid_amount'] }),
    )
  })
})
