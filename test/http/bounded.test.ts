import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto'
import net from 'node:net'

import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startServer } from '../support/server-process.ts'
import { DODO_KEY, HMAC_KEY, LAGO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

const ORGANIZATION = '0b7f6a3e-52c1-4b0e-9a4d-6f7f0c2d9a11'
const MOST_MIB = 400
const HEADER_BYTES = 3_900_000
const BODY = JSON.stringify({
  webhook_type: 'alert.triggered',
  object_type: 'triggered_alert',
  organization_id: ORGANIZATION,
})

const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
})
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Half a gigabyte is sent, on a machine that may have other things to do. */
setDefaultTimeout(120_000)

describe('what strangers make the process hold', () => {
  let database: TestDatabase
  let lago: ReturnType<typeof Bun.serve>
  let server: Awaited<ReturnType<typeof startServer>> | undefined
  const sockets: net.Socket[] = []
  beforeAll(async () => {
    database = await createTestDatabase()
    lago = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: ({ url }) =>
        url.endsWith('/json_public_key')
          ? Response.json({ webhook: { public_key: Buffer.from(publicKey).toString('base64') } })
          : Response.json({ organization: { lago_id: ORGANIZATION, name: 'Acme' } }),
    })
  })
  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy()
    await server?.stop()
  })
  afterAll(async () => {
    await lago.stop(true)
    await database.drop()
  })

  const url = () => `http://127.0.0.1:${lago.port}`
  const env = (more: Record<string, string>) => ({
    DATABASE_URL: database.url,
    LAGO_API_URL: url(),
    LAGO_API_KEY: LAGO_KEY,
    DODO_API_URL: url(),
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    ...more,
  })
  function tokenFor(data: string) {
    const signed = `${part({ alg: 'RS256' })}.${part({ data, iss: url() })}`
    return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`
  }
  const post = async (port: number, signature: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/webhooks/lago`, {
      method: 'POST',
      body: BODY,
      headers: { 'X-Lago-Signature': signature, 'X-Lago-Unique-Key': crypto.randomUUID() },
    })
    return response.status
  }

  /** Sends the beginning of a request, and never its end. */
  function leaveHalfSent(port: number, text: string) {
    const socket = net.connect(port, '127.0.0.1')
    socket.on('error', () => socket.destroy())
    socket.write(text)
    socket.resume()
    sockets.push(socket)
  }
  /** Resolves when everything that is taken has been taken: nothing more leaves the sockets. */
  async function untilTaken() {
    const left = () =>
      sockets.reduce((sum, one) => sum + (one.destroyed ? 0 : one.writableLength), 0)
    for (let before = -1; before !== left(); await Bun.sleep(500)) before = left()
  }

  test('with JWT, large heads that never end take a bounded memory, and our Lago is let in', async () => {
    server = await startServer(env({ LAGO_WEBHOOK_SIGNATURE: 'jwt' }))
    const genuine = tokenFor(BODY)
    expect(await post(server.port, genuine)).toBe(200)

    const line = `X-Lago-Signature: ${'x'.repeat(HEADER_BYTES)}`
    for (let index = 0; index < 150; index += 1) {
      leaveHalfSent(
        server.port,
        index % 4 > 0
          ? `GET /health HTTP/1.1\r\nHost: x\r\n${line}`
          : `POST /webhooks/lago HTTP/1.1\r\nHost: x\r\nX-Lago-Unique-Key: 1\r\n${line.slice(0, 900_000)}`,
      )
    }
    const statuses = [await post(server.port, genuine)]
    await untilTaken()
    for (let time = 0; time < 10; time += 1) statuses.push(await post(server.port, genuine))

    expect(statuses).toEqual(statuses.map(() => 200))
    expect(server.peakMib()).toBeLessThan(MOST_MIB)
  })

  test('with JWT, large tokens that are none, bodies waited for, take a bounded memory', async () => {
    server = await startServer(env({ LAGO_WEBHOOK_SIGNATURE: 'jwt' }))
    const genuine = tokenFor(BODY)
    const forged = tokenFor('x'.repeat(2_000_000))
    for (let index = 0; index < 100; index += 1) {
      leaveHalfSent(
        server.port,
        `POST /webhooks/lago HTTP/1.1\r\nHost: x\r\nX-Lago-Unique-Key: 1\r\nX-Lago-Signature: ${forged}\r\nContent-Length: 900\r\n\r\nx`,
      )
    }
    await untilTaken()
    const statuses = []
    for (let time = 0; time < 10; time += 1) statuses.push(await post(server.port, genuine))

    expect(statuses).toEqual(statuses.map(() => 200))
    expect(server.peakMib()).toBeLessThan(MOST_MIB)
  })

  test('with HMAC, thousands of connections take a bounded memory, and our Lago is let in', async () => {
    server = await startServer(env({ LAGO_WEBHOOK_HMAC_KEY: HMAC_KEY }))
    const line = `X-Lago-Signature: ${'A'.repeat(43)}=\r\nX-Lago-Unique-Key: 1\r\nX-Pad: ${'x'.repeat(15_000)}`
    for (let index = 0; index < 3_000; index += 1) {
      leaveHalfSent(
        server.port,
        `POST /webhooks/lago HTTP/1.1\r\nHost: x\r\n${line}${index % 2 ? '' : '\r\nContent-Length: 9\r\n\r\nx'}`,
      )
    }
    await untilTaken()
    const statuses = []
    const signature = createHmac('sha256', HMAC_KEY).update(BODY).digest('base64')
    for (let time = 0; time < 10; time += 1) statuses.push(await post(server.port, signature))

    expect(statuses).toEqual(statuses.map(() => 200))
    expect(server.peakMib()).toBeLessThan(MOST_MIB)
  })
})
