import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'

import { createApp } from '../../src/app.ts'
import { MAX_BODY_BYTES } from '../../src/http/webhooks.ts'
import { createHeardLog } from '../support/heard-log.ts'
import { exchange, statusOf } from '../support/raw.ts'
import { ADMIN_TOKEN, HMAC_KEY, openWorld, WEBHOOK_SECRET, type World } from '../support/world.ts'

const BODY = '{"webhook_type":"alert.triggered","object_type":"triggered_alert"}'
const MAC = `${'A'.repeat(43)}=`
const nowSeconds = () => Math.floor(Date.now() / 1_000)

describe('what strangers send over a socket', () => {
  const heard = createHeardLog()
  let world: World
  let server: ReturnType<typeof Bun.serve>
  let port = 0
  beforeAll(async () => {
    world = await openWorld()
    const app = createApp({
      ...world.bridge.deps,
      log: heard.log,
      receive: Object.assign(async () => ({ duplicate: false }), {
        big: async () => ({ duplicate: false }),
      }),
      organizationId: async () => world.lago.organizationId,
      findUnready: async () => [],
      metrics: world.bridge.metrics,
      inspect: async () => ({ at: new Date(), checks: [] }),
      tellWith: globalThis.fetch,
    })
    server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: app.fetch, development: false })
    port = server.port ?? 0
  })
  afterAll(async () => {
    await server.stop(true)
    await world.close()
  })

  const head = (path: string, headers: Record<string, string | number>, method = 'POST') =>
    [
      `${method} ${path} HTTP/1.1`,
      ...Object.entries({ Host: 'bridge.test', ...headers }).map(([k, v]) => `${k}: ${v}`),
      '\r\n',
    ].join('\r\n')
  const ofLago = { 'X-Lago-Signature': MAC, 'X-Lago-Unique-Key': 'one' }
  const ofDodo = () => ({
    'webhook-id': 'msg_1',
    'webhook-timestamp': nowSeconds(),
    'webhook-signature': `v1,${MAC}`,
  })
  const signed = (body: string) => ({
    'X-Lago-Signature': createHmac('sha256', HMAC_KEY).update(body).digest('base64'),
    'X-Lago-Unique-Key': crypto.randomUUID(),
  })

  test.each<[string, string, Record<string, string | number>]>([
    ['no signature of Lago', '/webhooks/lago', { 'X-Lago-Unique-Key': 'one' }],
    ['a signature that is none', '/webhooks/lago', { ...ofLago, 'X-Lago-Signature': 'x' }],
    ['no id of Lago', '/webhooks/lago', { 'X-Lago-Signature': MAC }],
    ['no signature of Dodo', '/webhooks/dodo', { ...ofDodo(), 'webhook-signature': '' }],
    ['no id of Dodo', '/webhooks/dodo', { ...ofDodo(), 'webhook-id': '' }],
    ['a time that is none', '/webhooks/dodo', { ...ofDodo(), 'webhook-timestamp': '1e9' }],
    ['an old time', '/webhooks/dodo', { ...ofDodo(), 'webhook-timestamp': nowSeconds() - 400 }],
    ['half a signature', '/webhooks/dodo', { ...ofDodo(), 'webhook-signature': 'v1,AAAA' }],
  ])('a body is not waited for behind %s', async (_what, path, headers) => {
    const answer = await exchange(port, head(path, { ...headers, 'Content-Length': 5_000_000 }))

    expect(statusOf(answer)).toBe(401)
    expect(answer).not.toMatch(/HMAC|JWT|SECRET|LAGO_|DODO_/)
  })

  test('a body that is announced as too large is not waited for', async () => {
    for (const [path, headers] of [
      ['/webhooks/lago', ofLago],
      ['/webhooks/dodo', ofDodo()],
    ] as const) {
      const length = { 'Content-Length': MAX_BODY_BYTES + 1 }
      expect(statusOf(await exchange(port, head(path, { ...headers, ...length })))).toBe(413)
    }
  })

  test('a body in pieces of one byte is read like any other', async () => {
    const chunks = `${BODY.split('')
      .map((letter) => `1\r\n${letter}\r\n`)
      .join('')}0\r\n\r\n`
    const headers = { ...signed(BODY), 'Transfer-Encoding': 'chunked' }

    const answer = await exchange(port, head('/webhooks/lago', headers), chunks)

    expect(statusOf(answer)).toBe(200)
  })

  test('other bytes that read as the same text are not what Dodo signed', async () => {
    const bytes = (last: number) =>
      Buffer.concat([
        Buffer.from('{"type":"x","data":{},"t":"'),
        Buffer.from([last]),
        Buffer.from('"}'),
      ])
    const key = Buffer.from(WEBHOOK_SECRET.slice('whsec_'.length), 'base64')
    const seconds = nowSeconds()
    const mac = createHmac('sha256', key).update(`msg_1.${seconds}.`).update(bytes(0xff))
    const headers = {
      ...ofDodo(),
      'webhook-timestamp': seconds,
      'webhook-signature': `v1,${mac.digest('base64')}`,
      'Content-Length': bytes(0xff).length,
    }
    const send = (body: Buffer) => exchange(port, head('/webhooks/dodo', headers), body)

    expect(statusOf(await send(bytes(0xff)))).toBe(200)
    expect(statusOf(await send(bytes(0xfe)))).toBe(401)
  })

  test('many refusals are a few lines in the log', async () => {
    const before = heard.lines.length
    for (let time = 0; time < 60; time += 1) {
      await exchange(port, head('/webhooks/lago', { 'Content-Length': 0 }))
    }

    expect(heard.lines.length - before).toBeLessThanOrEqual(10)
    expect(heard.saying('delivery refused')[0]).toMatchObject({ reason: expect.any(String) })
  })

  test('a sender who hangs up in the middle is no error', async () => {
    const socket = await Bun.connect({
      hostname: '127.0.0.1',
      port,
      socket: { data: () => undefined },
    })
    socket.write(`${head('/webhooks/lago', { ...ofLago, 'Content-Length': 5_000_000 })}half`)
    await Bun.sleep(100)
    socket.terminate()
    await Bun.sleep(100)

    expect(heard.lines.filter(({ level }) => level === pinoError)).toEqual([])
  })

  test.each(['[', '%00', 'x:99999999', '[::1', '///', 'a b'])(
    'a Host header of %p pages nobody',
    async (host) => {
      for (const path of ['/pay/unknown', '/pay/unknown/return', '/health', '/']) {
        const answer = await exchange(port, head(path, { Host: host }, 'GET'))
        expect(answer.split(' ')[1] ?? '').not.toBe('503')
      }
      expect(heard.lines.filter(({ level }) => level === pinoError)).toEqual([])
    },
  )

  test.each(['/webhooks/lago/', '//webhooks/lago', '/webhooks//lago', '/webhooks/lago//'])(
    'a delivery to %s is taken',
    async (path) => {
      const headers = { ...signed(BODY), 'Content-Length': BODY.length }

      expect(statusOf(await exchange(port, head(path, headers), BODY))).toBe(200)
    },
  )

  test('a delivery to an address of nobody is seen in the log', async () => {
    const answer = await exchange(port, head('/webhooks/stripe', { 'Content-Length': 0 }))

    expect(statusOf(answer)).toBe(404)
    expect(heard.saying('a webhook came to an address of nobody')).toMatchObject([
      { path: '/webhooks/stripe' },
    ])
  })

  test.each([
    ['OPTIONS', '/webhooks/lago', 204, 'POST'],
    ['PUT', '/webhooks/dodo', 405, 'POST'],
    ['HEAD', '/health', 200, ''],
    ['HEAD', '/ready', 200, ''],
    ['OPTIONS', '/ready', 204, 'GET'],
    ['DELETE', '/health', 405, 'GET'],
    ['OPTIONS', '/pay/x', 204, 'POST'],
    ['DELETE', '/pay/x', 405, 'GET'],
  ])('%s %s is answered %i', async (method, path, status, allowed) => {
    const answer = await exchange(port, head(path, { 'Content-Length': 0 }, method))

    expect(statusOf(answer)).toBe(status)
    if (allowed) expect(answer).toMatch(new RegExp(`^allow: .*${allowed}`, 'im'))
  })

  test.each(['/', '/pay', '/pay/', '/pay/x', '/pay/x/return', '/p', '/invoice.html'])(
    'a customer who mistypes %s is shown a page',
    async (path) => {
      const answer = await exchange(port, head(path, {}, 'GET'))

      expect(statusOf(answer)).toBe(404)
      expect(answer).toContain('<!DOCTYPE html>')
    },
  )

  test('a browser that wants an icon gets no error', async () => {
    expect(statusOf(await exchange(port, head('/favicon.ico', {}, 'GET')))).toBe(204)
  })

  const ask = (token: string, path = '/api/invoices/x') =>
    exchange(port, head(path, { Authorization: `Bearer ${token}` }, 'GET'))

  test('an id with a NUL is one that nobody knows, and no answer of the API may be kept', async () => {
    const answer = await ask(ADMIN_TOKEN, '/api/invoices/%00')

    expect(statusOf(answer)).toBe(404)
    expect(answer).toMatch(/^cache-control: no-store/im)
  })

  test('who guesses the admin token is slowed and seen, and the owner still let in', async () => {
    expect(statusOf(await ask(ADMIN_TOKEN))).toBe(404)
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, guess) =>
        exchange(
          port,
          head(
            '/api/invoices/x',
            { Authorization: `Bearer guess-${guess}`, 'X-Forwarded-For': '203.0.113.9' },
            'GET',
          ),
        ),
      ),
    )

    const statuses = answers.map(statusOf)
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(40)
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(10)
    expect(answers.find((one) => statusOf(one) === 429)).toMatch(/^retry-after: /im)
    expect(heard.saying('somebody guesses ADMIN_TOKEN').length).toBeGreaterThan(0)
    expect(statusOf(await ask(ADMIN_TOKEN))).toBe(404)
  })
})

const pinoError = 50
