import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { createHmac, createSign, generateKeyPairSync } from 'node:crypto'

import { Hono } from 'hono'
import pino from 'pino'

import { openBridge, type Bridge } from '../../src/bridge.ts'
import { readConfig } from '../../src/config.ts'
import { fetchInProcess } from '../../sandbox/kit/in-process.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { DODO_KEY, LAGO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

const ISSUER = 'http://lago.test'
const ORGANIZATION = '0b7f6a3e-52c1-4b0e-9a4d-6f7f0c2d9a11'
const MINUTE_MS = 60_000

const newPair = () =>
  generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('POST /webhooks/lago, signed by JWT', () => {
  const [first, second, strange] = [newPair(), newPair(), newPair()]
  const lago = { publicKey: first.publicKey, isKeyAway: false, isOrganizationAway: false, asked: 0 }
  const lagoApp = new Hono()
    .get('/api/v1/webhooks/json_public_key', (c) => {
      lago.asked += 1
      if (lago.isKeyAway) return c.json({ status: 500 }, 500)
      const base64 = Buffer.from(lago.publicKey).toString('base64')
      const lines = base64.match(/.{1,60}/g)?.join('\n')
      return c.json({ webhook: { public_key: `${lines}\n` } })
    })
    .get('/api/v1/organizations', (c) =>
      lago.isOrganizationAway
        ? c.json({ status: 500 }, 500)
        : c.json({ organization: { lago_id: ORGANIZATION, name: 'Acme' } }),
    )

  let database: TestDatabase
  let bridge: Bridge
  let aheadMs = 0
  const open = () =>
    openBridge(
      readConfig({
        DATABASE_URL: database.url,
        LAGO_API_URL: `${ISSUER}/api/v1`,
        LAGO_API_KEY: LAGO_KEY,
        LAGO_WEBHOOK_SIGNATURE: 'jwt',
        DODO_API_KEY: DODO_KEY,
        DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
      }),
      {
        log: pino({ level: 'silent' }),
        now: () => new Date(Date.now() + aheadMs),
        fetch: fetchInProcess(lagoApp),
      },
    )
  beforeAll(async () => {
    database = await createTestDatabase()
    bridge = await open()
  })
  beforeEach(() => {
    Object.assign(lago, { isKeyAway: false, isOrganizationAway: false })
  })
  afterAll(async () => {
    await bridge.close()
    await database.drop()
  })

  const event = (organizationId: string | undefined = ORGANIZATION) =>
    JSON.stringify({
      webhook_type: 'alert.triggered',
      object_type: 'triggered_alert',
      organization_id: organizationId,
      triggered_alert: { note: 'Zażółć € <&>' },
    })
  const body = event()

  /** Lago's token by the rules of RFC 7515, made without any code of ours. */
  function token(
    data: unknown,
    {
      iss = ISSUER,
      alg = 'RS256',
      privateKey = first.privateKey,
    }: { iss?: string; alg?: string; privateKey?: string } = {},
  ) {
    const signed = `${part({ alg })}.${part({ data, iss })}`
    return `${signed}.${createSign('RSA-SHA256')
      .update(signed)
      .sign(privateKey ?? '', 'base64url')}`
  }
  const post = (to: Bridge, text: string, signature: string | undefined) =>
    to.app.request('/webhooks/lago', {
      method: 'POST',
      body: text,
      headers: {
        'X-Lago-Unique-Key': crypto.randomUUID(),
        'X-Lago-Signature-Algorithm': 'jwt',
        ...(signature !== undefined && { 'X-Lago-Signature': signature }),
      },
    })
  const send = async (text: string, signature: string | undefined) =>
    (await post(bridge, text, signature)).status

  test('a token of our Lago about this very body is accepted', async () => {
    expect(await send(body, token(body))).toBe(200)
  })

  test('a token of the same Lago for another organisation is refused, because one key signs for all', async () => {
    const theirs = event(crypto.randomUUID())
    expect(await send(theirs, token(theirs))).toBe(401)
    const nobodys = body.replace('organization_id', 'organisation')
    expect(await send(nobodys, token(nobodys))).toBe(401)
  })

  const [header, payload] = token(body).split('.')
  const hs256 = `${part({ alg: 'HS256' })}.${payload}`
  const hmac = createHmac('sha256', first.publicKey).update(hs256).digest('base64url')
  test.each([
    ['is of another issuer', token(body, { iss: 'https://api.getlago.com' })],
    ['is about another body', token(`${body} `)],
    ['is about the body as an object', token(JSON.parse(body))],
    ['is signed by a stranger', token(body, { privateKey: strange.privateKey })],
    ['is not signed, by its own word', `${part({ alg: 'none' })}.${payload}.`],
    ['says it is not signed, and is', token(body, { alg: 'none' })],
    ['uses our public key as a shared secret', `${hs256}.${hmac}`],
    ['says HS256 over a good signature', token(body, { alg: 'HS256' })],
    ['has no signature', `${header}.${payload}`],
    ['has a part too many', `${token(body)}.e30`],
    ['is no token', 'v7xBGVX9XJ15UgkJPVO4MSUT9WAscTuNIkwvc8sdIgA='],
    ['is of unreadable parts', '!!!.???.###'],
    ['is empty', ''],
    ['is missing', undefined],
  ])('a delivery whose token %s is refused', async (_what, signature) => {
    expect(await send(body, signature)).toBe(401)
  })

  test('the HMAC of the same body is refused: the configuration chooses the algorithm', async () => {
    const signature = createHmac('sha256', LAGO_KEY).update(body).digest('base64')

    expect(await send(body, signature)).toBe(401)
  })

  test('strangers with bad tokens do not make the bridge ask Lago for its key each time', async () => {
    const before = lago.asked
    for (let time = 0; time < 20; time += 1) await send(body, token(body, { iss: 'x' }))

    expect(lago.asked - before).toBeLessThanOrEqual(1)
  })

  test('a Lago that signs with a new key is believed once it serves that key', async () => {
    const renewed = token(body, second)
    expect(await send(body, renewed)).toBe(401)

    lago.publicKey = second.publicKey
    aheadMs += 2 * MINUTE_MS

    expect(await send(body, renewed)).toBe(200)
    expect(await send(body, token(body))).toBe(401)
  })

  test('while Lago does not serve its key or organisation, deliveries are put off and not refused', async () => {
    const fresh = await open()
    const signature = token(body, second)

    lago.isKeyAway = true
    expect((await post(fresh, body, signature)).status).toBe(503)
    lago.isKeyAway = false
    lago.isOrganizationAway = true
    expect((await post(fresh, body, signature)).status).toBe(503)
    lago.isOrganizationAway = false
    expect((await post(fresh, body, signature)).status).toBe(200)
    await fresh.close()
  })

  test('a delivery without a token is refused without asking Lago anything', async () => {
    const fresh = await open()
    lago.isKeyAway = true

    expect((await post(fresh, body, undefined)).status).toBe(401)
    await fresh.close()
  })
})
