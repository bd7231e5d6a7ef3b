import { describe, expect, test } from 'bun:test'
import { Webhook } from 'standardwebhooks'
import { signatureHeaders } from '../../../sandbox/dodo/api/webhooks.ts'
import { codeOf, openDodo, paidCheckout, prepareCheckout, requestOf, SECRET } from './support.ts'

describe('webhooks', () => {
  test('the reference implementation accepts the signature of what is sent', async () => {
    const opened = openDodo()
    const { payment } = await paidCheckout(opened)
    await opened.sandbox.idle()

    const [delivery] = opened.deliveries
    const event = new Webhook(SECRET).verify(delivery?.body ?? '', delivery?.headers ?? {})
    expect(event).toMatchObject({
      type: 'payment.succeeded',
      data: {
        payload_type: 'Payment',
        payment_id: payment.payment_id,
        metadata: { lago_invoice_id: 'inv_1' },
      },
    })
  })

  test('the signature of a known message is the known one', () => {
    const body =
      '{"business_id":"bus_test","type":"payment.succeeded","timestamp":"2026-11-18T12:26:40Z","data":{"payload_type":"Payment","payment_id":"pay_vector"}}'
    const sentAt = new Date(1_795_000_000_000)
    const messageId = 'msg_bridgeVector0001'

    expect(signatureHeaders(SECRET, { messageId, sentAt, body })).toEqual({
      'webhook-id': messageId,
      'webhook-timestamp': '1795000000',
      'webhook-signature': 'v1,3R/DOLQJopUhCPpfQW77PSMrCuhJ+YOiBwwQSJaWtZE=',
    })
  })

  test('a retry keeps its id and tells the state of that moment', async () => {
    let answers = 0
    const bodies: { id: string | null; status: string }[] = []
    const opened = openDodo({
      webhookRetryDelaysMs: [20],
      async fetch(input, init) {
        const request = requestOf(input, init)
        const { data } = JSON.parse(await request.text())
        bodies.push({ id: request.headers.get('webhook-id'), status: data.status })
        answers += 1
        return new Response(null, { status: answers === 1 ? 503 : 200 })
      },
    })
    const { request } = await prepareCheckout(opened)
    const { session_id } = await opened.client.checkoutSessions.create(request)
    const payment = opened.sandbox.pay(session_id, { outcome: 'processing' })
    await opened.sandbox.idle()
    opened.sandbox.settlePayment(payment.payment_id, 'succeeded')
    await Bun.sleep(60)

    const [first, , third] = bodies
    expect(first?.status).toBe('processing')
    expect(third).toEqual({ id: first?.id ?? null, status: 'succeeded' })
  })

  test('an endpoint registered by API has a secret of its own and only the events it wants', async () => {
    const { client, sandbox, deliveries, ...opened } = openDodo({ webhookUrl: undefined })
    const endpoint = await client.webhooks.create({
      url: 'http://bridge.test/webhooks/dodo',
      filter_types: ['refund.succeeded'],
    })
    const { payment } = await paidCheckout({ client, sandbox, deliveries, ...opened })
    sandbox.refund(payment.payment_id, 100)
    await sandbox.idle()

    const { secret } = await client.webhooks.retrieveSecret(endpoint.id)
    expect(opened.types()).toEqual(['refund.succeeded'])
    const [delivery] = deliveries
    expect(() =>
      new Webhook(secret).verify(delivery?.body ?? '', delivery?.headers ?? {}),
    ).not.toThrow()
    expect(() => new Webhook(SECRET).verify(delivery?.body ?? '', delivery?.headers ?? {})).toThrow(
      'No matching signature found',
    )
  })
})

describe('the gate', () => {
  test('a wrong key is refused', async () => {
    const { client } = openDodo()
    const stranger = client.withOptions({ bearerToken: 'dodo_live_other' })

    expect(await codeOf(stranger.payments.list())).toBe('UNAUTHORIZED')
  })

  test('over the limit is 429, says when to come back, and is not done', async () => {
    let at = Date.parse('2026-01-15T12:00:00Z')
    const { client, sandbox } = openDodo({
      now: () => new Date(at),
      rateLimit: { perSecond: 2, perMinute: 240 },
    })
    const create = () => client.customers.create({ email: 'a@b.example', name: 'A' })
    await create()
    await create()

    expect(await codeOf(create())).toBe('TOO_MANY_REQUESTS')
    expect(sandbox.store.customers.size).toBe(2)
    at += 1_000
    const { response } = await create().withResponse()
    expect(response.headers.get('x-ratelimit-remaining')).toBe('1')
  })

  test('a response lost after its effect leaves the effect', async () => {
    const opened = openDodo()
    const { request } = await prepareCheckout(opened)
    opened.sandbox.faults.add({ kind: 'after_drop', times: 1, match: { path: '/checkouts' } })

    const lost = await codeOf(opened.client.checkoutSessions.create(request))
    expect(lost).toBe('APIConnectionError')
    expect(opened.sandbox.store.sessions.size).toBe(1)
  })

  test('an idempotency key means nothing unless the option says so', async () => {
    for (const honoursIdempotencyKey of [false, true]) {
      const { client, sandbox } = openDodo({ honoursIdempotencyKey })
      const headers = { 'Idempotency-Key': 'k1' }
      const body = { email: 'a@b.example', name: 'A' }
      const first = await client.customers.create(body, { headers })
      const second = await client.customers.create(body, { headers })

      expect(second.customer_id === first.customer_id).toBe(honoursIdempotencyKey)
      expect(sandbox.store.customers.size).toBe(honoursIdempotencyKey ? 1 : 2)
      const other = client.customers.create({ ...body, name: 'B' }, { headers })
      if (honoursIdempotencyKey) expect(await codeOf(other)).toBe('IDEMPOTENCY_KEY_REUSED')
      else expect((await other).name).toBe('B')
    }
  })
})

describe('PATCH /customers/{id}', () => {
  test('changes what is sent, and nothing of the payments made before', async () => {
    const opened = openDodo()
    const { payment, customer } = await paidCheckout(opened)
    const id = customer.customer_id
    const changes = { name: 'Acme SAS', email: 'new@acme.example' }

    expect(await opened.client.customers.update(id, changes)).toMatchObject(changes)
    expect(await opened.client.customers.retrieve(id)).toMatchObject({ ...changes, metadata: {} })
    expect(opened.sandbox.store.payments.get(payment.payment_id)?.customer.name).toBe('Acme')
    expect(await codeOf(opened.client.customers.update('cus_x', changes))).toBe('NOT_FOUND')
    const strange = opened.client.patch(`/customers/${id}`, { body: { country: 'FR' } })
    expect(await codeOf(strange)).toBe('INVALID_REQUEST_BODY')
  })
})

describe('lists', () => {
  test('pages count from zero, and the SDK walks all of them if told so', async () => {
    const { client } = openDodo()
    for (let index = 0; index < 25; index += 1)
      await client.customers.create({ email: `c${index}@b.example`, name: `C ${index}` })

    const seen = []
    for await (const { email } of client.customers.list({ page_number: 0, page_size: 10 }))
      seen.push(email)
    expect(seen).toHaveLength(25)
    expect(seen[0]).toBe('c24@b.example')
    const byDefault = await client.customers.list()
    expect(byDefault.items).toHaveLength(10)
    expect((await client.customers.list({ email: 'c3@b.example' })).items).toHaveLength(1)
  })

  test.each([{ page_size: 101 }, { page_size: 0 }, { page_number: -1 }])(
    'a page of %j is refused',
    async (query) => {
      const { client } = openDodo()

      expect(await codeOf(client.payments.list(query))).toBe('INVALID_QUERY_PARAMS')
    },
  )

  test('a payment in a list says less than the payment itself', async () => {
    const opened = openDodo()
    const { payment, customer } = await paidCheckout(opened)

    const { items } = await opened.client.payments.list({
      page_number: 0,
      customer_id: customer.customer_id,
      status: 'succeeded',
      created_at_gte: '2020-01-01T00:00:00Z',
    })
    expect(items).toHaveLength(1)
    expect(items[0]).toMatchObject({ payment_id: payment.payment_id, total_amount: 12_345 })
    for (const field of ['error_code', 'tax', 'checkout_session_id', 'refunds', 'updated_at'])
      expect(items[0]).not.toHaveProperty(field)
  })

  test('a product can be found again by its metadata until it is archived', async () => {
    const opened = openDodo()
    const { product } = await prepareCheckout(opened)
    const found = async () => (await opened.client.products.list({ page_number: 0 })).items

    expect((await found())[0]).toMatchObject({
      product_id: product.product_id,
      metadata: { managed_by: 'test' },
      price: 50,
      currency: 'EUR',
    })
    await opened.client.products.archive(product.product_id)
    expect(await found()).toEqual([])
  })
})
