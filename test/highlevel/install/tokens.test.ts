import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'

import { NeedsInstall } from '../../../src/billers/highlevel/install/needs-install.ts'
import { openHighlevelAccess } from '../../../src/billers/highlevel/install/open.ts'
import { createAlone } from '../../../src/collect/alone.ts'
import { openLockConnection } from '../../../src/db/client.ts'
import { readConfig } from '../../../src/config.ts'
import { Later } from '../../../src/errors.ts'
import type { Fetch } from '../../../src/vendor-fetch.ts'
import { HIGHLEVEL_SECRET } from '../../support/world.ts'
import { LOCATION, openInstallWorld, type InstallWorld } from './support.ts'

const DAY_MS = 24 * 3_600_000
let world: InstallWorld
beforeAll(async () => {
  world = await openInstallWorld()
})
afterEach(() => world.highlevel.faults.clear())
afterAll(() => world.close())

const failureOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    (error: unknown) => error,
  )
const client = () => world.access().clientFor(LOCATION)
const refreshes = () => world.sent('POST', /^\/oauth\/token$/).length
const rejectTokens = () => {
  for (const token of world.highlevel.store.tokens.values()) token.expiresAt = new Date(0)
}

/** Another process on the same database, with its own lock connection. */
function openReplica(secret = HIGHLEVEL_SECRET, fetch: Fetch = world.highlevel.fetch) {
  const config = readConfig({
    DODO_API_KEY: 'dodo_test_key',
    DODO_WEBHOOK_SECRET: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
    HIGHLEVEL_CLIENT_ID: 'app_demo_1-lx0k9',
    HIGHLEVEL_CLIENT_SECRET: 'client-secret-0001',
    HIGHLEVEL_SECRET: secret,
    HIGHLEVEL_LOCATIONS: LOCATION,
    HIGHLEVEL_API_URL: 'http://highlevel.test',
  })
  const now = () => world.bridge.deps.now()
  const alone = createAlone(() => openLockConnection(world.databaseUrl), now)
  if (!config.highlevel) throw new Error('HighLevel is off')
  const access = openHighlevelAccess({
    config: config.highlevel,
    publicUrl: 'http://bridge.test',
    db: world.bridge.db,
    alone: alone.run,
    now,
    fetch,
    stop: new AbortController().signal,
  })
  return { access, close: alone.close }
}

describe('a token', () => {
  test('is refreshed five minutes before it ends, and not sooner', async () => {
    await world.install()
    await world.quiet()
    const before = refreshes()

    world.advance(DAY_MS - 7 * 60_000)
    await client().findProvider()
    expect(refreshes()).toBe(before)

    world.advance(3 * 60_000)
    await client().findProvider()
    expect(refreshes()).toBe(before + 1)
    await client().findProvider()
    expect(refreshes()).toBe(before + 1)
  })

  test('that HighLevel rejects is refreshed once, and the call made again', async () => {
    await world.install()
    await world.quiet()
    rejectTokens()
    const before = refreshes()

    expect((await client().findProvider())?.name).toBe('Dodo Payments')

    expect(refreshes()).toBe(before + 1)
  })

  test('is refreshed once by many calls and two replicas at once', async () => {
    await world.install()
    await world.quiet()
    const replica = openReplica()
    world.highlevel.faults.add({ kind: 'delay', ms: 300, match: { path: '/oauth/token' } })
    rejectTokens()
    const { size } = world.highlevel.store.tokens

    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        (index % 2 === 0 ? client() : replica.access.clientFor(LOCATION)).findProvider(),
      ),
    )
    await replica.close()

    expect(answers.map((one) => one?.name)).toEqual(Array(8).fill('Dodo Payments'))
    expect(world.highlevel.store.tokens.size).toBe(size)
    expect(await world.find()).toMatchObject({ state: 'installed' })
  })

  test('that lacks a scope is not refreshed', async () => {
    await world.install()
    await world.quiet()
    const before = refreshes()
    const { scopes } = world.app
    world.app.scopes = []

    const refused = await client()
      .findProvider()
      .catch((error: unknown) => error)
    world.app.scopes = scopes

    expect(refused).toMatchObject({ status: 401 })
    expect(refreshes()).toBe(before)
  })

  test('whose refresh is refused makes the location need an installation, which mends it', async () => {
    await world.install()
    await world.quiet()
    world.highlevel.store.tokens.clear()

    expect(await failureOf(client().findProvider())).toBeInstanceOf(NeedsInstall)
    expect(await world.find()).toMatchObject({ state: 'needs_install' })
    const before = refreshes()
    expect(await failureOf(client().findProvider())).toBeInstanceOf(NeedsInstall)
    expect(refreshes()).toBe(before)

    await world.install()
    expect(await world.find()).toMatchObject({ state: 'installed', problem: null })
  })

  test.each([
    ['refused', () => Response.json({ message: 'invalid grant' }, { status: 400 })],
    [
      'answered',
      () =>
        Response.json({
          access_token: 'of-before',
          refresh_token: 'of-before',
          expires_in: 86_399,
          locationId: LOCATION,
          userType: 'Location',
        }),
    ],
  ])(
    'whose refresh is %s while somebody installs the app anew leaves the new one in force',
    async (_how, answer) => {
      await world.install()
      await world.quiet()
      const replica = openReplica(HIGHLEVEL_SECRET, async (input, init) => {
        const request = new Request(input as string, init)
        if (new URL(request.url).pathname !== '/oauth/token') return world.highlevel.fetch(request)
        await world.install()
        return answer()
      })
      rejectTokens()

      const found = await replica.access.clientFor(LOCATION).findProvider()
      await replica.close()

      expect(found?.name).toBe('Dodo Payments')
      expect(await world.find()).toMatchObject({ state: 'installed' })
      expect((await client().findProvider())?.name).toBe('Dodo Payments')
    },
  )

  test('of a location that sleeps is kept for later', async () => {
    await world.install()
    await world.quiet()
    const location = world.highlevel.store.locations.get(LOCATION)
    if (location) location.isActive = false
    rejectTokens()

    expect(await failureOf(client().findProvider())).toBeInstanceOf(Later)
    expect(await world.find()).toMatchObject({ state: 'installed' })

    if (location) location.isActive = true
    expect((await client().findProvider())?.name).toBe('Dodo Payments')
  })

  test('is refreshed by a sweep before it ends, though nobody sells anything', async () => {
    await world.install()
    await world.quiet()
    const before = refreshes()
    world.advance(DAY_MS - 4 * 60_000)

    await world.sweep()
    await world.quiet()

    expect(refreshes()).toBe(before + 1)
  })
})

describe('HIGHLEVEL_SECRET', () => {
  test('may be replaced: what the old one sealed is sealed with the new one, and goes on', async () => {
    await world.install()
    await world.quiet()
    const fresh = 'another-secret-of-the-tests-with-46-characters'

    const both = openReplica(`${fresh},${HIGHLEVEL_SECRET}`)
    expect(await both.access.tokens.read(LOCATION)).toBeDefined()
    await both.close()
    const only = openReplica(fresh)
    expect((await only.access.clientFor(LOCATION).findProvider())?.name).toBe('Dodo Payments')
    await only.close()
  })

  test('that opens nothing makes the location need an installation', async () => {
    await world.install()
    await world.quiet()
    const other = openReplica('a-secret-that-has-sealed-nothing-of-all-this')

    const failure = await failureOf(other.access.clientFor(LOCATION).findProvider())
    expect(failure).toBeInstanceOf(NeedsInstall)
    await other.close()
  })

  test('that opens nothing destroys nothing: with the right one all goes on', async () => {
    await world.install()
    await world.quiet()
    const other = openReplica('a-secret-that-has-sealed-nothing-of-all-this')
    await failureOf(other.access.clientFor(LOCATION).findProvider())
    await other.close()

    expect((await client().findProvider())?.name).toBe('Dodo Payments')
    expect(await world.find()).toMatchObject({ state: 'installed' })
  })
})
