import { describe, expect, test } from 'bun:test'

import { createBudget } from '../../src/budget.ts'
import { ApiError, PermanentError, reasonOf } from '../../src/errors.ts'
import { createLago } from '../../src/lago/client.ts'
import { createVendorFetch, type Fetch } from '../../src/vendor-fetch.ts'
import { API_KEY, LAGO_URL, openLago, WORKED_EXAMPLE } from '../sandbox/lago/support.ts'

const WIDE_OPEN = [{ lengthMs: 1_000, most: 10_000 }]

function clientOn(fetch: Fetch) {
  const seen: string[] = []
  const warnings: unknown[] = []
  const log = { warn: (...words: unknown[]) => void warnings.push(words) }
  const watching: Fetch = (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    seen.push(`${init?.method ?? 'GET'} ${url.pathname}${url.search}`)
    return fetch(input, init)
  }
  const client = createLago({
    url: LAGO_URL,
    apiKey: API_KEY,
    log,
    fetch: createVendorFetch({
      service: 'Lago',
      fetch: watching,
      budget: createBudget('Lago', WIDE_OPEN, () => new Date()),
      urgency: 'live',
      stop: new AbortController().signal,
    }),
  })
  return { client, seen, warnings }
}

function open(options: Parameters<typeof openLago>[0] = {}) {
  const bench = openLago(options)
  return { ...bench, ...clientOn(bench.lago.fetch) }
}

const RELEASES = ['1.0.0', '1.18.0', '1.22.0', '1.33.3', '1.36.0', '1.40.0', '1.48.0', undefined]
const playing = (release: string | undefined) => (release === undefined ? {} : { release })

describe.each(RELEASES)('at %p', (release) => {
  test('an invoice has its amounts, wherever it is read', async () => {
    const { lago, client } = open(playing(release))
    const { lago_id, number } = lago.createInvoice(WORKED_EXAMPLE)
    const amounts = { total_paid_amount_cents: 0, total_due_amount_cents: 10_800 }

    expect(await client.findInvoice(lago_id)).toMatchObject(amounts)
    expect(await client.findInvoiceByNumber(number)).toMatchObject({ ...amounts, lago_id })
    expect(await client.listUnpaidInvoices()).toMatchObject([{ ...amounts, lago_id }])
    expect(await client.updateInvoice(lago_id, { payment_status: 'failed' })).toMatchObject(amounts)
  })

  test('a void invoice asks for nothing, and what was paid of it is known', async () => {
    const { lago, client } = open(playing(release))
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    const keepsPayments = release !== '1.0.0' && release !== '1.18.0'
    if (keepsPayments) lago.recordManualPayment(lago_id, { amountCents: 800, reference: 'by hand' })
    lago.voidInvoice(lago_id)

    expect(await client.findInvoice(lago_id)).toMatchObject({
      total_paid_amount_cents: keepsPayments ? 800 : 0,
      total_due_amount_cents: 0,
    })
  })

  test('only what is unpaid is listed as unpaid, once each', async () => {
    const { lago, client } = open(playing(release))
    const pending = lago.createInvoice(WORKED_EXAMPLE).lago_id
    const failed = lago.createInvoice({ ...WORKED_EXAMPLE, paymentStatus: 'failed' }).lago_id
    lago.createInvoice({ ...WORKED_EXAMPLE, paymentStatus: 'succeeded' })
    lago.createInvoice({ ...WORKED_EXAMPLE, status: 'draft' })

    const listed = await client.listUnpaidInvoices()

    expect(listed.map(({ lago_id }) => lago_id).toSorted()).toEqual([pending, failed].toSorted())
  })

  test.each(['acct_first', 'acct.with.dots', 'a/b c?d', '..'])(
    'the customer %p is found behind a hundred others, and nobody else for them',
    async (id) => {
      const { lago, client } = open(playing(release))
      lago.createCustomer({ external_id: id, name: 'The one' })
      for (let n = 0; n < 101; n += 1) lago.createCustomer({ external_id: `c_${n}`, name: 'X' })

      expect((await client.findCustomer(id))?.name).toBe('The one')
      expect(await client.findCustomer(`${id}.x`)).toBeUndefined()
      expect(await client.findCustomer('nobody')).toBeUndefined()
    },
  )

  test('credit notes are those of the invoice, and pending refunds are pending', async () => {
    const { lago, client } = open(playing(release))
    const made = [0, 1].map(() => {
      const invoice = lago.createInvoice({ ...WORKED_EXAMPLE, paymentStatus: 'succeeded' })
      Object.assign(invoice, { total_paid_amount_cents: 10_800 })
      const note = lago.createCreditNote({ invoiceId: invoice.lago_id, refundAmountCents: 5_400 })
      return { invoice, note }
    })
    const [first, second] = made.map(({ note }) => note.lago_id)
    lago.setRefundStatus(second ?? '', 'succeeded')
    const invoice = await client.findInvoice(made[0]?.invoice.lago_id ?? '')
    if (!invoice) throw new Error('the invoice is not there')

    expect((await client.listCreditNotes(invoice)).map(({ lago_id }) => lago_id)).toEqual([
      first ?? '',
    ])
    expect((await client.listPendingRefunds()).map(({ lago_id }) => lago_id)).toEqual([first ?? ''])
  })

  test('a payment request is found where there are any', async () => {
    const { lago, client } = open(playing(release))
    const { lago_id } = lago.createInvoice({ ...WORKED_EXAMPLE, issuingDate: '2026-01-01' })
    lago.markOverdue(lago_id)
    const request = lago.requestPayment({
      externalCustomerId: 'acct_4711',
      invoiceIds: [lago_id],
    })
    const isThere = release !== '1.0.0'

    expect((await client.findPaymentRequest(request.lago_id))?.lago_id).toBe(
      isThere ? request.lago_id : undefined,
    )
    expect(await client.findPaymentRequest(crypto.randomUUID())).toBeUndefined()
    expect((await client.paymentRequestPage(1)).rows).toHaveLength(isThere ? 1 : 0)
  })
})

describe('a Lago without payments', () => {
  test('is not asked for them', async () => {
    const { client, seen } = open({ release: '1.18.0' })

    expect(await client.listPayments('x')).toEqual([])
    expect(await client.countPayments()).toBeUndefined()
    expect(seen).toEqual(['GET /health'])
  })

  test('that does not say what it is shows it by its answer', async () => {
    const { client, lago } = open({ release: '1.18.0', version: '2025-01-14' })
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    expect(await client.findInvoice(lago_id)).toMatchObject({ total_due_amount_cents: 10_800 })
    expect(client.can('payments')).toBe(false)
  })

  test('is not believed in when a newer one answers 404', async () => {
    const { client } = clientOn(async (input) =>
      new URL(input instanceof Request ? input.url : input).pathname.endsWith('/health')
        ? Response.json({ version: 'v1.50.0' })
        : new Response('not here', { status: 404 }),
    )

    const error = await client.listPayments('x').catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(ApiError)
    expect(reasonOf(error)).toContain('not here')
  })
})

test('what was paid in parts from 1.19 to 1.21 is told by the payments', async () => {
  const { lago, client } = open({ release: '1.20.2', integrations: ['manual_payments'] })
  const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
  lago.recordManualPayment(lago_id, { amountCents: 800, reference: 'pay_1' })
  const amounts = { total_paid_amount_cents: 800, total_due_amount_cents: 10_000 }

  expect(await client.findInvoice(lago_id)).toMatchObject(amounts)
  expect(await client.listUnpaidInvoices()).toMatchObject([amounts])
})

test('a payment that completes an invoice from 1.19 to 1.21 is followed by its status', async () => {
  const { lago, client } = open({ release: '1.20.2', integrations: ['manual_payments'] })
  const [transaction] = lago.topUpWallet({ externalCustomerId: 'acct_4711', paidCredits: '10' })
  const id = transaction?.invoice?.lago_id ?? ''
  lago.recordManualPayment(id, { amountCents: 1_000, reference: 'pay_1' })
  expect(transaction?.status).toBe('pending')

  await client.completePayment(id)
  await client.completePayment(id)

  expect(transaction?.status).toBe('settled')
})

describe('an answer that cannot be read', () => {
  const spoiling = (change: (answer: string) => string) => {
    const bench = openLago()
    const invoices = [0, 1, 2].map(() => bench.lago.createInvoice(WORKED_EXAMPLE).lago_id)
    const client = clientOn(async (input, init) => {
      const response = await bench.lago.fetch(input, init)
      return new Response(change(await response.text()), response)
    })
    return { invoices, ...client }
  }

  test('names the field, and is not called an answer with 200', async () => {
    const { client, invoices } = spoiling((text) => text.replaceAll('total_amount_cents', 'total'))

    const error = await client.findInvoice(invoices[0] ?? '').catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(PermanentError)
    expect(reasonOf(error)).toContain('invoice.total_amount_cents')
    expect(reasonOf(error)).not.toContain('200')
  })

  test('to a write leaves its outcome unknown, and names the field too', async () => {
    const { client, invoices } = spoiling((text) => text.replaceAll('"lago_id"', '"id"'))

    const payment = {
      invoice_id: invoices[0] ?? '',
      amount_cents: 1,
      reference: 'p',
      paid_at: '2026-08-21',
    }
    const error = await client.createPayment(payment).catch((thrown: unknown) => thrown)

    expect(error).toMatchObject({ name: 'ApiError', outcome: 'unknown', status: undefined })
    expect(reasonOf(error)).toContain('payment.lago_id')
    expect(reasonOf(error)).not.toContain('200')
  })

  test('in one row of a list hides no other row, and is said once', async () => {
    const { client, invoices, warnings } = spoiling((text) =>
      text.replace('"currency":"USD"', '"currency":"US dollars"'),
    )

    const listed = await client.listUnpaidInvoices()
    await client.listUnpaidInvoices()

    expect(listed).toHaveLength(invoices.length - 1)
    expect(client.unreadable.count()).toBe(1)
    expect(warnings).toHaveLength(1)
    expect(JSON.stringify(warnings)).toContain('currency')
  })

  test('in a list that is looked through before something is made is not passed over', async () => {
    const { client, invoices } = spoiling((text) => text.replace('"amount_cents"', '"amount"'))
    await client
      .createPayment({
        invoice_id: invoices[0] ?? '',
        amount_cents: 1,
        reference: 'p',
        paid_at: '2026-08-21',
      })
      .catch(() => undefined)

    const error = await client.listPayments(invoices[0] ?? '').catch((thrown: unknown) => thrown)

    expect(reasonOf(error)).toContain('amount_cents')
  })
})

describe('a refusal that is not JSON', () => {
  test.each([
    [422, 'Unprocessable: the number is odd', 'Unprocessable: the number is odd'],
    [
      403,
      '<html><head><title>x</title></head><body><h1>403 Forbidden</h1> by <b>nginx</b></body></html>',
      '403 Forbidden by nginx',
    ],
    [401, '', 'LAGO_API_KEY'],
  ])('with %i keeps its words', async (status, body, words) => {
    const { client } = clientOn(async () => new Response(body, { status }))

    const error = await client.findInvoice('x').catch((thrown: unknown) => thrown)

    expect(error).toMatchObject({ outcome: 'refused', status })
    expect(reasonOf(error)).toContain(words)
  })
})
