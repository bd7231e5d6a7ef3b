import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'

import { exchange, statusOf } from '../support/raw.ts'
import { ADMIN_TOKEN, HMAC_KEY, openWorld, WEBHOOK_SECRET, type World } from '../support/world.ts'
import { MAX_BODY_BYTES } from '../../src/http/webhooks.ts'
import { listRefused } from '../../src/inbox/refused.ts'

const HANG_MS = 2_000
const isOfDodo = ({ source }: { source: string }) => source === 'dodo'

describe('webhooks over a socket', () => {
  let world: World
  let server: ReturnType<typeof Bun.serve>
  beforeAll(async () => {
    world = await openWorld()
    const { app } = world.bridge
    server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: app.fetch,
      maxRequestBodySize: MAX_BODY_BYTES + 1024 * 1024,
    })
  })
  afterAll(async () => {
    await server.stop(true)
    await world.close()
  })

  const sized = (bytes: number) => {
    const head = '{"webhook_type":"alert.triggered","object_type":"triggered_alert","pad":"'
    return Buffer.from(`${head}${'x'.repeat(bytes - head.length - 2)}"}`)
  }
  const send = (body: Buffer | ReadableStream, signed: Buffer, deliveryId = crypto.randomUUID()) =>
    fetch(`http://127.0.0.1:${server.port}/webhooks/lago`, {
      method: 'POST',
      body: body as NonNullable<RequestInit['body']>,
      headers: {
        'X-Lago-Signature': createHmac('sha256', HMAC_KEY).update(signed).digest('base64'),
        'X-Lago-Unique-Key': deliveryId,
      },
    })
  const inPieces = (body: Buffer) =>
    new ReadableStream({
      pull(controller) {
        controller.enqueue(body.subarray(0, 1 << 20))
        body = body.subarray(1 << 20)
        if (body.length === 0) controller.close()
      },
    })

  test.each(['HTTP/1.0\r\n', 'HTTP/1.1\r\nHost:\r\n', 'HTTP/1.1\r\nHost: a b/pay\r\n'])(
    'is found by its path, whatever names the host: %j',
    async (rest) => {
      const ask = async (line: string) =>
        statusOf(await exchange(server.port ?? 0, `${line} ${rest}Content-Length: 0\r\n\r\n`))

      expect(await ask('GET /health')).toBe(200)
      expect(await ask('GET /ready/?from=//here')).toBe(200)
      expect(await ask('POST //webhooks/lago')).toBe(401)
      expect(await ask('GET /dashboard/invoices?state=open')).toBe(302)
      const token = `Authorization: Bearer ${ADMIN_TOKEN}\r\n`
      for (const path of ['/metrics', '/api/deliveries?limit=1'])
        expect(statusOf(await exchange(server.port ?? 0, `GET ${path} ${rest}${token}\r\n`))).toBe(
          200,
        )
    },
  )

  test('one that is refused is noted with who sent it, also after others were taken', async () => {
    const body = '{"type":"payout.created","data":{}}'
    const post = (secret: string) => {
      const [id, at] = [`msg_${crypto.randomUUID()}`, new Date()]
      return fetch(`http://127.0.0.1:${server.port}/webhooks/dodo`, {
        method: 'POST',
        body,
        headers: {
          'webhook-id': id,
          'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
          'webhook-signature': new Webhook(secret).sign(id, at, body),
        },
      })
    }
    expect((await post(WEBHOOK_SECRET)).status).toBe(200)
    expect((await post(`whsec_${btoa('another secret of nobody')}`)).status).toBe(401)

    const noted = async () => (await listRefused(world.bridge.db, new Date())).find(isOfDodo)
    while (!(await noted())) await Bun.sleep(10)
    expect((await noted())?.latest[0]?.from).toBe('127.0.0.1')
  })

  test('a body of 32 MiB is stored to the last byte', async () => {
    const deliveryId = crypto.randomUUID()
    const body = sized(MAX_BODY_BYTES)

    const response = await send(body, body, deliveryId)

    expect(response.status).toBe(200)
    const row = await world.bridge.db.query.deliveries.findFirst({
      where: (one, { eq }) => eq(one.deliveryId, deliveryId),
    })
    expect(row?.body.equals(body)).toBe(true)
  })

  test('a body of more than 32 MiB is refused, announced or not', async () => {
    const slightly = sized(MAX_BODY_BYTES + 1)
    const response = await send(slightly, slightly)
    expect(response.status).toBe(413)
    expect(await response.json()).toEqual({ error: expect.any(String) })

    expect((await send(inPieces(slightly), slightly)).status).toBe(413)
    const far = sized(MAX_BODY_BYTES + 4 * 1024 * 1024)
    expect((await send(far, far)).status).toBe(413)
  })

  // Each new customer and currency is looked for under a lock, which is the tightest spot.
  test('a Dodo that hangs changes nothing about how fast webhooks are acknowledged', async () => {
    world.dodo.faults.add({ kind: 'hang', ms: HANG_MS })
    for (let count = 0; count < 10; count += 1) world.bill(1_000 + count)
    await Bun.sleep(500)

    const times: number[] = []
    for (let count = 0; count < 20; count += 1) {
      const startedAt = performance.now()
      const body = sized(2_000 + count)
      expect((await send(body, body)).status).toBe(200)
      times.push(performance.now() - startedAt)
    }
    world.dodo.faults.clear()

    expect(times.toSorted((a, b) => a - b)[18]).toBeLessThan(500)
  })
})
