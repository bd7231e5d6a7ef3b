import { createPublicKey, createVerify } from 'node:crypto'
import { describe, expect, test } from 'bun:test'
import { fetchInProcess } from '../../../sandbox/kit/in-process.ts'
import { hmacSignature } from '../../../sandbox/lago/api/signature.ts'
import { API_KEY, HMAC_KEY, openLago, refused, WORKED_EXAMPLE } from './support.ts'

describe('deliveries', () => {
  test('the signature is that of the published vector', () => {
    const body = String.raw`{"webhook_type":"invoice.created","object_type":"invoice","x":"A \u0026 B","r":20.0}`

    expect(hmacSignature(HMAC_KEY, body)).toBe('v7xBGVX9XJ15UgkJPVO4MSUT9WAscTuNIkwvc8sdIgA=')
  })

  test('every delivery is signed over its exact bytes and has a key of its own', async () => {
    const { lago, heard } = openLago()
    lago.createInvoice(WORKED_EXAMPLE)

    const deliveries = await heard()

    expect(deliveries.map(({ json }) => json['webhook_type'])).toEqual([
      'customer.created',
      'invoice.created',
    ])
    for (const { headers, body } of deliveries) {
      expect(headers.get('x-lago-signature')).toBe(hmacSignature(HMAC_KEY, body))
      expect(headers.get('x-lago-signature-algorithm')).toBe('hmac')
      expect(headers.get('user-agent')).toBe('Ruby')
      expect(headers.get('content-type')).toBe('application/json')
      // Whoever parses and prints the body again gets another signature.
      expect(JSON.stringify(JSON.parse(body))).not.toBe(body)
    }
    expect(new Set(deliveries.map(({ headers }) => headers.get('x-lago-unique-key'))).size).toBe(2)
  })

  test('an attempt after a failure carries the same key and the same bytes', async () => {
    const seen: { key: string | null; body: string }[] = []
    const { lago } = openLago({
      retryDelaysMs: [1, 1],
      fetch: fetchInProcess({
        async fetch(request) {
          const key = request.headers.get('x-lago-unique-key')
          seen.push({ key, body: await request.text() })
          return new Response(null, { status: 203 })
        },
      }),
    })
    lago.createInvoice(WORKED_EXAMPLE)

    while (lago.courier.log.length < 6) await Bun.sleep(2)

    const attempts = seen.filter(({ body }) => body.includes('"invoice.created"'))
    expect(attempts).toHaveLength(3)
    expect(new Set(attempts.map(({ key, body }) => `${key} ${body}`)).size).toBe(1)
  })

  test('an invoice never carries its metadata', async () => {
    const { lago, call, heard } = openLago()
    const { lago_id } = lago.createInvoice(WORKED_EXAMPLE)
    await heard()
    await call('PUT', `/invoices/${lago_id}`, {
      invoice: { payment_status: 'failed', metadata: [{ key: 'k', value: 'v' }] },
    })

    const [delivery] = await heard()

    expect(delivery?.json['invoice']).toHaveProperty('fees')
    expect(delivery?.json['invoice']).not.toHaveProperty('metadata')
    expect(delivery?.json['invoice']).not.toHaveProperty('applied_taxes')
  })

  test.each([
    ['subscription', 'invoice.created'],
    ['one_off', 'invoice.one_off_created'],
    ['progressive_billing', 'invoice.created'],
    ['credit', 'invoice.paid_credit_added'],
  ] as const)('a %s invoice is announced as %s', async (invoiceType, expected) => {
    const { lago, types } = openLago()
    await types()

    lago.createInvoice({ ...WORKED_EXAMPLE, invoiceType })

    expect(await types()).toEqual([expected])
  })

  test('an advance_charges invoice arrives succeeded with all of it due', async () => {
    const { lago, heard } = openLago()
    await heard()

    lago.createInvoice({ ...WORKED_EXAMPLE, invoiceType: 'advance_charges' })

    expect((await heard())[0]?.json).toMatchObject({
      invoice: { payment_status: 'succeeded', total_due_amount_cents: 10_800 },
    })
  })

  test('a draft is not announced', async () => {
    const { lago, types } = openLago()
    await types()

    lago.createInvoice({ ...WORKED_EXAMPLE, status: 'draft' })

    expect(await types()).toEqual([])
  })

  test('in JWT mode the header carries the whole body, signed with the published key', async () => {
    const { lago, call, heard } = openLago({ signature: 'jwt', jwtIssuer: 'https://lago.example' })

    const [delivery] = await heard()
    const { json } = await call('GET', '/webhooks/json_public_key')
    const plain = await lago.fetch('http://lago.test/api/v1/webhooks/public_key', {
      headers: { Authorization: `Bearer ${API_KEY}` },
    })

    const key = createPublicKey(Buffer.from(json.webhook.public_key, 'base64').toString())
    const [head, claims = '', signature = ''] = (
      delivery?.headers.get('x-lago-signature') ?? ''
    ).split('.')
    const verifier = createVerify('RSA-SHA256').update(`${head}.${claims}`)
    expect(verifier.verify(key, Buffer.from(signature, 'base64url'))).toBe(true)
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toEqual({
      data: delivery?.body,
      iss: 'https://lago.example',
    })
    expect(await plain.text()).toBe(json.webhook.public_key)
  })
})

const register = (bench: ReturnType<typeof openLago>, change: object) =>
  bench.call('POST', '/webhook_endpoints', {
    webhook_endpoint: { webhook_url: 'https://two.test/hook', ...change },
  })

describe('/webhook_endpoints', () => {
  test('JWT is the default, and each endpoint hears only what it asked for', async () => {
    const bench = openLago()
    await bench.heard()
    const { json } = await register(bench, { event_types: [' Invoice.Voided '] })
    const { lago_id } = bench.lago.createInvoice(WORKED_EXAMPLE)
    bench.lago.voidInvoice(lago_id)

    expect(json.webhook_endpoint).toMatchObject({
      signature_algo: 'jwt',
      event_types: ['invoice.voided'],
    })
    expect(await bench.types()).toEqual(['invoice.created', 'invoice.voided', 'invoice.voided'])
  })

  test.each([
    [{ webhook_url: 'ftp://two.test' }, { webhook_url: ['url_is_invalid'] }],
    [{ webhook_url: 'http://bridge.test/webhooks/lago' }, { webhook_url: ['value_already_exist'] }],
    [{ event_types: 'all' }, { event_types: ['must_be_array'] }],
    [
      { event_types: ['credit_note.refund_failure'] },
      { event_types: ['contains invalid types: ["credit_note.refund_failure"]'] },
    ],
  ])('%j is refused', async (change, details) => {
    expect(await register(openLago(), change)).toMatchObject(refused.invalid(details))
  })

  test('an endpoint can be changed and removed', async () => {
    const bench = openLago()
    const { json } = await bench.call('GET', '/webhook_endpoints')
    const path = `/webhook_endpoints/${json.webhook_endpoints[0].lago_id}`

    const changed = await bench.call('PUT', path, {
      webhook_endpoint: { signature_algo: 'jwt', event_types: ['*'] },
    })
    await bench.call('DELETE', path)

    expect(changed.json.webhook_endpoint).toMatchObject({
      signature_algo: 'jwt',
      event_types: null,
    })
    expect(await bench.call('GET', path)).toMatchObject(refused.notFound('webhook_endpoint'))
  })
})
