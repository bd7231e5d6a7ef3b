import { createPublicKey, verify as verifySignature } from 'node:crypto'

import { describe, expect, test } from 'bun:test'

import { encryptSso } from '../../../sandbox/highlevel/api/sso.ts'
import { signingKey } from '../../../sandbox/highlevel/api/webhooks.ts'
import { APP, KEYS, LOCATION, openPlatform, PLATFORM_URL, PROVIDER } from './support.ts'

const AT = '/payments/custom-provider'

describe('the consent page', () => {
  const link = (changes: Record<string, string> = {}) => {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: APP.clientId,
      redirect_uri: APP.redirectUrl,
      scope: APP.scopes.join(' '),
      ...changes,
    })
    return `${PLATFORM_URL}/v2/oauth/chooselocation?${query.toString()}`
  }

  test('sends the browser back with a code and without a state, and announces the installation', async () => {
    const { platform, deliveries } = openPlatform()
    const body = new URLSearchParams({ who: LOCATION })

    const response = await platform.fetch(link(), { method: 'POST', body, redirect: 'manual' })
    await platform.idle()

    const target = new URL(response.headers.get('location') ?? '')
    expect(target.href).toStartWith(APP.redirectUrl)
    expect([...target.searchParams.keys()]).toEqual(['code'])
    expect(deliveries[0]?.json).toMatchObject({ type: 'INSTALL', locationId: LOCATION })
  })

  test.each([
    [{ client_id: 'other' }],
    [{ redirect_uri: 'http://elsewhere.test' }],
    [{ response_type: 'token' }],
    [{ scope: '' }],
    [{ scope: 'payments/orders.collectPayment' }],
  ])('refuses a link with %j', async (changes) => {
    const { platform } = openPlatform()

    expect((await platform.fetch(link(changes))).status).toBe(400)
  })
})

describe('tokens', () => {
  test('come for a code, once, in a form', async () => {
    const { platform, exchange, call } = openPlatform()
    const code = platform.install(LOCATION)
    const asked = { grant_type: 'authorization_code', code, user_type: 'Location' }

    const first = await exchange(asked)
    expect(first.json).toMatchObject({
      token_type: 'Bearer',
      expires_in: 86_399,
      userType: 'Location',
      locationId: LOCATION,
      companyId: 'cmp_demo_1',
    })
    expect(await exchange(asked)).toMatchObject({ status: 400 })
    expect(await call('POST', '/oauth/token', { body: asked })).toMatchObject({ status: 422 })
  })

  test('are refreshed once: the old refresh token and the old token are dead', async () => {
    const { platform, exchange, call } = openPlatform()
    const code = platform.install(LOCATION)
    const { json: old } = await exchange({ grant_type: 'authorization_code', code })
    const refresh = { grant_type: 'refresh_token', refresh_token: String(old['refresh_token']) }

    const { status, json } = await exchange(refresh)
    expect(status).toBe(200)
    expect(json['refresh_token']).not.toBe(old['refresh_token'])
    expect(await exchange(refresh)).toMatchObject({
      status: 400,
      json: { statusCode: 400, message: 'Invalid grant: refresh token is invalid' },
    })
    const token = String(old['access_token'])
    const read = await call('GET', `${AT}/connect?locationId=${LOCATION}`, { token })
    expect(read).toMatchObject({ status: 401, json: { error: 'Unauthorized' } })
  })

  test('of a location that is not active wait', async () => {
    const { platform, exchange } = openPlatform()
    const code = platform.install(LOCATION)
    const { json } = await exchange({ grant_type: 'authorization_code', code })
    Object.assign(platform.store.locations.get(LOCATION) ?? {}, { isActive: false })

    const refresh_token = String(json['refresh_token'])
    expect(await exchange({ grant_type: 'refresh_token', refresh_token })).toMatchObject({
      status: 400,
      json: { message: 'Location is not active' },
    })
  })

  test('end after a day', async () => {
    let at = new Date('2026-11-20T10:00:00Z')
    const { connect, call } = openPlatform({ now: () => at })
    const token = await connect()
    at = new Date('2026-11-21T10:00:00Z')

    const read = await call('GET', `${AT}/connect?locationId=${LOCATION}`, { token })

    expect(read.status).toBe(401)
  })

  test('of an agency are of no location, and make tokens for those that have the app', async () => {
    const { platform, exchange } = openPlatform()
    platform.createLocation('loc_demo_2')
    const code = platform.installCompany('cmp_demo_1', [LOCATION])
    const { json } = await exchange({ grant_type: 'authorization_code', code })
    expect(json).toMatchObject({ userType: 'Company', approveAllLocations: true })
    expect(json['locationId']).toBeUndefined()

    const ask = (locationId: string) =>
      platform.fetch(`${PLATFORM_URL}/oauth/locationToken`, {
        method: 'POST',
        headers: { Version: '2021-07-28', Authorization: `Bearer ${String(json['access_token'])}` },
        body: new URLSearchParams({ companyId: 'cmp_demo_1', locationId }),
      })
    const made = await ask(LOCATION)
    expect(made.status).toBe(201)
    expect(Object.keys((await made.json()) as object)).not.toContain('refresh_token')
    expect((await ask('loc_demo_2')).status).toBe(400)
  })
})

describe('the provider record', () => {
  test('is made, connected, read, taken apart and deleted', async () => {
    const { connect, call } = openPlatform()
    const token = await connect()
    const at = (path: string) => `${AT}/${path}?locationId=${LOCATION}`

    expect(await call('GET', at('connect'), { token })).toMatchObject({
      status: 200,
      json: {
        ...PROVIDER,
        locationId: LOCATION,
        paymentProvider: { live: { liveMode: true, ...KEYS.live }, test: { liveMode: false } },
      },
    })
    await call('POST', at('disconnect'), { token, body: { liveMode: true } })
    const { json } = await call('GET', at('connect'), { token })
    expect(Object.keys(json['paymentProvider'] ?? {})).toEqual(['test'])
    expect(await call('DELETE', at('provider'), { token })).toMatchObject({ status: 200 })
    expect(await call('GET', at('connect'), { token })).toMatchObject({ status: 400 })
  })

  test.each([
    ['without a boolean', { ...PROVIDER, supportsSubscriptionSchedule: undefined }],
    ['with the location in the body', { ...PROVIDER, locationId: LOCATION }],
    ['with an address that is none', { ...PROVIDER, queryUrl: 'query' }],
  ])('is refused %s', async (_what, body) => {
    const { connect, call } = openPlatform()
    const token = await connect()

    const made = await call('POST', `${AT}/provider?locationId=${LOCATION}`, { token, body })

    expect(made).toMatchObject({ status: 422, json: { error: 'Unprocessable Entity' } })
    expect(Array.isArray(made.json['message'])).toBe(true)
  })

  test.each([400, 422] as const)('is not connected before it is made: %i', async (status) => {
    const { platform, exchange, call } = openPlatform({ behaviour: { connectsTooSoon: status } })
    const code = platform.install(LOCATION)
    const { json } = await exchange({ grant_type: 'authorization_code', code })
    const token = String(json['access_token'])

    const tooSoon = await call('POST', `${AT}/connect?locationId=${LOCATION}`, {
      token,
      body: KEYS,
    })

    expect(tooSoon.status).toBe(status)
  })

  test('wants the header of its generation, a token of the location, and the scope', async () => {
    const { platform, connect, call } = openPlatform()
    platform.createLocation('loc_demo_2')
    const token = await connect()
    const other = `${AT}/connect?locationId=loc_demo_2`
    const own = `${AT}/connect?locationId=${LOCATION}`

    expect(await call('GET', own, { token, version: 'v3' })).toMatchObject({ status: 401 })
    expect(await call('GET', own)).toMatchObject({ status: 401 })
    expect(await call('GET', other, { token })).toMatchObject({ status: 403 })
    expect(await call('GET', `${AT}/connect`, { token })).toMatchObject({ status: 422 })

    const narrow = openPlatform({ app: { ...APP, scopes: ['payments/custom-provider.write'] } })
    const narrowToken = await narrow.connect()
    expect(await narrow.call('GET', own, { token: narrowToken })).toMatchObject({ status: 401 })
  })

  test('a location that calls too often is put off', async () => {
    const { connect, call } = openPlatform({ rateLimit: { perTenSeconds: 3, perDay: 100 } })
    const token = await connect()
    const read = () => call('GET', `${AT}/connect?locationId=${LOCATION}`, { token })

    expect((await read()).status).toBe(200)
    expect((await read()).status).toBe(429)
  })
})

describe('a transaction', () => {
  const sell = { locationId: LOCATION, amount: 25.99 }
  const read = (id: string) => `/payments/transactions/${id}?altId=${LOCATION}&altType=location`

  test('is read in major units, with its order', async () => {
    const { platform, connect, call } = openPlatform()
    const token = await connect()
    const { transaction, order } = platform.createSale(sell)

    expect(await call('GET', read(transaction._id), { token })).toMatchObject({
      status: 200,
      json: {
        _id: transaction._id,
        altId: LOCATION,
        amount: 25.99,
        liveMode: false,
        status: 'pending',
        entityId: order._id,
      },
    })
    const path = `/payments/orders/${order._id}?altId=${LOCATION}&altType=location`
    expect(await call('GET', path, { token })).toMatchObject({ json: { amount: 25.99 } })
  })

  test('may be text in every type, and may not be readable before it is paid', async () => {
    const { platform, connect, call } = openPlatform({ behaviour: { typesAreTexts: true } })
    const token = await connect()
    const { transaction } = platform.createSale(sell)
    expect(await call('GET', read(transaction._id), { token })).toMatchObject({
      json: { amount: '25.99', liveMode: 'false' },
    })

    platform.behaviour.readsPendingTransactions = false
    expect(await call('GET', read(transaction._id), { token })).toMatchObject({ status: 400 })
  })

  test('of another location, or of nobody, is a 400', async () => {
    const { platform, connect, call } = openPlatform()
    platform.createLocation('loc_demo_2')
    const token = await connect()
    const { transaction } = platform.createSale({ ...sell, locationId: 'loc_demo_2' })

    expect(await call('GET', read(transaction._id), { token })).toMatchObject({ status: 400 })
    expect(await call('GET', read('unknown'), { token })).toMatchObject({ status: 400 })
  })

  test('is listed by mode', async () => {
    const { platform, connect, call } = openPlatform()
    const token = await connect()
    platform.createSale(sell)
    platform.createSale({ ...sell, liveMode: true })

    const list = `/payments/transactions?altId=${LOCATION}&altType=location&paymentMode=live`
    expect(await call('GET', list, { token })).toMatchObject({
      json: { totalCount: 1, data: [{ liveMode: true }] },
    })
  })
})

describe('marketplace webhooks', () => {
  const isSigned = (publicKey: string, body: string, signature: string) =>
    verifySignature(
      null,
      Buffer.from(body),
      createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' }),
      Buffer.from(signature, 'base64'),
    )

  test('are signed over their bytes, or not, or for another body', async () => {
    const { platform, deliveries } = openPlatform()
    for (const webhookSignature of ['ed25519', 'none', 'forged'] as const) {
      platform.behaviour.webhookSignature = webhookSignature
      platform.uninstall(LOCATION)
      await platform.idle()
    }

    const signatures = deliveries.map(({ headers }) => headers.get('x-ghl-signature') ?? '')
    const judged = deliveries.map(({ body }, index) =>
      isSigned(platform.webhookPublicKey, body, signatures[index] ?? ''),
    )
    expect(judged).toEqual([true, false, false])
    expect(signatures[1]).toBe('N/A')
    expect(new Set(deliveries.map(({ json }) => json['webhookId'])).size).toBe(3)
  })

  test('are signed with the key of the documented vector', () => {
    const { publicKey } = signingKey(Buffer.alloc(32, 0x07))

    expect(publicKey).toBe('MCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=')
    expect(openPlatform().platform.webhookPublicKey).toBe(publicKey)
  })

  test('lose the tokens and the record of whoever uninstalls', async () => {
    const { platform, connect, call } = openPlatform()
    const token = await connect()
    platform.uninstall(LOCATION)

    expect(platform.store.integrations.size).toBe(0)
    expect(await call('GET', `${AT}/connect?locationId=${LOCATION}`, { token })).toMatchObject({
      status: 401,
    })
  })
})

test('the payload of the custom page is that of the documented vector', () => {
  const documented =
    'U2FsdGVkX1/WxcQ6tSXcJPY6tUqP79y+aX9QdiCBRAzcGJUlYEMrXwCljfY5AcVx36jGMGzRaPBT86V534nwO3X3l+2I0bT7npur0SO4ga/DHn3XIhaovYtivhHRGaSspr3X6lNZK3aaXOrd7y7ZxEn2/Pv6KSjWbO8KjcL4VilMTAMy4lTzyMpEDDq3AsRF9P5AT3XybTJnj4rTlS2DFEcm+nYOAp84jx7ORtwdlLPQ6lMqwOZdd1RorZdtDLtI'
  const salt = Buffer.from(documented, 'base64').subarray(8, 16)
  const payload = {
    userId: 'usr_demo_1',
    companyId: 'cmp_demo_1',
    role: 'admin',
    type: 'location',
    activeLocation: 'loc_demo_1',
    userName: 'Ada Demo',
    email: 'ada@example.test',
  }

  expect(encryptSso('test-shared-secret-0001', payload, salt)).toBe(documented)
})
