import { describe, expect, test } from 'bun:test'

import { createBudget } from '../../src/budget.ts'
import { ApiError, Later } from '../../src/errors.ts'
import { createLago } from '../../src/lago/client.ts'
import { createVendorFetch, type Fetch } from '../../src/vendor-fetch.ts'
import { API_KEY, LAGO_URL, openLago, WORKED_EXAMPLE } from '../sandbox/lago/support.ts'

const WIDE_OPEN = [{ lengthMs: 1_000, most: 1_000 }]

/** The real client on a `fetch`, with the deadline, the budget and the error paths that it has in production. */
function clientOn(fetch: Fetch, options: { url?: string; apiKey?: string } = {}) {
  const stop = new AbortController()
  const seen: { method: string; url: URL; keepalive: boolean | undefined }[] = []
  const watching: Fetch = (input, init) => {
    const url = new URL(input instanceof Request ? input.url : input)
    seen.push({ method: init?.method ?? 'GET', url, keepalive: init?.keepalive })
    return fetch(input, init)
  }
  const client = createLago({
    url: LAGO_URL,
    apiKey: API_KEY,
    ...options,
    fetch: createVendorFetch({
      service: 'Lago',
      fetch: watching,
      budget: createBudget('Lago', WIDE_OPEN, () => new Date()),
      urgency: 'live',
      stop: stop.signal,
    }),
  })
  return { client, seen, stop }
}

function open(options: Parameters<typeof openLago>[0] = {}) {
  const bench = openLago(options)
  return { ...bench, ...clientOn(bench.lago.fetch) }
}

const answering = (body: string, init?: ResponseInit) =>
  clientOn(() => Promise.resolve(new Response(body, init)))

/** What a call fails with, as far as anybody treats failures differently. */
const failureOf = (call: Promise<unknown>) =>
  call.then(
    (value) => ({ value }),
    (error: unknown) => {
      if (!(error instanceof ApiError)) return error
      const { service, outcome, status, code } = error
      return { service, outcome, status, code }
    },
  )

describe('reading', () => {
  test('an invoice comes with what a decision needs', async () => {
    const { lago, client } = open()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    expect(await client.findInvoice(lago_id)).toMatchObject({
      lago_id,
      status: 'finalized',
      payment_status: 'pending',
      currency: 'USD',
      total_amount_cents: 10_800,
      total_paid_amount_cents: 0,
      total_due_amount_cents: 10_800,
      customer: { external_id: 'acct_4711', name: 'Blue Fern <Ltd>', email: null },
      fees: [{ amount_cents: 10_000 }],
      metadata: [],
    })
  })

  test('an invoice that Lago does not have is undefined', async () => {
    const { client } = open()

    expect(await client.findInvoice(crypto.randomUUID())).toBeUndefined()
  })

  test('an id cannot reach another path', async () => {
    const { client, seen } = open()

    await client.findInvoice('x/../customers/acct_4711?x=1#y')

    expect(seen[0]?.url.pathname).toBe(
      '/api/v1/invoices/x%2F..%2Fcustomers%2Facct_4711%3Fx%3D1%23y',
    )
  })

  test.each(['.', '..', '', ' ', '../customers', '-', '.hidden'])(
    'what can be no id (%p) is not there, and nobody is asked',
    async (id) => {
      const { client, seen } = open()

      expect(await client.findInvoice(id)).toBeUndefined()
      expect(await client.findCreditNote(id)).toBeUndefined()
      expect(await client.findPaymentRequest(id)).toBeUndefined()
      expect(await client.findWallet(id)).toBeUndefined()
      expect(await client.findWalletTransaction(id)).toBeUndefined()
      expect(seen).toHaveLength(0)
    },
  )

  test('all unpaid invoices are listed, over every page, and no others', async () => {
    const { lago, client, seen } = open()
    const unpaid = Array.from({ length: 203 }, () => lago.createInvoice(WORKED_EXAMPLE).lago_id)
    lago.createInvoice({ ...WORKED_EXAMPLE, paymentStatus: 'succeeded' })
    lago.createInvoice({ ...WORKED_EXAMPLE, status: 'draft' })
    lago.voidInvoice(lago.createInvoice(WORKED_EXAMPLE).lago_id)
    await client.updateInvoice(unpaid[0] ?? '', { payment_status: 'failed' })

    const pages = await Promise.all([1, 2, 3].map((page) => client.unpaidPage(page)))

    const listed = pages.flatMap(({ rows }) => rows)
    expect(pages.map(({ isLast }) => isLast)).toEqual([false, false, true])
    expect(new Set(listed.map(({ lago_id }) => lago_id))).toEqual(new Set(unpaid))
    expect(listed).toHaveLength(203)
    const asked = seen.map(({ url }) => url.searchParams.get('page')).filter((page) => page)
    expect(asked).toEqual(['1', '2', '3'])
  })

  test('a list whose pages never end ends at the first empty one', async () => {
    const { client, seen } = answering('{"payments":[],"meta":{"next_page":2}}')

    expect(await client.listPayments('invoice')).toEqual([])
    expect(seen.filter(({ url }) => url.pathname.endsWith('/payments'))).toHaveLength(1)
  })

  test('the organisation and the key that signs are read', async () => {
    const { client } = open({ organizationId: 'org_1' })

    expect(await client.getOrganizationId()).toBe('org_1')
    expect(await client.getWebhookPublicKey()).toStartWith('-----BEGIN PUBLIC KEY-----\n')
  })
})

describe('writing', () => {
  test('a payment is recorded with its reference, and found again by its invoice', async () => {
    const { lago, client } = open()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    const payment = await client.createPayment({
      invoice_id: lago_id,
      amount_cents: 10_800,
      reference: 'pay_1',
      paid_at: '2026-08-21T14:03:22.123Z',
    })

    expect(await client.listPayments(lago_id)).toEqual([payment])
    expect(payment).toMatchObject({ amount_cents: 10_800, reference: 'pay_1' })
    expect((await client.findInvoice(lago_id))?.payment_status).toBe('succeeded')
  })

  test('status and metadata are written, and what is named by its id is kept', async () => {
    const { lago, client } = open()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    const { metadata } = await client.updateInvoice(lago_id, {
      metadata: [{ key: 'theirs', value: 'kept' }],
    })

    const updated = await client.updateInvoice(lago_id, {
      payment_status: 'failed',
      metadata: [
        { id: metadata[0]?.lago_id ?? '', key: 'theirs', value: 'kept' },
        { key: 'dodo_pay_url', value: 'https://bridge.example/pay/x' },
      ],
    })

    expect(updated.payment_status).toBe('failed')
    expect(updated.metadata.map(({ key, value }) => [key, value])).toEqual([
      ['theirs', 'kept'],
      ['dodo_pay_url', 'https://bridge.example/pay/x'],
    ])
  })

  test('a credit note is estimated, created, found again by its metadata, and marked as refunded', async () => {
    const { lago, client } = open()
    const { lago_id, fees } = lago.createInvoice(WORKED_EXAMPLE)
    lago.recordManualPayment(lago_id, { amountCents: 10_800, reference: 'pay_1' })
    const invoice = await client.findInvoice(lago_id)
    const fee_id = fees[0]?.lago_id ?? ''

    const estimate = await client.estimateCreditNote({
      invoice_id: lago_id,
      items: [{ fee_id, amount_cents: 10_000 }],
    })
    const created = await client.createCreditNote({
      invoice_id: lago_id,
      reason: 'other',
      description: 'Refund ref_1',
      refund_amount_cents: 5_400,
      credit_amount_cents: 0,
      items: [{ fee_id, amount_cents: 5_000 }],
      metadata: { dodo_refund_id: 'ref_1' },
    })
    await client.setRefundStatus(created.lago_id, 'succeeded')

    expect(estimate.precise_taxes_amount_cents).toBe(1_800)
    expect(estimate.precise_coupons_adjustment_amount_cents).toBe(1_000)
    const { number = '', customer = { external_id: '' } } = invoice ?? {}
    expect(await client.listCreditNotes({ lago_id, number, customer })).toMatchObject([
      {
        lago_id: created.lago_id,
        refund_amount_cents: 5_400,
        refund_status: 'succeeded',
        items: [{ amount_cents: 5_000, fee: { lago_id: fee_id } }],
        metadata: { dodo_refund_id: 'ref_1' },
      },
    ])
  })
})

describe('a failure', () => {
  const payment = { invoice_id: 'x', amount_cents: 1, reference: 'pay_1', paid_at: '2026-08-21' }

  test('with a wrong key is refused with 401', async () => {
    const { lago } = open()
    const { client } = clientOn(lago.fetch, { apiKey: 'wrong' })

    expect(await failureOf(client.findInvoice('x'))).toMatchObject({
      service: 'Lago',
      outcome: 'refused',
      status: 401,
    })
  })

  test('for want of a licence is refused with 403 and its code', async () => {
    const { lago, client } = open({ premium: false })
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    expect(await failureOf(client.createPayment({ ...payment, invoice_id: lago_id }))).toEqual({
      service: 'Lago',
      outcome: 'refused',
      status: 403,
      code: 'feature_unavailable',
    })
  })

  test('on a void invoice is refused with 405 and its code', async () => {
    const { lago, client } = open()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    lago.voidInvoice(lago_id)

    const failure = await failureOf(client.updateInvoice(lago_id, { payment_status: 'succeeded' }))

    expect(failure).toMatchObject({
      outcome: 'refused',
      status: 405,
      code: 'update_on_voided_invoice',
    })
  })

  test('of a field says which one, for the operator and not in the message', async () => {
    const { lago, client } = open()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)

    const error: unknown = await client
      .createPayment({ ...payment, invoice_id: lago_id, amount_cents: 10_801 })
      .catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(ApiError)
    expect(error).toMatchObject({ outcome: 'refused', status: 422, code: 'validation_errors' })
    const { detail, message } = error as ApiError
    expect(detail).toContain('value_is_out_of_range')
    expect(message).not.toContain('value_is_out_of_range')
  })

  test('to write to what does not exist is not mistaken for an answer', async () => {
    const { client } = open()

    const failure = await failureOf(client.updateInvoice('nothing', { payment_status: 'failed' }))

    expect(failure).toMatchObject({ outcome: 'refused', status: 404, code: 'invoice_not_found' })
  })

  test('with 429 is not a failure but later', async () => {
    const { client, seen } = answering('{}', { status: 429, headers: { 'retry-after': '30' } })
    const before = Date.now()

    const thrown = await failureOf(client.findInvoice('x'))

    expect(thrown).toBeInstanceOf(Later)
    expect((thrown as Later).at.getTime()).toBeGreaterThanOrEqual(before + 30_000)
    expect(seen).toHaveLength(1)
  })

  test.each([500, 502, 503, 504])(
    'with %i leaves the outcome unknown, and is not repeated',
    async (status) => {
      const { client, seen } = answering('<html>Bad gateway</html>', { status })

      expect(await failureOf(client.createPayment(payment))).toMatchObject({
        outcome: 'unknown',
        status,
      })
      expect(seen).toHaveLength(1)
    },
  )

  test('with 408 leaves the outcome unknown', async () => {
    const { client } = answering('{}', { status: 408 })

    expect(await failureOf(client.createPayment(payment))).toMatchObject({ outcome: 'unknown' })
  })

  test('after the deed leaves the outcome unknown, and a look finds the deed', async () => {
    const { lago, client } = open()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    for (const kind of ['after_drop', 'after_status'] as const) {
      lago.faults.add({ kind, match: { method: 'POST' }, times: 1 })

      const part = { ...payment, invoice_id: lago_id, amount_cents: 100, reference: kind }
      expect(await failureOf(client.createPayment(part))).toMatchObject({ outcome: 'unknown' })
    }

    const references = (await client.listPayments(lago_id)).map(({ reference }) => reference)
    expect(new Set(references)).toEqual(new Set(['after_drop', 'after_status']))
    expect(references).toHaveLength(2)
  })

  test.each([
    ['no JSON', '<html>OK</html>'],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['another object', '{"invoice":{"lago_id":"x"}}'],
    ['amounts as text', '{"payment":{"lago_id":"x","amount_cents":"100"}}'],
    ['amounts with fractions', '{"payment":{"lago_id":"x","amount_cents":1.5}}'],
  ])('to read an answer that is %s leaves the outcome unknown', async (_, body) => {
    const { client } = answering(body, { headers: { 'Content-Type': 'application/json' } })

    expect(await failureOf(client.createPayment(payment))).toMatchObject({
      service: 'Lago',
      outcome: 'unknown',
    })
  })

  test('to be answered before we stop leaves the outcome unknown at once', async () => {
    const { lago, client, stop } = open()
    lago.faults.add({ kind: 'hang', ms: 30_000, times: 1 })

    const failing = failureOf(client.createPayment(payment))
    stop.abort(new Error('the process stops'))

    expect(await failing).toMatchObject({ outcome: 'unknown', status: undefined })
  })
})

describe('over a socket', () => {
  test('a server that is not there was never asked', async () => {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
    const url = `http://127.0.0.1:${server.port}`
    await server.stop(true)

    const { client } = clientOn(globalThis.fetch, { url })

    expect(await failureOf(client.findInvoice('x'))).toMatchObject({
      outcome: 'refused',
      status: undefined,
    })
  })

  test('a connection that breaks after the request leaves the outcome unknown, and a PUT is sent once', async () => {
    let requests = 0
    using listener = Bun.listen({
      port: 0,
      hostname: '127.0.0.1',
      socket: {
        data(socket) {
          requests += 1
          socket.terminate()
        },
      },
    })

    const { client, seen } = clientOn(globalThis.fetch, {
      url: `http://127.0.0.1:${listener.port}`,
    })

    const failure = await failureOf(client.updateInvoice('x', { payment_status: 'succeeded' }))
    expect(failure).toMatchObject({ outcome: 'unknown', status: undefined })
    expect(requests).toBe(1)
    expect(seen).toMatchObject([{ method: 'PUT', keepalive: false }])
  })
})
