import { describe, expect, test } from 'bun:test'

import { createBudget } from '../../src/budget.ts'
import { createDodo } from '../../src/dodo/client.ts'
import { ApiError, Later } from '../../src/errors.ts'
import { createVendorFetch, type Fetch } from '../../src/vendor-fetch.ts'
import { openDodo, paidCheckout, prepareCheckout, requestOf } from '../sandbox/dodo/support.ts'

const WIDE_OPEN = [{ lengthMs: 1_000, most: 1_000 }]
const LONG_AGO = new Date('2020-01-01T00:00:00Z')

/** The real client on a `fetch`, with the deadline, the budget and the error paths that it has in production. */
function clientOn(fetch: Fetch, options: { url?: string; apiKey?: string } = {}) {
  const stop = new AbortController()
  const seen: Request[] = []
  const watching: Fetch = (input, init) => {
    seen.push(requestOf(input, init))
    return fetch(input, init)
  }
  const client = createDodo({
    url: 'http://dodo.test',
    apiKey: 'dodo_test_key',
    ...options,
    fetch: createVendorFetch({
      service: 'Dodo',
      fetch: watching,
      budget: createBudget('Dodo', WIDE_OPEN, () => new Date()),
      urgency: 'live',
      stop: stop.signal,
    }),
  })
  return { client, seen, stop }
}

function open(options: Parameters<typeof openDodo>[0] = {}) {
  const bench = openDodo(options)
  return { bench, ...clientOn(bench.sandbox.fetch) }
}

const answering = (body: string, init?: ResponseInit) =>
  clientOn(() =>
    Promise.resolve(
      new Response(body, { headers: { 'Content-Type': 'application/json' }, ...init }),
    ),
  )

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

const customer = {
  email: 'ap@acme.example',
  name: 'Acme',
  metadata: { lago_customer_id: 'acct_1' },
}

describe('reading', () => {
  test('a payment comes with what a decision needs', async () => {
    const { bench, client } = open()
    const { payment, sessionId } = await paidCheckout(bench)

    expect(await client.findPayment(payment.payment_id)).toMatchObject({
      payment_id: payment.payment_id,
      status: 'succeeded',
      currency: 'EUR',
      total_amount: 12_345,
      checkout_session_id: sessionId,
      metadata: { lago_invoice_id: 'inv_1', bridge_attempt: '1' },
      is_update_payment_method: false,
      error_code: null,
      refunds: [],
      created_at: new Date(payment.created_at),
    })
  })

  test('a declined payment says why', async () => {
    const { bench, client } = open()
    const { request } = await prepareCheckout(bench)
    const { session_id } = await client.createCheckout(request, 'lago-inv-1')
    const { payment_id } = bench.sandbox.decline(session_id, 'STOLEN_CARD')

    expect(await client.findPayment(payment_id)).toMatchObject({
      status: 'failed',
      error_code: 'STOLEN_CARD',
    })
  })

  test('a session says which payment was made in it', async () => {
    const { bench, client } = open()
    const { request } = await prepareCheckout(bench)
    const { session_id } = await client.createCheckout(request, 'lago-inv-1')

    expect(await client.findSession(session_id)).toEqual({ payment_id: null, payment_status: null })
    const { payment_id } = bench.sandbox.pay(session_id)
    expect(await client.findSession(session_id)).toEqual({
      payment_id,
      payment_status: 'succeeded',
    })
  })

  test('what Dodo does not have is undefined', async () => {
    const { client } = open()

    expect(await client.findPayment('pay_nothing')).toBeUndefined()
    expect(await client.findSession('cks_nothing')).toBeUndefined()
  })

  test('every page of a list is read once, beginning at zero', async () => {
    const { client, seen } = open()
    for (let made = 0; made < 205; made += 1) await client.createCustomer(customer)
    seen.length = 0

    const listed = await client.listCustomersByEmail('ap@acme.example')

    expect(new Set(listed.map(({ customer_id }) => customer_id)).size).toBe(205)
    expect(listed).toHaveLength(205)
    const pages = seen.map(({ url }) => new URL(url).searchParams.get('page_number'))
    expect(pages).toEqual(['0', '1', '2'])
  })

  test('payments and refunds are listed in every status, from a time on', async () => {
    const { bench, client } = open()
    const { payment } = await paidCheckout(bench)
    const { request } = await prepareCheckout(bench)
    const { session_id } = await client.createCheckout(request, 'lago-inv-2')
    const declined = bench.sandbox.decline(session_id, 'DO_NOT_HONOR')
    const { refund_id } = bench.sandbox.refund(payment.payment_id, 2_345)

    const payments = await client.listPaymentsSince(LONG_AGO)
    const refunds = await client.listRefundsSince(LONG_AGO)

    expect(new Map(payments.map(({ payment_id, status }) => [payment_id, status]))).toEqual(
      new Map([
        [payment.payment_id, 'succeeded'],
        [declined.payment_id, 'failed'],
      ]),
    )
    expect(refunds).toMatchObject([{ refund_id, payment_id: payment.payment_id, amount: 2_345 }])
    const tomorrow = new Date(Date.now() + 86_400_000)
    expect(await client.listPaymentsSince(tomorrow)).toEqual([])
    expect(await client.listRefundsSince(tomorrow)).toEqual([])
  })

  test('a status, an amount or metadata that is null does not make a payment unreadable', async () => {
    const bare = {
      payment_id: 'pay_1',
      status: null,
      currency: 'EUR',
      total_amount: 1,
      metadata: null,
      refunds: [
        {
          refund_id: 'ref_1',
          payment_id: 'pay_1',
          status: 'pending',
          amount: null,
          currency: null,
          created_at: '2026-08-21T12:00:00Z',
        },
      ],
      created_at: '2026-08-21T12:00:00.551203Z',
      something_new: { of: 'next week' },
    }
    const { client } = answering(JSON.stringify(bare))

    expect(await client.findPayment('pay_1')).toMatchObject({
      status: 'unknown',
      metadata: {},
      disputes: [],
      refunds: [{ amount: null, currency: null }],
    })
  })
})

describe('writing', () => {
  test('a checkout is previewed and opened for exactly the amount, under its key', async () => {
    const { bench, client, seen } = open()
    const { request } = await prepareCheckout(bench)

    const preview = await client.previewCheckout(request)
    const checkout = await client.createCheckout(request, 'lago-inv-1')

    expect(preview).toMatchObject({ currency: 'EUR', current_breakup: { total_amount: 12_345 } })
    expect(checkout.checkout_url).toContain(checkout.session_id)
    expect(seen.map(({ headers }) => headers.get('idempotency-key'))).toEqual([null, 'lago-inv-1'])
    expect(bench.sandbox.store.sessions.size).toBe(1)
  })

  test('a product and a customer are found again by what was written on them', async () => {
    const { bench, client } = open()
    const { product } = await prepareCheckout(bench)
    const { customer_id } = await client.createCustomer(customer)

    expect(await client.listProducts()).toMatchObject([
      {
        product_id: product.product_id,
        currency: 'EUR',
        is_recurring: false,
        tax_inclusive: true,
        metadata: { managed_by: 'test' },
      },
    ])
    expect(await client.listCustomersByEmail('ap@acme.example')).toContainEqual({
      customer_id,
      email: 'ap@acme.example',
      metadata: { lago_customer_id: 'acct_1' },
    })
  })
})

describe('a failure', () => {
  test('with a wrong key is refused with 401', async () => {
    const { client } = clientOn(openDodo().sandbox.fetch, { apiKey: 'wrong' })

    expect(await failureOf(client.findPayment('pay_1'))).toEqual({
      service: 'Dodo',
      outcome: 'refused',
      status: 401,
      code: 'UNAUTHORIZED',
    })
  })

  test('of a wrong request is refused with its code, and is not repeated', async () => {
    const { bench, client, seen } = open()
    const { request } = await prepareCheckout(bench)
    const unknown = { ...request, product_cart: [{ product_id: 'pdt_nothing', quantity: 1 }] }
    seen.length = 0

    const failure = await failureOf(client.createCheckout(unknown, 'lago-inv-1'))

    expect(failure).toMatchObject({ outcome: 'refused', code: expect.any(String) })
    expect(seen).toHaveLength(1)
  })

  test('to write to what does not exist is not mistaken for an answer', async () => {
    const { client } = answering('{"code":"NOT_FOUND","message":"no"}', { status: 404 })

    expect(await failureOf(client.createCustomer(customer))).toMatchObject({
      outcome: 'refused',
      status: 404,
      code: 'NOT_FOUND',
    })
  })

  test('with 429 is not a failure but later, and is not repeated', async () => {
    const { bench, client, seen } = open()
    bench.sandbox.faults.add({ kind: 'status', status: 429 })

    expect(await failureOf(client.createCustomer(customer))).toBeInstanceOf(Later)
    expect(seen).toHaveLength(1)
  })

  test('by the limit of requests is put off as long as Dodo says', async () => {
    const { client } = open({ rateLimit: { perSecond: 40, perMinute: 1 } })
    const before = Date.now()
    await client.listProducts()

    const thrown = await failureOf(client.listProducts())

    expect(thrown).toBeInstanceOf(Later)
    expect((thrown as Later).at.getTime()).toBeGreaterThan(before + 50_000)
  })

  test.each([408, 409, 500, 502, 503])(
    'with %i leaves the outcome of a create unknown, and is not repeated',
    async (status) => {
      const { client, seen } = answering('<html>Sorry</html>', { status })

      expect(await failureOf(client.createCustomer(customer))).toMatchObject({
        service: 'Dodo',
        outcome: 'unknown',
        status,
      })
      expect(seen).toHaveLength(1)
    },
  )

  test('after the deed leaves the outcome unknown, and a look finds the deed once', async () => {
    for (const kind of ['after_drop', 'after_status'] as const) {
      const { bench, client } = open()
      bench.sandbox.faults.add({ kind, match: { method: 'POST' }, times: 1 })

      expect(await failureOf(client.createCustomer(customer))).toMatchObject({ outcome: 'unknown' })

      expect(await client.listCustomersByEmail(customer.email)).toHaveLength(1)
    }
  })

  test('to be answered before we stop leaves the outcome unknown at once', async () => {
    const { bench, client, stop } = open()
    bench.sandbox.faults.add({ kind: 'hang', ms: 30_000, times: 1 })

    const failing = failureOf(client.createCustomer(customer))
    stop.abort(new Error('the process stops'))

    expect(await failing).toMatchObject({ outcome: 'unknown', status: undefined })
  })

  test.each([
    ['no JSON', '<html>OK</html>'],
    ['nothing', ''],
    ['null', 'null'],
    ['without a URL', '{"session_id":"cks_1","checkout_url":null}'],
    ['with a URL that is none', '{"session_id":"cks_1","checkout_url":"javascript:alert(1)"}'],
  ])('to read an answer that is %s leaves the outcome unknown', async (_, body) => {
    const { client } = answering(body)
    const request = { product_cart: [{ product_id: 'pdt_1', quantity: 1 }] }

    expect(await failureOf(client.createCheckout(request, 'lago-inv-1'))).toMatchObject({
      service: 'Dodo',
      outcome: 'unknown',
    })
  })

  test('says nothing of a customer in its message, and everything in its detail', async () => {
    const { client } = answering('{"code":"INVALID","message":"ap@acme.example is bad"}', {
      status: 422,
    })

    const error: unknown = await client.createCustomer(customer).catch((thrown: unknown) => thrown)

    expect(error).toBeInstanceOf(ApiError)
    expect((error as ApiError).message).not.toContain('ap@acme.example')
    expect((error as ApiError).detail).toContain('ap@acme.example')
  })
})

describe('over a socket', () => {
  test('a server that is not there was never asked', async () => {
    const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() })
    const url = `http://127.0.0.1:${server.port}`
    await server.stop(true)

    const { client } = clientOn(globalThis.fetch, { url })

    expect(await failureOf(client.createCustomer(customer))).toMatchObject({
      outcome: 'refused',
      status: undefined,
    })
  })

  test('a connection that breaks after the request leaves the outcome unknown, and a POST is sent once', async () => {
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

    const { client } = clientOn(globalThis.fetch, { url: `http://127.0.0.1:${listener.port}` })

    expect(await failureOf(client.createCustomer(customer))).toMatchObject({
      outcome: 'unknown',
      status: undefined,
    })
    expect(requests).toBe(1)
  })
})

describe('a refusal of Dodo that is not JSON', () => {
  test.each([
    [
      422,
      'Failed to deserialize the JSON body into the target type: missing field `items`',
      'missing field `items`',
    ],
    [413, '<html><body><h1>Too large</h1></body></html>', 'Too large'],
    [401, '', 'is DODO_API_KEY read-only'],
  ])('with %i keeps its words', async (status, body, words) => {
    const { client } = answering(body, { status, headers: { 'Content-Type': 'text/plain' } })

    const error = await client
      .createRefund({ payment_id: 'pay_1' }, 'key')
      .catch((thrown: unknown) => thrown)

    expect(error).toMatchObject({ name: 'ApiError', outcome: 'refused', status })
    expect((error as ApiError).detail).toContain(words)
    expect((error as ApiError).detail).not.toContain('<')
  })

  test('keeps a code that is there, and its words', async () => {
    const { client } = answering('{"code":"SOME_CODE","message":"in words"}', { status: 422 })

    const error = await client.findPayment('pay_1').catch((thrown: unknown) => thrown)

    expect(error).toMatchObject({ code: 'SOME_CODE', detail: 'in words' })
  })
})

test.each(['.', '..', ''])('of %p, which can be no id, Dodo is not asked', async (id) => {
  const { client, seen } = open()

  expect(await client.findPayment(id)).toBeUndefined()
  expect(await client.findSession(id)).toBeUndefined()
  expect(await client.findRefund(id)).toBeUndefined()
  expect(await client.findSubscription(id)).toBeUndefined()
  expect(seen).toEqual([])
})
