import { sign } from 'node:crypto'

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'

import { signingKey } from '../../../sandbox/highlevel/api/webhooks.ts'
import { keyOf, LOCATION, openInstallWorld, type InstallWorld } from './support.ts'

const { privateKey } = signingKey(Buffer.alloc(32, 0x07))
const signed = (body: string) => sign(null, Buffer.from(body), privateKey).toString('base64')

let world: InstallWorld
beforeAll(async () => {
  world = await openInstallWorld({ env: { HIGHLEVEL_LOCATIONS: `${LOCATION},company:cmp_agency` } })
})
afterAll(() => world.close())

describe('an installation', () => {
  test('begins at the consent page, with all scopes and our address', async () => {
    const response = await world.get('/highlevel/install', { redirect: 'manual' })

    expect(response.status).toBe(302)
    const { pathname, searchParams } = new URL(response.headers.get('location') ?? '')
    expect(pathname).toBe('/v2/oauth/chooselocation')
    expect(searchParams.get('redirect_uri')).toBe('http://bridge.test/highlevel/oauth/callback')
    expect(searchParams.get('client_id')).toBe('app_demo_1-lx0k9')
    expect(searchParams.get('scope')).toContain('payments/custom-provider.write')
  })

  test('connects the location with keys for the modes that are served', async () => {
    const response = await world.install()

    expect(response.status).toBe(200)
    expect(await response.text()).toContain('Connected')
    expect(world.integration()).toMatchObject({
      name: 'Dodo Payments',
      paymentsUrl: 'http://bridge.test/highlevel/pay',
      queryUrl: 'http://bridge.test/highlevel/query',
      imageUrl: 'http://bridge.test/highlevel/logo.png',
      supportsSubscriptionSchedule: false,
      keys: {
        live: null,
        test: {
          apiKey: keyOf('test'),
          publishableKey: keyOf('test', { kind: 'publishableKey' }),
        },
      },
    })
  })

  test('keeps its tokens sealed', async () => {
    const row = await world.tokensOf(LOCATION)

    expect(row?.accessToken).toStartWith('v1.')
    const known = [...world.highlevel.store.tokens.values()].map(({ accessToken }) => accessToken)
    expect(known.filter((token) => JSON.stringify(row).includes(token))).toEqual([])
  })

  test('that is done again changes nothing at HighLevel', async () => {
    await world.quiet()
    const before = world.writes().filter((call) => !call.includes('/oauth/'))

    expect((await world.install()).status).toBe(200)
    await world.quiet()

    expect(world.writes().filter((call) => !call.includes('/oauth/'))).toEqual(before)
  })

  test('needs a code that HighLevel knows', async () => {
    expect((await world.get('/highlevel/oauth/callback')).status).toBe(400)
    expect((await world.callback('nobody-knows-it')).status).toBe(400)
  })

  test('is not made by a code that was used already', async () => {
    const code = world.highlevel.install(LOCATION)
    expect((await world.callback(code)).status).toBe(200)

    expect((await world.callback(code)).status).toBe(400)
    expect(await world.find()).toMatchObject({ state: 'installed' })
  })

  test('of a location that is not allowed leaves nothing behind', async () => {
    world.highlevel.createLocation('loc_stranger', 'cmp_stranger')

    expect((await world.install('loc_stranger')).status).toBe(403)
    await world.quiet()
    expect(await world.tokensOf('loc_stranger')).toBeUndefined()
    expect(world.integration('loc_stranger')).toBeUndefined()
  })

  test('is put off while HighLevel does not answer', async () => {
    const code = world.highlevel.install(LOCATION)
    world.highlevel.faults.add({ kind: 'status', status: 503, match: { path: '/oauth/token' } })

    expect((await world.callback(code)).status).toBe(502)
    world.highlevel.faults.clear()
    expect((await world.callback(code)).status).toBe(200)
  })
})

test('the logo is an image that HighLevel’s pages may show', async () => {
  const response = await world.get('/highlevel/logo.png')

  expect(response.status).toBe(200)
  expect(response.headers.get('content-type')).toBe('image/png')
  expect(response.headers.get('cross-origin-resource-policy')).toBe('cross-origin')
  const head = new Uint8Array(await response.arrayBuffer()).subarray(1, 4)
  expect(Buffer.from(head).toString()).toBe('PNG')
})

describe('keys', () => {
  test('tell location, mode and kind', async () => {
    const access = world.access()

    expect(await access.findLocationByKey('apiKey', keyOf('test'))).toEqual({
      locationId: LOCATION,
      mode: 'test',
    })
    expect(await access.findLocationByKey('apiKey', keyOf('live'))).toMatchObject({ mode: 'live' })
    expect(await access.findLocationByKey('publishableKey', keyOf('test'))).toBeUndefined()
    expect(
      await access.findLocationByKey('apiKey', keyOf('test', { kind: 'publishableKey' })),
    ).toBeUndefined()
  })

  test('of a location without the app are nobody’s', async () => {
    const key = keyOf('test', { locationId: 'loc_stranger' })

    expect(await world.access().findLocationByKey('apiKey', key)).toBeUndefined()
  })
})

describe('an agency that installs the app', () => {
  test('has all its allowed locations connected, also one that comes later', async () => {
    for (const id of ['loc_a', 'loc_b', 'loc_later'])
      world.highlevel.createLocation(id, 'cmp_agency')

    const code = world.highlevel.installCompany('cmp_agency', ['loc_a', 'loc_b'])
    expect((await world.callback(code)).status).toBe(200)
    await world.until(({ connectedAs }) => connectedAs !== null, 'loc_a')
    await world.until(({ connectedAs }) => connectedAs !== null, 'loc_b')
    world.highlevel.installLater('loc_later')
    await world.until(({ connectedAs }) => connectedAs !== null, 'loc_later')

    expect(world.integration('loc_later')?.keys.test?.apiKey).toBe(
      keyOf('test', { locationId: 'loc_later' }),
    )
  })

  test('makes the token of a location anew when it ends', async () => {
    world.advance(25 * 3_600_000)

    const provider = await world.access().clientFor('loc_a').findProvider()

    expect(provider?.name).toBe('Dodo Payments')
  })

  test('lends its token to a location of it whose own was lost with the answer to its refresh', async () => {
    const { tokens } = world.highlevel.store
    await world.install('loc_b')
    await world.quiet()
    expect((await world.tokensOf('loc_b'))?.refreshToken).toEqual(expect.any(String))
    // Both are dead at HighLevel, and nobody here has what came in their place.
    for (const [key, { locationId }] of tokens) if (locationId === 'loc_b') tokens.delete(key)

    const provider = await world.access().clientFor('loc_b').findProvider()

    expect(provider?.name).toBe('Dodo Payments')
    expect(await world.find('loc_b')).toMatchObject({ state: 'installed', problem: null })
  })

  test.each([
    ['of a time before that', true],
    ['of no time', false],
  ])(
    'is not ended by its UNINSTALL, %s, that comes only after it has installed the app again',
    async (_which, isTimed) => {
      const before = await world.tokensOf('company:cmp_agency')
      const timestamp = new Date((before?.issuedAt.getTime() ?? 0) - 60_000).toISOString()
      const told = { type: 'UNINSTALL', appId: 'app_demo_1', companyId: 'cmp_agency' }
      const late = { ...told, ...(isTimed && { timestamp }), webhookId: `wh_late_${isTimed}` }
      const body = JSON.stringify(late)

      expect((await world.deliver(body, signed(body))).status).toBe(200)
      await world.quiet()

      expect(await world.find('loc_a')).toMatchObject({ state: 'installed' })
      expect((await world.tokensOf('company:cmp_agency'))?.accessToken).toEqual(expect.any(String))
    },
  )

  test('that uninstalls it takes its locations along', async () => {
    const { tokens } = world.highlevel.store
    for (const [key, { companyId }] of tokens) if (companyId === 'cmp_agency') tokens.delete(key)
    const told = { type: 'UNINSTALL', appId: 'app_demo_1', companyId: 'cmp_agency' }
    const timestamp = world.bridge.deps.now().toISOString()
    const body = JSON.stringify({ ...told, timestamp, webhookId: 'wh_agency' })

    expect((await world.deliver(body, signed(body))).status).toBe(200)

    await world.until(({ state }) => state === 'uninstalled', 'loc_a')
    await world.quiet()
    expect(await world.tokensOf('company:cmp_agency')).toBeUndefined()
  })

  test('is refused where neither it nor any location of it is allowed', async () => {
    world.highlevel.createLocation('loc_of_others', 'cmp_others')

    const code = world.highlevel.installCompany('cmp_others', ['loc_of_others'])

    expect((await world.callback(code)).status).toBe(403)
    expect(await world.tokensOf('company:cmp_others')).toBeUndefined()
  })
})
