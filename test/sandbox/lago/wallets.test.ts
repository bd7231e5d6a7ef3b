import { describe, expect, test } from 'bun:test'
import type { TopUp } from '../../../sandbox/lago/store/acts.ts'
import type { SandboxLagoOptions } from '../../../sandbox/lago/lago.ts'
import { openLago, refused } from './support.ts'

function openToppedUp(input: Partial<TopUp> = {}, options: Partial<SandboxLagoOptions> = {}) {
  const bench = openLago(options)
  const [transaction] = bench.lago.topUpWallet({
    externalCustomerId: 'acct_4711',
    paidCredits: '20.0',
    ...input,
  })
  if (!transaction) throw new Error('nothing was topped up')
  const invoiceId = () => transaction.invoice?.lago_id ?? ''
  const pay = () =>
    bench.call('POST', '/payments', {
      payment: { invoice_id: invoiceId(), amount_cents: 2_000, reference: 'pay_1' },
    })
  const balance = () => bench.call('GET', `/wallets/${transaction.wallet.lago_id}`)
  return { ...bench, transaction, invoiceId, pay, balance }
}

const gated = { invoiceRequiresSuccessfulPayment: true }

describe('a top-up that is billed only once paid', () => {
  test('it is announced without its invoice, which the transaction names later', async () => {
    const { call, heard, lago, transaction } = openToppedUp(gated, { topUpDelayMs: 20 })
    const read = async () => {
      const { json } = await call('GET', `/wallet_transactions/${transaction.lago_id}`)
      return json.wallet_transaction
    }

    expect(await read()).toMatchObject({ lago_invoice_id: null, status: 'pending' })
    await lago.idle()
    expect(await read()).toMatchObject({
      lago_invoice_id: transaction.invoice?.lago_id,
      amount: '20.0',
      invoice_requires_successful_payment: true,
    })
    const deliveries = await heard()
    expect(deliveries.at(-1)?.json['wallet_transaction']).toMatchObject({
      lago_invoice_id: null,
      transaction_status: 'purchased',
      transaction_type: 'inbound',
      wallet: { external_customer_id: 'acct_4711', currency: 'USD' },
    })
  })

  test('its invoice can be paid, and by no other way seen or changed', async () => {
    const { call, invoiceId } = openToppedUp(gated)
    const path = `/invoices/${invoiceId()}`

    for (const [method, body] of [
      ['GET'],
      ['PUT', { invoice: { payment_status: 'succeeded' } }],
    ] as const)
      expect(await call(method, path, body)).toMatchObject(refused.notFound('invoice'))
    for (const list of ['/invoices', '/customers/acct_4711/invoices'])
      expect((await call('GET', list)).json.invoices).toEqual([])
    expect(
      await call('POST', '/credit_notes', { credit_note: { invoice_id: invoiceId(), items: [] } }),
    ).toMatchObject(refused.notFound('invoice'))
  })

  test('paying it settles, finalises, and announces it as paid already', async () => {
    const { call, heard, pay, invoiceId, balance } = openToppedUp(gated)
    await heard()

    expect((await pay()).status).toBe(200)

    const deliveries = await heard()
    expect(deliveries.map(({ json }) => json['webhook_type'])).toEqual([
      'wallet_transaction.updated',
      'wallet.updated',
      'invoice.paid_credit_added',
    ])
    expect(deliveries.at(-1)?.json['invoice']).toMatchObject({
      status: 'finalized',
      payment_status: 'succeeded',
      total_due_amount_cents: 0,
    })
    expect((await balance()).json.wallet).toMatchObject({ credits_balance: '20.0' })
    expect((await call('GET', `/payments?invoice_id=${invoiceId()}`)).json.payments).toHaveLength(1)
  })

  test('without a licence the wish has no effect', async () => {
    const { call, invoiceId, transaction } = openToppedUp(gated, { premium: false })

    expect(transaction.invoice_requires_successful_payment).toBe(true)
    expect((await call('GET', `/invoices/${invoiceId()}`)).json.invoice).toMatchObject({
      status: 'finalized',
      payment_status: 'pending',
    })
  })

  test('a wallet may wish it for all its top-ups', async () => {
    const { call } = openLago()
    const wallet = { external_customer_id: 'acct_4711', invoice_requires_successful_payment: true }
    const { json } = await call('POST', '/wallets', { wallet })
    const topUp = { wallet_id: json.wallet.lago_id, paid_credits: '5' }

    const made = await call('POST', '/wallet_transactions', { wallet_transaction: topUp })
    expect(made.json.wallet_transactions).toMatchObject([
      { invoice_requires_successful_payment: true },
    ])
    expect((await call('GET', '/invoices')).json.invoices).toEqual([])
  })
})

describe('reading wallets', () => {
  test('a wallet is found by its customer', async () => {
    const { call, lago, transaction } = openToppedUp()
    lago.createCustomer({ external_id: 'other' })

    const found = async (customer: string) =>
      (await call('GET', `/wallets?external_customer_id=${customer}`)).json.wallets
    expect(await found('acct_4711')).toMatchObject([{ lago_id: transaction.wallet.lago_id }])
    expect(await found('other')).toEqual([])
    expect(await call('GET', '/wallets?external_customer_id=nobody')).toMatchObject(
      refused.notFound('customer'),
    )
  })

  test.each([
    ['', 2],
    ['status=pending', 1],
    ['status=settled', 1],
    ['transaction_status=purchased&transaction_type=inbound', 1],
    ['transaction_type=outbound', 0],
    ['metadata[plan]=pro', 2],
    ['metadata[plan]=free', 0],
  ])('?%s finds %i of its transactions', async (query, count) => {
    const metadata = [{ key: 'plan', value: 'pro' }]
    const { call, transaction } = openToppedUp({ grantedCredits: '5', metadata })

    const path = `/wallets/${transaction.wallet.lago_id}/wallet_transactions?${query}`
    expect((await call('GET', path)).json.wallet_transactions).toHaveLength(count)
  })

  test('a top-up by rule says so', async () => {
    const { call, transaction } = openToppedUp({ source: 'threshold' })

    const { json } = await call('GET', `/wallet_transactions/${transaction.lago_id}`)
    expect(json.wallet_transaction).toMatchObject({ source: 'threshold', status: 'pending' })
    expect(await call('GET', '/wallet_transactions/x')).toMatchObject(
      refused.notFound('wallet_transaction'),
    )
  })
})

describe('spending credits', () => {
  test('an invoice is paid from the wallet first, and the rest is due', async () => {
    const { lago, pay, types, balance } = openToppedUp()
    await pay()
    await types()

    const invoice = lago.createInvoice({
      externalCustomerId: 'acct_4711',
      fees: [{ amountCents: 5_000 }],
      prepaidCreditAmountCents: 1_500,
    })

    expect(await types()).toEqual([
      'wallet_transaction.created',
      'wallet.updated',
      'invoice.created',
    ])
    expect((await balance()).json.wallet).toMatchObject({ balance_cents: 500 })
    expect(() =>
      lago.createInvoice({
        externalCustomerId: 'acct_4711',
        fees: [{ amountCents: 5_000 }],
        prepaidCreditAmountCents: 501,
      }),
    ).toThrow('higher_than_wallet_balance')

    lago.voidInvoice(invoice.lago_id)
    expect((await balance()).json.wallet).toMatchObject({ balance_cents: 2_000 })
  })

  test('one-offs take no credits', () => {
    const { lago } = openLago()
    const bill = () =>
      lago.createInvoice({
        externalCustomerId: 'acct_4711',
        fees: [{ amountCents: 5_000 }],
        invoiceType: 'one_off',
        prepaidCreditAmountCents: 100,
      })

    expect(bill).toThrow('one_off_takes_no_credits')
  })

  test('of a top-up only what was not spent can be refunded', async () => {
    const { lago, pay, types, balance, invoiceId } = openToppedUp()
    await pay()
    lago.createInvoice({
      externalCustomerId: 'acct_4711',
      fees: [{ amountCents: 1_200 }],
      prepaidCreditAmountCents: 1_200,
    })
    await types()
    const refund = (refundAmountCents: number) =>
      lago.createCreditNote({ invoiceId: invoiceId(), refundAmountCents })

    expect(() => refund(801)).toThrow('higher_than_wallet_balance')
    refund(800)
    expect(await types()).toEqual([
      'wallet_transaction.created',
      'wallet.updated',
      'credit_note.created',
    ])
    expect((await balance()).json.wallet).toMatchObject({ balance_cents: 0 })
  })

  test('a top-up of a terminated wallet cannot be refunded', async () => {
    const { call, lago, pay, invoiceId, transaction, types } = openToppedUp()
    await pay()
    await types()
    await call('DELETE', `/wallets/${transaction.wallet.lago_id}`)

    expect(await types()).toEqual(['wallet.terminated'])
    expect(() => lago.createCreditNote({ invoiceId: invoiceId(), refundAmountCents: 100 })).toThrow(
      'invalid_type_or_status',
    )
  })
})

describe('progressive billing', () => {
  test('what was billed before comes off before taxes, and is shared out like a coupon', async () => {
    const { lago, call } = openLago()
    const { lago_id } = lago.createInvoice({
      externalCustomerId: 'acct_4711',
      fees: [{ amountCents: 10_000 }],
      taxes: [{ rate: 20 }],
      progressiveBillingCreditAmountCents: 4_000,
      creditNotesAmountCents: 1_200,
      prepaidCreditAmountCents: 1_000,
    })

    const { json } = await call('GET', `/invoices/${lago_id}`)
    expect(json.invoice).toMatchObject({
      progressive_billing_credit_amount_cents: 4_000,
      sub_total_excluding_taxes_amount_cents: 6_000,
      taxes_amount_cents: 1_200,
      credit_notes_amount_cents: 1_200,
      prepaid_credit_amount_cents: 1_000,
      total_amount_cents: 5_000,
      fees: [{ precise_coupons_amount_cents: '4000.0' }],
      credits: [
        { item: { type: 'invoice' }, before_taxes: true, amount_cents: 4_000 },
        { item: { type: 'credit_note' }, before_taxes: false, amount_cents: 1_200 },
      ],
    })
    lago.recordManualPayment(lago_id, { amountCents: 5_000, reference: 'pay_1' })
    expect(lago.createCreditNote({ invoiceId: lago_id, refundAmountCents: 5_000 })).toMatchObject({
      refund_amount_cents: 5_000,
    })
  })
})
