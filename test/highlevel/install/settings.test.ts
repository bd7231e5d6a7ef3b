import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'

import { eq } from 'drizzle-orm'

import { encryptSso } from '../../../sandbox/highlevel/api/sso.ts'
import { dodoAccounts, highlevelSubscriptions } from '../../../src/db/schema.ts'
import { tryOwnAccounts } from '../../../src/setup/enter-account.ts'
import { ADMIN_TOKEN, DODO_KEY } from '../../support/world.ts'
import { keyOf, LOCATION, openInstallWorld, type InstallWorld } from './support.ts'

const SSO_SECRET = 'test-shared-secret-0001'
const OTHER = 'loc_other'
let world: InstallWorld
beforeAll(async () => {
  world = await openInstallWorld({
    env: { HIGHLEVEL_ACCOUNTS: 'own', HIGHLEVEL_LOCATIONS: `${LOCATION},${OTHER},loc_without` },
  })
  world.highlevel.createLocation(OTHER)
  await world.install()
  await world.install(OTHER)
})
afterEach(() => world.dodo.faults.clear())
afterAll(() => world.close())

const user = (fields: Record<string, unknown> = {}) =>
  encryptSso(SSO_SECRET, {
    userId: 'usr_demo_1',
    companyId: 'cmp_demo_1',
    role: 'admin',
    type: 'agency',
    activeLocation: LOCATION,
    userName: 'Ada Demo',
    email: 'ada@example.test',
    ...fields,
  })

async function call(
  method: string,
  path: string,
  { token, body }: { token?: string; body?: unknown } = {},
) {
  const response = await world.get(`/highlevel/settings/${path}`, {
    method,
    headers: {
      'Content-Type': 'application/json',
      ...(token !== undefined && { Authorization: `Bearer ${token}` }),
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, never> }
}
const begin = (payload: unknown = user()) => call('POST', 'session', { body: { payload } })
const tokenOf = async (locationId = LOCATION) =>
  String((await begin(user({ activeLocation: locationId }))).body['token'])
const enter = async (apiKey: string, { mode = 'test', token = '' } = {}) =>
  call('PUT', `accounts/${mode}`, { token: token || (await tokenOf()), body: { apiKey } })
const endpointUrls = () => [...world.dodo.store.endpoints.values()].map(({ url }) => url)
const own = () => world.bridge.db.select().from(dodoAccounts)

describe('POST /highlevel/settings/session', () => {
  test('opens ten minutes for an admin of a location that has the app', async () => {
    expect(await begin()).toEqual({
      status: 200,
      body: {
        token: expect.any(String),
        locationId: LOCATION,
        expiresIn: 600,
      } as unknown as Record<string, never>,
    })
  })

  test('opens no more than 120 in a minute for a location, and others all the same', async () => {
    const opened = await Promise.all(
      Array.from({ length: 125 }, () => begin(user({ activeLocation: OTHER }))),
    )

    expect(opened.filter(({ status }) => status === 200)).toHaveLength(120)
    expect(opened.filter(({ status }) => status === 429)).toHaveLength(5)
    expect((await begin()).status).toBe(200)
    world.advance(61_000)
    expect((await begin(user({ activeLocation: OTHER }))).status).toBe(200)
  })

  test('takes the vector of HighLevel’s documentation', async () => {
    const payload =
      'U2FsdGVkX1/WxcQ6tSXcJPY6tUqP79y+aX9QdiCBRAzcGJUlYEMrXwCljfY5AcVx36jGMGzRaPBT86V534nwO3X3l+2I0bT7npur0SO4ga/DHn3XIhaovYtivhHRGaSspr3X6lNZK3aaXOrd7y7ZxEn2/Pv6KSjWbO8KjcL4VilMTAMy4lTzyMpEDDq3AsRF9P5AT3XybTJnj4rTlS2DFEcm+nYOAp84jx7ORtwdlLPQ6lMqwOZdd1RorZdtDLtI'

    expect(await begin(payload)).toMatchObject({ status: 200, body: { locationId: LOCATION } })
  })

  test.each([
    ['of another secret', () => encryptSso('wrong', { activeLocation: LOCATION }), 401],
    ['that is no text', () => 42, 401],
    ['that is garbage', () => 'U2FsdGVkX18=', 401],
    ['without a location', () => user({ activeLocation: undefined }), 401],
    ['of a location without the app', () => user({ activeLocation: 'loc_without' }), 401],
    ['of a location that is not allowed', () => user({ activeLocation: 'loc_stranger' }), 403],
    ['of somebody who is no admin', () => user({ role: 'user' }), 403],
  ])('refuses a payload %s', async (_what, payload, status) => {
    expect((await begin(payload())).status).toBe(status)
  })

  test('refuses what is no JSON, too large, or comes by another method', async () => {
    expect((await call('POST', 'session', { body: 'x' })).status).toBe(400)
    const large = { payload: 'x'.repeat(1024 * 1024) }
    expect((await call('POST', 'session', { body: large })).status).toBe(413)
    expect((await call('GET', 'session')).status).toBe(405)
  })
})

describe('a session', () => {
  test('is needed, ours, and over after ten minutes', async () => {
    const token = await tokenOf()
    expect((await call('GET', 'state', { token })).status).toBe(200)
    expect((await call('GET', 'state')).status).toBe(401)
    expect((await call('GET', 'state', { token: `${token}x` })).status).toBe(401)
    expect((await call('PUT', 'accounts/test', { body: { apiKey: DODO_KEY } })).status).toBe(401)
    expect((await call('DELETE', 'accounts/test')).status).toBe(401)

    world.advance(601_000)
    expect((await call('GET', 'state', { token })).status).toBe(401)
  })

  test('ends with the app', async () => {
    world.highlevel.createLocation('loc_without')
    await world.install('loc_without')
    const token = await tokenOf('loc_without')
    world.highlevel.uninstall('loc_without')
    await world.highlevel.idle()

    expect((await call('GET', 'state', { token })).status).toBe(401)
  })
})

describe('an account of a location’s own', () => {
  test('is needed where none is shared: until then nothing is served', async () => {
    const { body } = await call('GET', 'state', { token: await tokenOf() })

    expect(body).toMatchObject({
      locationId: LOCATION,
      modes: {
        live: { served: false, account: 'none' },
        test: { served: false, account: 'none' },
      },
      orders: [],
    })
    expect(world.integration()?.keys).toEqual({ live: null, test: null })
  })

  test('is refused in words where Dodo refuses the key, or the mode is not served', async () => {
    expect(await enter('a-key-that-nobody-has')).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining('Dodo refuses this key in test mode') },
    })
    expect(await enter(DODO_KEY, { mode: 'live' })).toMatchObject({ status: 400 })
    expect(await enter('')).toMatchObject({ status: 400 })
    expect(await enter('with a blank\n')).toMatchObject({ status: 400 })
    expect(await own()).toEqual([])
  })

  test('is kept only when all of it worked, and found again after a lost answer', async () => {
    world.dodo.faults.add({
      kind: 'after_drop',
      match: { method: 'POST', path: '/webhooks' },
      times: 1,
    })
    world.dodo.faults.add({ kind: 'status', status: 500, match: { path: '/secret' }, times: 1 })

    expect((await enter(DODO_KEY)).status).toBe(503)
    const registered = endpointUrls()
    expect(registered.filter((url) => url.includes('/webhooks/dodo/'))).toHaveLength(1)
    const { body } = await call('GET', 'state', { token: await tokenOf() })
    expect(body).toMatchObject({ modes: { test: { served: false, account: 'none' } } })

    expect((await enter(DODO_KEY)).status).toBe(200)
    expect(endpointUrls()).toEqual(registered)
  })

  test('is served, connected, sealed and never shown', async () => {
    const token = await tokenOf()
    const { body } = await call('GET', 'state', { token })

    expect(body).toMatchObject({ modes: { test: { served: true, account: 'own' } } })
    expect(JSON.stringify(body)).not.toContain(DODO_KEY)
    await world.until(({ connectedAs }) => connectedAs !== null)
    await world.quiet()
    expect(world.integration()?.keys.test?.apiKey).toBe(keyOf('test'))
    const rows = await own()
    expect(JSON.stringify(rows)).not.toContain(DODO_KEY)
    expect(rows).toMatchObject([{ tenant: LOCATION, mode: 'test', endedAt: null }])
    const account = await world.bridge.deps.accounts.of(rows[0]?.account ?? '')
    expect(account?.mode).toBe('test')
  })

  test('entered again is the same account', async () => {
    const [before] = await own()

    expect((await enter(DODO_KEY)).status).toBe(200)

    expect((await own()).map(({ account }) => account)).toEqual([before?.account ?? ''])
  })

  test('entered again after PUBLIC_URL has changed is the same account, and its endpoint moves along', async () => {
    const before = await own()
    const registered = endpointUrls()
    const endpoint = [...world.dodo.store.endpoints.values()].at(-1)
    const { pathname } = new URL(endpoint?.url ?? '')
    expect(pathname).toBe(`/webhooks/dodo/${before[0]?.account}`)
    Object.assign(endpoint ?? {}, { url: `https://old.example/bridge${pathname}` })
    const problems = async () => {
      const tried = await tryOwnAccounts({ ...world.bridge.deps, highlevel: world.access() })
      return tried.map(({ problem }) => problem)
    }
    expect(await problems()).toEqual([
      expect.stringMatching(/^its webhook leads to https:\/\/old\.example\/.*, and should lead to/),
    ])

    expect((await enter(DODO_KEY)).status).toBe(200)

    expect(await problems()).toEqual([undefined])
    expect(endpointUrls()).toEqual(registered)
    expect((await own()).map(({ account }) => account)).toEqual(
      before.map(({ account }) => account),
    )
  })

  test('entered twice at once is one account, and both are answered', async () => {
    const token = await tokenOf(OTHER)
    const both = await Promise.all([1, 2].map(() => enter(DODO_KEY, { token })))

    expect(both.map(({ status }) => status)).toEqual([200, 200])
    expect((await own()).filter(({ tenant }) => tenant === OTHER)).toHaveLength(1)
    expect((await call('DELETE', 'accounts/test', { token })).status).toBe(200)
    await world.bridge.db.delete(dodoAccounts).where(eq(dodoAccounts.tenant, OTHER))
  })

  test('of a mode that is none is not found, in JSON', async () => {
    expect(await call('PUT', 'accounts/sandbox', { body: {} })).toMatchObject({
      status: 404,
      body: { error: expect.any(String) },
    })
    expect((await call('DELETE', 'accounts/live/x')).status).toBe(404)
  })

  test('what is asked of HighLevel is counted, as of other services', async () => {
    const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
    const metrics = await (await world.get('/metrics', { headers })).text()

    expect(metrics).toMatch(
      /bridge_api_requests_total\{service="highlevel",method="POST",code="2xx"\} [1-9]/,
    )
  })

  test('is nobody else’s to see or to forget', async () => {
    const token = await tokenOf(OTHER)

    expect((await call('DELETE', 'accounts/test', { token })).status).toBe(200)

    expect(await own()).toMatchObject([{ tenant: LOCATION, endedAt: null }])
    expect((await call('GET', 'state', { token })).body).toMatchObject({
      modes: { test: { account: 'none' } },
    })
  })

  test('stays while subscriptions run on it, and is forgotten then', async () => {
    const [row] = await own()
    const subscription = {
      locationId: LOCATION,
      mode: 'test',
      subscriptionId: 'sub_of_highlevel',
      transactionId: 'transaction',
      account: row?.account ?? '',
      contactId: 'contact',
      payerKey: 'contact',
      currency: 'USD',
      amount: 1_000,
      interval: 'month',
      intervalCount: 1,
      trialDays: 0,
      status: 'active',
      createdAt: new Date(),
    } as const
    // Whose page nobody paid on, and can pay on any more.
    const left = { subscriptionId: 'sub_left', status: 'pending', createdAt: new Date(0) } as const
    await world.bridge.db
      .insert(highlevelSubscriptions)
      .values([subscription, { ...subscription, ...left }])
    const token = await tokenOf()

    expect((await call('DELETE', 'accounts/test', { token })).status).toBe(409)
    await world.bridge.db
      .update(highlevelSubscriptions)
      .set({ status: 'canceled' })
      .where(eq(highlevelSubscriptions.subscriptionId, 'sub_of_highlevel'))
    expect(await call('DELETE', 'accounts/test', { token })).toMatchObject({
      status: 200,
      body: { modes: { test: { served: false, account: 'none' } } },
    })
    await world.quiet()

    expect(world.integration()?.keys).toEqual({ live: null, test: null })
    // What was opened on it stays there, refunds included.
    expect(await world.bridge.deps.accounts.of(row?.account ?? '')).toBeDefined()
  })
})
