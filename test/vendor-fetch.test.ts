import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { gzipSync } from 'node:zlib'

import { createBudget } from '../src/budget.ts'
import { ApiError, UnreadableAnswer, WrongAddress } from '../src/errors.ts'
import { createVendorFetch } from '../src/vendor-fetch.ts'

const MIB = 1024 * 1024
const WIDE_OPEN = [{ lengthMs: 1_000, most: 1_000 }]

type Answer = (request: Request) => Response | Promise<Response>

let answer: Answer = () => new Response()
const seen: string[] = []
let server: ReturnType<typeof Bun.serve>
let url: string
beforeAll(() => {
  server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch(request) {
      seen.push(`${request.method} ${new URL(request.url).pathname}`)
      return answer(request)
    },
  })
  url = `http://127.0.0.1:${server.port}`
})
afterAll(() => server.stop(true))

const plug = (service: 'Lago' | 'Dodo' = 'Lago', readTimeoutMs?: number) =>
  createVendorFetch({
    service,
    fetch: globalThis.fetch,
    budget: createBudget(service, WIDE_OPEN, () => new Date()),
    urgency: 'live',
    stop: new AbortController().signal,
    ...(readTimeoutMs !== undefined && { readTimeoutMs }),
  })

/** What a call ends with, when it may not succeed. */
async function failureOf(call: Promise<Response>): Promise<ApiError> {
  const error: unknown = await call.then(
    ({ status }) => `answered ${status}`,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ApiError)) throw new Error(`no ApiError: ${String(error)}`)
  return error
}

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])(
    'by %i is not followed, and known as not done',
    async (status) => {
      answer = () => new Response(null, { status, headers: { Location: '/lago/api/v1/payments/' } })
      seen.length = 0

      const body = JSON.stringify({ email: 'ap@fern.example' })
      const error = await failureOf(plug()(`${url}/api/v1/payments`, { method: 'POST', body }))

      expect(seen).toEqual(['POST /api/v1/payments'])
      expect(error).toBeInstanceOf(WrongAddress)
      expect(error.outcome).toBe('refused')
      expect(error.message).toBe(`LAGO_API_URL redirects to ${url}/lago: set it to that`)
    },
  )

  test.each([
    [
      'https://lago.example/api/v1/invoices/1?key=secret',
      'redirects to https://lago.example: set it to that',
    ],
    [
      'https://u:p@lago.example/new/api/v1/invoices/1',
      'redirects to https://lago.example/new: set it to that',
    ],
    [
      'https://lago.example/login?to=x',
      'redirects to https://lago.example/login: set it to the address of the API itself',
    ],
    ['', 'answers 301, as no API does'],
    ['http://[', 'answers 301, as no API does'],
  ])('to %s says what to do', async (location, what) => {
    answer = () =>
      new Response(null, { status: 301, headers: location ? { Location: location } : {} })

    const error = await failureOf(plug()(`${url}/old/api/v1/invoices/1`))

    expect(error.message).toBe(`LAGO_API_URL ${what}`)
  })

  test("at Dodo's address names Dodo's setting", async () => {
    answer = () => Response.redirect('https://dodo.example/payments/pay_1', 308)

    const error = await failureOf(plug('Dodo')(`${url}/payments/pay_1`))

    expect(error.message).toBe('DODO_API_URL redirects to https://dodo.example: set it to that')
  })
})

test.each([
  ['GET', 200, 'unknown'],
  ['GET', 404, 'refused'],
  ['POST', 200, 'unknown'],
  ['POST', 404, 'refused'],
])(
  'a web page in answer to %s (%i) is not taken for the service',
  async (method, status, outcome) => {
    answer = () =>
      new Response('<html>', { status, headers: { 'Content-Type': 'text/html; charset=utf-8' } })

    const error = await failureOf(plug()(`${url}/api/v1/invoices/1`, { method }))

    expect(error).toBeInstanceOf(WrongAddress)
    expect(error).toMatchObject({ outcome, status: undefined })
    expect(error.message).toContain('LAGO_API_URL leads to a web page')
  },
)

describe('an answer', () => {
  const json = (
    body: ConstructorParameters<typeof Response>[0],
    headers: Record<string, string> = {},
  ) => new Response(body, { headers: { 'Content-Type': 'application/json', ...headers } })
  const residentMib = () => process.memoryUsage.rss() / MIB

  test('of a very large invoice is read to the last byte', async () => {
    const text = JSON.stringify({ invoice: { fees: Array(32).fill('f'.repeat(MIB)) } })
    answer = () => json(gzipSync(text), { 'Content-Encoding': 'gzip' })

    const response = await plug()(`${url}/api/v1/invoices/1`)

    expect((await response.text()) === text).toBe(true)
  })

  test('that never ends is given up when it is too large', async () => {
    answer = () =>
      json(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(MIB).fill(32)) }))

    const error = await failureOf(plug()(`${url}/api/v1/payments`, { method: 'POST' }))

    expect(error).toBeInstanceOf(UnreadableAnswer)
    expect(error).toMatchObject({ outcome: 'unknown', status: undefined })
    expect(error.message).toContain('larger than 64 MiB')
  })

  test('that is small only while it is packed costs no more memory', async () => {
    const packed = gzipSync(Buffer.alloc(200 * MIB, ' '), { level: 9 })
    answer = () => json(packed, { 'Content-Encoding': 'gzip' })
    const before = residentMib()

    const error = await failureOf(plug()(`${url}/api/v1/invoices/1`))

    expect(error.message).toContain('larger than 64 MiB')
    expect(residentMib() - before).toBeLessThan(180)
  })

  test('that drips is given up at the deadline of reads', async () => {
    const drip = new ReadableStream({
      async pull(to) {
        await Bun.sleep(20)
        to.enqueue(new Uint8Array([32]))
      },
    })
    answer = () => json(drip)

    const error = await failureOf(plug('Lago', 200)(`${url}/api/v1/invoices/1`))

    expect(error.outcome).toBe('unknown')
    expect(error.message).toContain('did not answer')
  })

  test('that is nested without end is given up, and brackets in its texts are not counted', async () => {
    answer = () => json('{"a":'.repeat(100_000))
    expect((await failureOf(plug()(`${url}/x`))).message).toContain('nested deeper than 200')

    const harmless = JSON.stringify({ note: `${'[{'.repeat(5_000)}"\\` })
    answer = () => json(harmless)
    expect(await (await plug()(`${url}/x`)).text()).toBe(harmless)
  })

  test('that is no UTF-8 is not read as something else', async () => {
    answer = () => json(new Uint8Array([0x22, 0xe9, 0x22]))

    expect((await failureOf(plug()(`${url}/x`))).message).toContain('not UTF-8')
  })

  test('that refuses, large or not, is never a reading of 404', async () => {
    answer = () =>
      new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(MIB)) }), {
        status: 404,
      })

    expect(await failureOf(plug()(`${url}/x`))).toMatchObject({
      outcome: 'unknown',
      status: undefined,
    })
  })
})
