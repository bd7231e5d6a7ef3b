import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'

import { keepOwnAccount } from '../../../src/billers/highlevel/own-accounts.ts'
import { dodoAccounts } from '../../../src/db/schema.ts'
import { HIGHLEVEL_CHECKS } from '../../../src/doctor/highlevel.ts'
import { reasonOf } from '../../../src/errors.ts'
import { doctor } from '../../../src/doctor/doctor.ts'
import type { Diagnosis } from '../../../src/doctor/run.ts'
import { readSettings } from '../../../src/config.ts'
import { locations } from '../../../src/report/locations.ts'
import { setup } from '../../../src/setup/setup.ts'
import type { Fetch } from '../../../src/vendor-fetch.ts'
import { keyOf, LOCATION, openInstallWorld, type InstallWorld } from './support.ts'

const DAY_MS = 24 * 3_600_000
let world: InstallWorld
beforeAll(async () => {
  world = await openInstallWorld({ env: { HIGHLEVEL_LOCATIONS: LOCATION } })
  await world.install()
  await world.quiet()
})
afterEach(() => world.highlevel.faults.clear())
afterAll(() => world.close())

/** Runs `bridge locations`. */
async function run(options: Parameters<typeof locations>[1] = {}) {
  const lines: string[] = []
  const { deps, highlevel } = world.bridge
  const exitCode = await locations({ ...deps, highlevel }, options, (line) => lines.push(line))
  return { exitCode, text: lines.join('\n') }
}

const sent: string[] = []
/** How commands reach the services; what they register is none of the bridge's own calls. */
const fetch: Fetch = (input, init) => {
  const request = new Request(input instanceof URL ? input.href : (input as string), init)
  const { host, pathname } = new URL(request.url)
  if (host === 'lago.test') return world.lago.fetch(request)
  if (host === 'dodo.test') return world.dodo.fetch(request)
  if (request.method !== 'GET') sent.push(`${request.method} ${pathname}`)
  return world.highlevel.fetch(request)
}

const environment = () => ({ ...world.environment })

/** Runs `bridge doctor --only highlevel`. */
async function examine(env: Record<string, string> = {}) {
  const lines: string[] = []
  const settings = { ...environment(), ...env }
  const exitCode = await doctor(
    { only: 'highlevel', isJson: true },
    {
      ...readSettings(settings),
      given: Object.keys(settings),
      fetch,
      now: () => world.bridge.deps.now(),
    },
    (line) => lines.push(line),
  )
  const all = JSON.parse(lines.join('\n')) as Diagnosis[]
  const find = (id: string) => all.find((one) => one.id === `highlevel.${id}`)
  return { exitCode, all, find }
}

async function runSetup() {
  const lines: string[] = []
  const { config } = readSettings(environment())
  const exitCode = await setup(
    { isAgreed: true },
    {
      config,
      hasHmacKey: true,
      hasSecret: true,
      fetch,
      now: () => world.bridge.deps.now(),
      write: (line) => lines.push(line),
    },
  )
  return { exitCode, text: lines.join('\n') }
}

describe('bridge locations', () => {
  test('lists each with state, accounts, tokens and the last call', async () => {
    const { exitCode, text } = await run()

    expect(exitCode).toBe(0)
    expect(text).toMatch(/^location +state +account +tokens +last call$/m)
    expect(text).toMatch(/^loc_demo_1 +connected +live none, test shared +until 20\S+Z +20\S+Z$/m)
  })

  test('takes a record out, and leaves it out until it is wanted back', async () => {
    expect(await run({ disconnect: LOCATION })).toMatchObject({ exitCode: 0 })
    expect(world.integration()).toBeUndefined()
    expect((await run({ disconnect: LOCATION })).text).toContain('was not in HighLevel')
    await world.sweep()
    await world.quiet()
    expect(world.integration()).toBeUndefined()
    expect((await run()).text).toContain('taken out')

    expect(await run({ connect: LOCATION })).toEqual({
      exitCode: 0,
      text: 'Location loc_demo_1 is connected: test.',
    })
    expect(world.integration()?.keys.test?.apiKey).toBe(keyOf('test'))
  })

  test('says why it cannot connect one', async () => {
    expect(await run({ connect: 'loc_of_nobody' })).toEqual({
      exitCode: 1,
      text: 'The bridge knows no location loc_of_nobody. Install the app there first.',
    })
    const [match, path] = ['GET', '/payments/custom-provider/connect']
    world.highlevel.faults.add({ kind: 'status', status: 503, match: { method: match, path } })
    expect(await run({ connect: LOCATION })).toMatchObject({ exitCode: 1 })
  })
})

describe('bridge doctor', () => {
  test('finds all well, but that nothing here is https', async () => {
    const { exitCode, all, find } = await examine()

    expect(all.map(({ id, verdict }) => [id.slice('highlevel.'.length), verdict])).toEqual([
      ['https', 'fail'],
      ['clock', 'skip'],
      ['allowed', 'ok'],
      ['tokens', 'ok'],
      ['scopes', 'ok'],
      ['provider', 'ok'],
      ['modes', 'ok'],
      ['accounts', 'skip'],
      ['subscriptions', 'ok'],
    ])
    expect(exitCode).toBe(1)
    expect(find('https')?.fix).toContain('https')
  })

  test('finds what somebody has changed in the record, and names the remedy', async () => {
    const integration = world.integration()
    if (!integration) throw new Error('not connected')
    const { queryUrl } = integration
    integration.queryUrl = 'http://elsewhere.test/highlevel/query'
    integration.keys.test = { apiKey: 'hlk_of_others', publishableKey: 'hlp_of_others' }

    const found = (await examine()).find('provider')

    expect(found?.verdict).toBe('fail')
    expect(found?.evidence).toContain('queryUrl is http://elsewhere.test/highlevel/query')
    expect(found?.evidence).toContain('test has keys that are not ours')
    expect(JSON.stringify(found)).not.toContain('hlk_of_others')
    expect(found?.fix).toContain('bridge setup')
    integration.queryUrl = queryUrl
    await run({ connect: LOCATION })
    expect((await examine()).find('provider')?.verdict).toBe('ok')
  })

  test('finds a location that is not allowed any more, and one that never installed the app', async () => {
    const { find } = await examine({ HIGHLEVEL_LOCATIONS: 'loc_other' })

    expect(find('allowed')).toMatchObject({ verdict: 'fail' })
    expect(find('allowed')?.evidence).toContain(LOCATION)
    const both = await examine({ HIGHLEVEL_LOCATIONS: `${LOCATION},loc_other` })
    expect(both.find('allowed')).toMatchObject({ verdict: 'warn' })
    expect(both.find('allowed')?.fix).toContain('/highlevel/install')
  })

  test('finds a location without a Dodo account', async () => {
    const { find } = await examine({ HIGHLEVEL_ACCOUNTS: 'own' })

    expect(find('modes')).toMatchObject({ verdict: 'warn' })
  })

  test('names the location whose own key Dodo refuses, and not the deployment’s', async () => {
    const { db, now, accounts } = world.bridge.deps
    await keepOwnAccount(db, world.access().seal, {
      owner: { source: 'highlevel', tenant: LOCATION, mode: 'test' },
      account: 'a0'.repeat(16),
      apiKey: 'a-key-that-was-revoked',
      webhookSecret: 'whsec_AAAA',
      dodoEndpointId: null,
      at: now(),
    })

    const found = (await examine()).find('accounts')
    const account = await accounts.of('a0'.repeat(16))
    const refused = await account?.dodo.live.listProducts().catch(reasonOf)

    expect(found?.verdict).toBe('fail')
    expect(found?.evidence).toContain(`${LOCATION}, test mode: Dodo refuses its key`)
    expect(refused).toContain(`location ${LOCATION}`)
    expect(JSON.stringify([refused, found])).not.toMatch(/DODO_API_KEY|was-revoked/)
    await db.delete(dodoAccounts)
  })

  test('finds scopes that were not granted', async () => {
    await world.bridge.db.execute(
      `update highlevel_tokens set scope = 'payments/orders.readonly products.readonly'`,
    )

    expect((await examine()).find('scopes')?.evidence).toContain('payments/custom-provider.write')
    await world.install()
    await world.quiet()
    expect((await examine()).find('scopes')?.verdict).toBe('ok')
  })

  test('finds tokens that HighLevel does not take any more', async () => {
    world.highlevel.store.tokens.clear()

    const lost = (await examine()).find('tokens')
    expect(lost?.verdict).toBe('fail')
    expect(lost?.fix).toContain('/highlevel/install')
    expect((await run()).text).toContain('needs install')
    await world.install()
    await world.quiet()
    expect((await examine()).find('tokens')?.verdict).toBe('ok')
  })

  test('the documentation explains exactly these checks, in this order', () => {
    const page = readFileSync(new URL('../../../docs/highlevel.md', import.meta.url), 'utf8')
    const told = Array.from(page.matchAll(/^\| `(highlevel\.[a-z_]+)` \|/gm), ([, id]) => id ?? '')

    expect(told).toEqual(HIGHLEVEL_CHECKS.map(({ id }) => id))
  })
})

describe('bridge setup', () => {
  test('says what to enter in the marketplace, connects what is not right, and then changes nothing', async () => {
    const integration = world.integration()
    if (integration) integration.name = 'Something else'

    const first = await runSetup()
    expect(first).toMatchObject({ exitCode: 0 })
    expect(first.text).toMatch(/HighLevel location +update +loc_demo_1 \(name is Something else\)/)
    expect(first.text).toContain('http://bridge.test/highlevel/oauth/callback')
    expect(first.text).toContain('http://bridge.test/webhooks/highlevel')
    expect(first.text).toContain('Third Party Provider')
    expect(world.integration()?.name).toBe('Dodo Payments')

    const changed = sent.length
    const second = await runSetup()
    expect(second.text).toMatch(/HighLevel location +keep +loc_demo_1/)
    expect(second.text).toContain('Nothing to change.')
    expect(changed).toBeGreaterThan(0)
    expect(sent).toHaveLength(changed)
  })
})

test('a day later all of it holds', async () => {
  world.advance(DAY_MS)
  expect((await examine()).find('tokens')?.verdict).toBe('ok')
})
