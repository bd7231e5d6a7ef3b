import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { eq, like } from 'drizzle-orm'

import { findings, notifications, payments } from '../../src/db/schema.ts'
import { createTestDatabase } from '../support/database.ts'
import { createPoolers, PGBOUNCER } from '../support/pgbouncer.ts'
import { DODO_KEY, LAGO_KEY, shareWorld, WEBHOOK_SECRET, type World } from '../support/world.ts'
import type { Fetch } from '../../src/vendor-fetch.ts'
import { openSink } from '../mail/support.ts'
import { diagnose, fetchIn, setUp } from './support.ts'

const shared = shareWorld({ unproven: 'mistakes are made in both services by hand' })
const HOUR_MS = 3_600_000
const LAGO_HOOK = 'http://bridge.test/webhooks/lago'
const DODO_HOOK = 'http://bridge.test/webhooks/dodo'

let world: World
beforeAll(async () => {
  ;({ world } = shared)
  await setUp(world)
  const invoice = world.bill(10_000)
  const { sessionId } = await world.openCheckout(invoice.lago_id)
  world.dodo.pay(sessionId)
  await world.eventually(invoice.lago_id, ({ state }) => state === 'paid')
  await world.sweep()
  await world.quiet()
})
let kept: { lago: object[]; dodo: object[]; products: object[] }
beforeEach(() => {
  const { lago, dodo } = world
  kept = structuredClone({
    lago: lago.store.webhookEndpoints,
    dodo: [...dodo.store.endpoints.values()],
    products: [...dodo.store.products.values()],
  })
})
afterEach(async () => {
  const { lago, dodo } = world
  lago.store.webhookEndpoints.splice(0, Infinity, ...(kept.lago as never[]))
  dodo.store.endpoints.clear()
  for (const one of kept.dodo as { id: string }[]) dodo.store.endpoints.set(one.id, one as never)
  for (const one of kept.products as { product_id: string }[]) {
    dodo.store.products.set(one.product_id, one as never)
  }
  await world.bridge.db.delete(findings).where(like(findings.name, 'refused:%'))
})

const atLago = () => world.lago.store.webhookEndpoints[0] ?? {}
const atDodo = () => [...world.dodo.store.endpoints.values()][0] ?? {}

describe('webhook endpoints', () => {
  test.each([
    [
      'of Lago',
      'lago.webhook',
      () => Object.assign(atLago(), { webhook_url: 'https://old.example/webhooks/lago' }),
    ],
    [
      'of Dodo',
      'dodo.webhook',
      () => Object.assign(atDodo(), { url: 'https://old.example/webhooks/dodo' }),
    ],
  ])('%s, one that leads to another host is named', async (_whose, id, mistake) => {
    mistake()

    const { exitCode, failed, find } = await diagnose(world)

    expect(exitCode).toBe(1)
    expect(failed).toEqual([id])
    expect(find(id)?.evidence).toContain('it sends to https://old.example/webhooks/')
    expect(find(id)?.fix).toBe('run `bridge setup`')
  })

  test('the events that are missing are named', async () => {
    Object.assign(atLago(), { event_types: ['invoice.created'] })
    Object.assign(atDodo(), { filter_types: ['payment.succeeded', 'payment.failed'] })

    const { failed, find } = await diagnose(world)

    expect(failed).toEqual(['lago.webhook', 'dodo.webhook'])
    expect(find('lago.webhook')?.evidence).toContain('misses invoice.one_off_created, ')
    expect(find('dodo.webhook')?.evidence).toContain('misses payment.processing, ')
  })

  test('two that lead here are one too many', async () => {
    world.lago.store.webhookEndpoints.push({
      ...(kept.lago[0] as never as (typeof world.lago.store.webhookEndpoints)[number]),
      lago_id: 'second',
      webhook_url: `${LAGO_HOOK}/`,
    })

    const { failed, find } = await diagnose(world)

    expect(failed).toEqual(['lago.webhook'])
    expect(find('lago.webhook')?.evidence).toBe(
      `2 endpoints lead here, so each event comes 2 times: ${LAGO_HOOK}, ${LAGO_HOOK}/`,
    )
  })

  test('none at all', async () => {
    world.lago.store.webhookEndpoints.splice(0)
    world.dodo.store.endpoints.clear()

    const { failed, skipped, find } = await diagnose(world)

    expect(failed).toEqual(['lago.webhook', 'dodo.webhook'])
    expect(skipped).toContain('dodo.signature')
    expect(find('dodo.webhook')?.evidence).toContain(`leads to ${DODO_HOOK}: it has none`)
  })

  test('JWT, also where it is meant', async () => {
    Object.assign(atLago(), { signature_algo: 'jwt' })

    const { warned, failed, find } = await diagnose(world, {
      env: { LAGO_WEBHOOK_SIGNATURE: 'jwt' },
      only: 'lago',
    })

    expect(failed).toEqual([])
    expect(warned).toEqual(['lago.webhook'])
    expect(find('lago.webhook')?.fix).toBe('set LAGO_WEBHOOK_SIGNATURE=hmac and run `bridge setup`')
  })

  test('JWT where HMAC is set, and an endpoint that Dodo has given up on', async () => {
    Object.assign(atLago(), { signature_algo: 'jwt' })
    Object.assign(atDodo(), { disabled: true })

    const { find } = await diagnose(world)

    expect(find('lago.webhook')?.evidence).toContain('signs with JWT, HMAC is wanted')
    expect(find('dodo.webhook')?.evidence).toContain('disabled by Dodo')
  })
})

describe('secrets', () => {
  test('the secret of another endpoint of Dodo is told from the right one, and the bridge refuses it', async () => {
    const env = { DODO_WEBHOOK_SECRET: 'whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC0wMDAw' }

    const { failed, find } = await diagnose(world, { env })

    expect(failed).toEqual(['proxy_body', 'dodo.signature'])
    expect(find('dodo.signature')?.evidence).toContain('of another endpoint, or of the other mode')
    expect(find('proxy_body')?.evidence).toContain('it runs with other settings than these')
  })

  test('of several secrets it says which one signs', async () => {
    const { find } = await diagnose(world, {
      env: {
        DODO_WEBHOOK_SECRET:
          'whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldC0wMDAw,whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
      },
      only: 'dodo.signature',
    })

    expect(find('dodo.signature')?.evidence).toStartWith('secret 2 of 2 fits')
  })

  test('the API key in place of the HMAC token', async () => {
    const env = { LAGO_WEBHOOK_HMAC_KEY: '0d9c1c62-54a4-4a2b-8f3a-2f2f4c7c9a10' }

    const { failed, find } = await diagnose(world, { env })

    expect(failed).toEqual(['lago.signature'])
    expect(find('lago.signature')).toMatchObject({
      evidence: 'LAGO_WEBHOOK_HMAC_KEY is the API key',
      fix: 'copy Lago > Developers > Webhooks > HMAC signature token',
    })
  })

  test('the two webhook secrets, one in the place of the other', async () => {
    const env = { LAGO_WEBHOOK_HMAC_KEY: WEBHOOK_SECRET }

    const { failed, find } = await diagnose(world, { env, only: 'lago' })

    expect(failed).toEqual(['lago.signature'])
    expect(find('lago.signature')).toMatchObject({
      evidence: 'LAGO_WEBHOOK_HMAC_KEY begins with whsec_, as the secrets of Dodo’s webhooks do',
      fix: 'copy Lago > Developers > Webhooks > HMAC signature token',
    })
  })

  test('deliveries that were refused since the last that held are told, with the reason', async () => {
    const refuse = () =>
      world.get('/webhooks/lago', {
        method: 'POST',
        headers: {
          'x-lago-unique-key': crypto.randomUUID(),
          'x-lago-signature': Buffer.alloc(32).toString('base64'),
        },
        body: '{}',
      })
    expect((await refuse()).status).toBe(401)

    const { failed, find } = await untilFailed('lago.signature')

    expect(failed).toEqual(['lago.signature'])
    expect(find('lago.signature')?.evidence).toMatch(
      /1 delivery refused in \d+ s, the last \d+ s ago: "X-Lago-Signature does not match.*last verified/,
    )
  })
})

describe('keys and addresses', () => {
  test('a key of Lago that it does not know', async () => {
    const { failed, find } = await diagnose(world, { env: { LAGO_API_KEY: 'another' } })

    expect(failed).toEqual(['lago.key'])
    expect(find('lago.key')?.evidence).toContain('Lago refuses LAGO_API_KEY (401)')
    expect(find('lago.webhook')).toMatchObject({
      verdict: 'skip',
      evidence: 'because lago.key failed',
    })
  })

  test('the two API keys, one in the place of the other', async () => {
    const env = { LAGO_API_KEY: DODO_KEY, DODO_API_KEY: LAGO_KEY }

    const { failed, find } = await diagnose(world, { env })

    expect(failed).toEqual(['lago.key', 'dodo.mode'])
    for (const id of failed) {
      expect(find(id)?.evidence).toContain('(401)')
      expect(find(id)?.fix).toStartWith('DODO_API_KEY looks like a key of Lago: exchange the two')
    }
  })

  test('the address of one service in the place of the other', async () => {
    const lago = await diagnose(world, { env: { LAGO_API_URL: 'http://dodo.test' } })
    const dodo = await diagnose(world, { env: { DODO_API_URL: 'http://lago.test' } })

    expect(lago.failed).toEqual(['lago.reach'])
    expect(lago.find('lago.reach')).toMatchObject({
      evidence: 'LAGO_API_URL is http://dodo.test, which is Dodo',
      fix: 'set LAGO_API_URL to the address of the API, with or without /api/v1',
    })
    expect(dodo.failed).toEqual(['dodo.reach'])
    expect(dodo.find('dodo.reach')).toMatchObject({
      evidence: 'DODO_API_URL is http://lago.test, and there is no API of Dodo there (404)',
      fix: 'leave DODO_API_URL out',
    })
  })

  test('a test key with live mode, found by asking both', async () => {
    const inner = fetchIn(world)
    const fetch = (input: string | URL | Request, init?: RequestInit) => {
      const request = new Request(input instanceof URL ? input.href : (input as string), init)
      const { host } = new URL(request.url)
      if (host === 'test.dodopayments.com') return world.dodo.fetch(request)
      if (host === 'live.dodopayments.com') {
        const refusal = { code: 'UNAUTHORIZED', message: 'unknown API key' }
        return Promise.resolve(Response.json(refusal, { status: 401 }))
      }
      return inner(input, init)
    }
    const env = {
      DODO_ENVIRONMENT: 'live',
      DODO_API_URL: '',
      PUBLIC_URL: 'https://bridge.test',
      LAGO_API_URL: 'https://lago.test',
    }

    const { failed, find } = await diagnose(world, { env, fetch, only: 'dodo' })

    expect(failed).toEqual(['dodo.mode'])
    expect(find('dodo.mode')?.evidence).toContain('DODO_API_KEY is a key of test mode')
    expect(find('dodo.mode')?.fix).toContain('set the key of live mode, or DODO_ENVIRONMENT=test')
  })

  test.each([
    'http://lago.test',
    'http://lago.test/',
    'http://lago.test/api/v1',
    'http://lago.test/api/v1/',
  ])('LAGO_API_URL=%s is the same Lago', async (url) => {
    const { failed, find } = await diagnose(world, { env: { LAGO_API_URL: url }, only: 'lago' })

    expect(failed).toEqual([])
    expect(find('lago.reach')?.evidence).toStartWith('http://lago.test answers')
  })

  test.each([
    ['http://lago.test/api', 'there is no API of Lago there (404)'],
    ['http://nowhere.test', 'Lago cannot be reached'],
  ])('LAGO_API_URL=%s is told', async (url, evidence) => {
    const { failed, find } = await diagnose(world, { env: { LAGO_API_URL: url }, only: 'lago' })

    expect(failed).toEqual(['lago.reach'])
    expect(find('lago.reach')?.evidence).toContain(evidence)
    expect(find('lago.reach')?.evidence).toContain(url)
  })

  test('LAGO_API_URL of the front end is told', async () => {
    const inner = fetchIn(world)
    const page = () => new Response('<html>', { headers: { 'content-type': 'text/html' } })
    const { find } = await diagnose(world, {
      fetch: (input, init) => {
        const url = urlOf(input)
        return url.startsWith('http://app.lago.test') ? Promise.resolve(page()) : inner(input, init)
      },
      env: { LAGO_API_URL: 'http://app.lago.test' },
      only: 'lago',
    })

    expect(find('lago.reach')).toMatchObject({
      verdict: 'fail',
      evidence: expect.stringContaining('leads to a web page (200)'),
      fix: 'set LAGO_API_URL to the address of the API, with or without /api/v1',
    })
  })

  test('a PUBLIC_URL that the services cannot reach', async () => {
    const { failed, skipped, find } = await diagnose(world, {
      env: { PUBLIC_URL: 'http://localhost:3000' },
      only: 'public_url',
    })

    expect(failed).toEqual(['public_url'])
    expect(skipped).toEqual([])
    expect(find('public_url')?.evidence).toContain('which lago.test cannot reach')
  })

  test('a PUBLIC_URL that is not set, and one that redirects', async () => {
    const unset = await diagnose(world, { env: { PUBLIC_URL: '' }, only: 'public_url' })
    const inner = fetchIn(world)
    const moved = await diagnose(world, {
      only: 'public_url',
      fetch: (input, init) =>
        urlOf(input) === 'http://bridge.test/health'
          ? Promise.resolve(
              new Response(null, { status: 308, headers: { location: 'https://b.example' } }),
            )
          : inner(input, init),
    })

    expect(unset.find('public_url')?.evidence).toContain('PUBLIC_URL is not set')
    expect(moved.find('public_url')?.evidence).toContain('redirects (308) to https://b.example')
  })
})

describe('what stands in between', () => {
  const through = (change: (url: URL, init?: RequestInit) => Promise<Response> | undefined) => {
    const inner = fetchIn(world)
    return (input: string | URL | Request, init?: RequestInit) => {
      const url = new URL(input instanceof Request ? input.url : input)
      const changed = url.host === 'bridge.test' ? change(url, init) : undefined
      return changed ?? inner(input, init)
    }
  }

  test('a proxy that takes no large bodies', async () => {
    const fetch = through((url, init) =>
      url.pathname === '/webhooks/lago' && init?.method === 'POST'
        ? Promise.resolve(new Response('too large', { status: 413 }))
        : undefined,
    )

    const { failed, find } = await diagnose(world, { fetch })

    expect(failed).toEqual(['body_limit'])
    expect(find('body_limit')?.fix).toContain('client_max_body_size 32m')
  })

  test('a proxy that writes JSON anew', async () => {
    const fetch = through((url, init) => {
      if (url.pathname !== '/webhooks/dodo') return undefined
      const body = JSON.stringify(JSON.parse(init?.body as string))
      return world.get(url.pathname, { ...init, body })
    })

    const { failed, find } = await diagnose(world, { fetch })

    expect(failed).toEqual(['proxy_body'])
    expect(find('proxy_body')?.evidence).toContain('is changed on its way')
  })

  test('a clock that is off', async () => {
    const inner = fetchIn(world)
    const fetch = async (input: string | URL | Request, init?: RequestInit) => {
      const response = await inner(input, init)
      const headers = new Headers(response.headers)
      headers.set('date', new Date().toUTCString())
      return new Response(response.body, { status: response.status, headers })
    }
    const at = (aheadMs: number) => ({
      fetch,
      now: () => new Date(Date.now() + aheadMs),
      only: 'clock',
    })

    const [right, slow, fast] = [
      await diagnose(world, at(0)),
      await diagnose(world, at(-60_000)),
      await diagnose(world, at(HOUR_MS)),
    ]

    expect(right.find('clock')?.evidence).toBe('within 1 s of Dodo, within 1 s of Lago')
    expect(slow.warned).toEqual(['clock'])
    expect(slow.find('clock')?.evidence).toMatch(/^(59|60|61) s behind Dodo/)
    expect(fast.failed).toEqual(['clock'])
    expect(fast.find('clock')?.evidence).toMatch(/^(3599|3600|3601) s ahead of Dodo/)
  })
})

describe('what the services do not do', () => {
  test('a product that adds tax, and a checkout that would ask for more', async () => {
    const [product] = world.dodo.store.products.values()
    Object.assign(product?.price ?? {}, { tax_inclusive: false })

    const { failed, find } = await diagnose(world)

    expect(failed).toEqual(['dodo.products', 'dodo.checkout'])
    expect(find('dodo.products')?.evidence).toContain('is tax-exclusive')
    expect(find('dodo.checkout')?.evidence).toContain('10.00 USD in DE: the customer would pay')
  })

  test('a product with a fixed price', async () => {
    const [product] = world.dodo.store.products.values()
    Object.assign(product?.price ?? {}, { pay_what_you_want: false })

    expect((await diagnose(world)).find('dodo.products')?.evidence).toContain('has a fixed price')
  })

  test('a payment that no checkout of the bridge asked for', async () => {
    const { db } = world.bridge
    const [payment] = await db.query.payments.findMany({ limit: 1 })
    if (!payment) throw new Error('no payment')
    await db
      .insert(payments)
      .values({ ...payment, dodoPaymentId: 'pay_stranger', attemptId: null, madeAt: new Date() })

    const { warned, find } = await diagnose(world)

    expect(warned).toContain('dodo.recovery')
    expect(find('dodo.recovery')?.evidence).toContain('1 payment that no checkout of the bridge')
    await db.delete(payments).where(eq(payments.dodoPaymentId, 'pay_stranger'))
  })
})

describe('the database', () => {
  test('one that cannot be reached is named without its password, and what needs it is skipped', async () => {
    const env = { DATABASE_URL: 'postgres://me:secret@127.0.0.1:9/bridge' }

    const { failed, skipped, find } = await diagnose(world, { env })

    expect(failed).toEqual(['database'])
    expect(find('database')?.evidence).toContain('DATABASE_URL (me@127.0.0.1:9/bridge)')
    expect(find('database')?.evidence).not.toContain('secret')
    expect(skipped).toContain('queue')
  })

  test('where none was ever opened, none is made by looking', async () => {
    const dataDir = join(tmpdir(), `bridge-none-${crypto.randomUUID()}`)
    const env = { DATABASE_URL: '', DATA_DIR: dataDir }

    const { failed, find } = await diagnose(world, { env })

    expect(failed).toEqual([])
    expect(find('database')).toMatchObject({
      verdict: 'skip',
      evidence: `there is no database under ${dataDir} yet: start the bridge once`,
    })
    expect(find('lago.signature')).toMatchObject({ verdict: 'ok', evidence: 'one key' })
    expect(existsSync(dataDir)).toBe(false)
  })

  test('one on which no bridge has run', async () => {
    const empty = await createTestDatabase(() => Promise.resolve())
    try {
      const { failed, find } = await diagnose(world, { env: { DATABASE_URL: empty.url } })

      expect(failed).toEqual(['schema'])
      expect(find('schema')?.evidence).toContain('no bridge has run on this database')
    } finally {
      await empty.drop()
    }
  })

  test.if(PGBOUNCER !== undefined)('a pooler in transaction mode before it', async () => {
    const poolers = createPoolers()
    try {
      const env = { DATABASE_URL: await poolers.open(world.databaseUrl, 'transaction') }

      const { failed, find } = await diagnose(world, { env })

      expect(failed).toEqual(['database'])
      expect(find('database')?.evidence).toMatch(/pooler in transaction mode.*direct address/)
    } finally {
      await poolers.close()
    }
  })

  test('one that nobody works on', async () => {
    const now = () => new Date(Date.now() + 5 * HOUR_MS)

    const { failed, find } = await diagnose(world, { now })

    expect(failed).toContain('queue')
    expect(find('queue')?.evidence).toContain('nobody works the queue: last sign of life 5 h ago')
    expect(failed).toContain('sweep')
  })
})

const urlOf = (input: string | URL | Request) =>
  new URL(input instanceof Request ? input.url : input).href

async function untilFailed(id: string) {
  for (let tries = 0; ; tries += 1) {
    const found = await diagnose(world)
    if (found.failed.includes(id) || tries > 20) return found
    await Bun.sleep(50)
  }
}

describe('mail', () => {
  const MAIL = { MAIL_FROM: 'billing@acme.example', CUSTOMER_EMAILS: 'invoice' }

  test('is well when the server lets us in; without MAIL_TEST_TO nothing is sent in test mode', async () => {
    const sink = await openSink()
    const env = { ...MAIL, SMTP_URL: sink.url }
    world.lago.store.billingEntity.email_settings = []
    const found = await diagnose(world, { env, only: 'smtp' })
    const mail = await diagnose(world, { env, only: 'mail' })
    await sink.close()
    const away = await diagnose(world, { env, only: 'smtp' })

    expect(found.find('smtp')).toMatchObject({
      verdict: 'ok',
      evidence: expect.stringMatching(/greets, and lets us in; customers are mailed invoice$/),
    })
    expect(mail.find('mail')).toMatchObject({
      verdict: 'warn',
      fix: 'set MAIL_TEST_TO to an address of your own',
    })
    expect(away.find('smtp')).toMatchObject({
      verdict: 'fail',
      evidence: expect.stringContaining('ECONNREFUSED'),
      fix: expect.stringContaining('look at host and port in SMTP_URL'),
    })
  })

  test('with a wrong password is told with the words of the server', async () => {
    const sink = await openSink({
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      onAuth: (_auth, _session, done) => done(new Error('no such account')),
    })
    const env = { ...MAIL, SMTP_URL: sink.url.replace('//', '//me:wrong@') }
    const found = await diagnose(world, { env, only: 'smtp' })
    await sink.close()

    expect(found.find('smtp')).toMatchObject({
      verdict: 'fail',
      evidence: expect.stringContaining('no such account'),
      fix: 'take user and password in SMTP_URL from whoever runs the server',
    })
  })

  test('that Lago sends as well is told', async () => {
    const fetch = tampering((path, body) =>
      path.endsWith('/organizations')
        ? { organization: { ...body['organization'], email_settings: ['invoice.finalized'] } }
        : body,
    )
    const env = { ...MAIL, SMTP_URL: 'smtp://127.0.0.1:9' }
    const found = await diagnose(world, { env, fetch, only: 'lago.mail' })

    expect(found.find('lago.mail')).toMatchObject({
      verdict: 'warn',
      evidence: expect.stringContaining('invoice.finalized; the bridge sends none'),
    })
  })

  /** Lago's answers, changed. */
  function tampering(change: (path: string, body: Record<string, object>) => object): Fetch {
    return async (input, init) => {
      const response = await fetchIn(world)(input, init)
      const { host, pathname } = new URL(input instanceof Request ? input.url : input)
      if (host !== 'lago.test' || !response.ok) return response
      const body = change(pathname, (await response.json()) as Record<string, object>)
      return Response.json(body, { status: response.status })
    }
  }
})

describe('what is told, and how it looks', () => {
  const at = (answer: () => Response) => {
    const inner = fetchIn(world)
    return ((input: string | URL | Request, init?: RequestInit) =>
      urlOf(input).startsWith('https://elsewhere.test')
        ? Promise.resolve(answer())
        : inner(input, init)) as Fetch
  }
  const env = { ALERT_WEBHOOK_URL: 'https://elsewhere.test/hook/secret' }
  const told = async (fetch: Fetch) =>
    (await diagnose(world, { env, fetch, only: 'notifications' })).find('notifications')

  test('a receiver of notifications that is away, redirects, or took none of them', async () => {
    const { db, deps } = world.bridge
    const away = await told((input, init) => fetchIn(world)(input, init))
    const moved = await told(at(() => Response.redirect('https://other.test/')))
    const well = await told(at(() => new Response(null, { status: 405 })))
    const one = { type: 'test', subject: 'x', occasion: 'x', text: 'x', data: {} }
    const row = { ...one, id: 'ntf_1', at: deps.now(), queuedAt: deps.now(), endedAt: deps.now() }
    await db.insert(notifications).values({ ...row, state: 'failed', error: 'it answered 410' })
    const gone = await told(at(() => new Response(null, { status: 405 })))
    await db.delete(notifications)

    expect(away).toMatchObject({ verdict: 'fail', fix: 'look at ALERT_WEBHOOK_URL' })
    expect(moved?.evidence).toBe('elsewhere.test redirects (302), which is not followed')
    expect(well).toMatchObject({ verdict: 'ok', evidence: 'elsewhere.test answers; none sent yet' })
    expect(gone?.evidence).toContain('did not take the last: it answered 410')
    expect(JSON.stringify([away, moved, well, gone])).not.toContain('secret')
  })

  test('a logo that is no picture, a colour that is hardly read, and no name at all', async () => {
    const look = async (more: Record<string, string>, logo = 'no picture') => {
      const fetch = at(() => new Response(logo))
      return (await diagnose(world, { env: more, fetch, only: 'branding' })).find('branding')
    }
    const plain = await look({})
    const logo = await look({ MERCHANT_LOGO: 'https://elsewhere.test/logo.png' })
    const color = await look({ MERCHANT_COLOR: '#7f7f7f' })
    const inner = fetchIn(world)
    const nameless: Fetch = async (input, init) => {
      const answer = await inner(input, init)
      if (!urlOf(input).endsWith('/organizations')) return answer
      const { organization } = (await answer.json()) as { organization: object }
      return Response.json({ organization: { ...organization, name: null } })
    }
    const found = await diagnose(world, { fetch: nameless, only: 'branding' })
    const nobody = found.find('branding')

    expect(plain?.verdict).toBe('ok')
    expect(logo?.evidence).toContain('it is no PNG, JPEG or WebP of at most 200 KB')
    expect(color).toMatchObject({ verdict: 'warn' })
    expect(color?.evidence).toMatch(/#7f7f7f with [34]\.\d:1/)
    expect(nobody?.fix).toBe('set MERCHANT_NAME, or a name in Lago')
  })
})
