import { afterEach, beforeEach, describe, expect, test } from 'bun:test'

import { DODO_EVENTS } from '../../src/dodo/events.ts'
import { LAGO_EVENTS } from '../../src/lago/events.ts'
import { DODO_HOOK, LAGO_HOOK, openInternet, PUBLIC_URL, runSetup } from './support.ts'

let world: ReturnType<typeof openInternet>
beforeEach(() => {
  world = openInternet()
})
afterEach(() => world.stop())

const lagoUrls = () => world.lago.store.webhookEndpoints.map(({ webhook_url }) => webhook_url)
const dodoUrls = () => [...world.dodo.store.endpoints.values()].map(({ url }) => url)
const dodoSecret = () => [...world.dodo.store.endpoints.values()][0]?.secret ?? 'no endpoint'

describe('from nothing', () => {
  test('both services send exactly the events in use, and the product of the organisation is there', async () => {
    const { exitCode, text } = await runSetup(world)

    expect({ exitCode, text }).toMatchObject({ exitCode: 0 })
    expect(world.lago.store.webhookEndpoints).toMatchObject([
      {
        webhook_url: LAGO_HOOK,
        signature_algo: 'hmac',
        name: 'lago-dodo-bridge',
        event_types: LAGO_EVENTS,
      },
    ])
    const [endpoint] = world.dodo.store.endpoints.values()
    expect(endpoint).toMatchObject({ url: DODO_HOOK, disabled: false, filter_types: DODO_EVENTS })
    expect(endpoint?.metadata).toEqual({
      bridge: 'lago-dodo-bridge',
      lago_organization_id: world.lago.organizationId,
    })
    expect([...world.dodo.store.products.values()].map(({ name }) => name)).toEqual([
      'Invoice payment (USD)',
    ])
  })

  test('it says whom the keys belong to, the secret, and the one thing that only a person can do', async () => {
    const { text } = await runSetup(world)

    expect(text).toContain('organisation Sandbox, Lago 1.50.0')
    expect(text).toContain('test mode, business bus_sandbox (Sandbox)')
    expect(text).toContain(`  DODO_WEBHOOK_SECRET=${dodoSecret()}`)
    expect(text).toContain(
      '  LAGO_WEBHOOK_HMAC_KEY   Lago > Developers > Webhooks > HMAC signature token',
    )
    expect(text).toEndWith('Then: bridge doctor')
  })

  test('each currency of the organisation, its plans and its customers has a product; with saved cards two', async () => {
    world.stop()
    world = openInternet({ lago: { planCurrencies: ['EUR', 'KWD'] } })
    world.lago.createCustomer({
      external_id: 'acct_1',
      name: 'ブルー',
      country: 'JP',
      currency: 'JPY',
    })

    const { text } = await runSetup(world, { env: { COLLECTION: 'automatic' } })

    const names = [...world.dodo.store.products.values()].map(({ name }) => name)
    expect(names).toEqual(
      ['EUR', 'JPY', 'USD'].flatMap((code) => [
        `Invoice payment (${code})`,
        `Automatic invoice payments (${code})`,
      ]),
    )
    expect(text).toMatch(/Dodo product +leave +KWD: /)
  })

  test('nothing is done before somebody agrees', async () => {
    const asked: string[] = []
    const refuse = (question: string) => {
      asked.push(question)
      return Promise.resolve(false)
    }

    const declined = await runSetup(world, { isAgreed: false, io: { ask: refuse } })
    const alone = await runSetup(world, { isAgreed: false })
    const dry = await runSetup(world, { isDryRun: true })

    expect(asked).toEqual(['Go on? [y/N] '])
    expect([declined, alone, dry].map(({ exitCode }) => exitCode)).toEqual([1, 2, 0])
    expect(alone.text).toContain('--yes')
    expect(dry.text).toMatch(/Lago webhook +create/)
    expect(world.writes).toEqual([])
  })
})

describe('run again', () => {
  test('it changes nothing, asks nobody, and ends well', async () => {
    await runSetup(world)
    world.writes.length = 0

    const { exitCode, text } = await runSetup(world, {
      isAgreed: false,
      env: { DODO_WEBHOOK_SECRET: dodoSecret(), LAGO_WEBHOOK_HMAC_KEY: 'a-token' },
    })

    expect(exitCode).toBe(0)
    expect(text.match(/ keep /g)).toHaveLength(3)
    expect(text).toContain('Nothing to change.')
    expect(text).not.toContain('DODO_WEBHOOK_SECRET=')
    expect(text).not.toContain('LAGO_WEBHOOK_HMAC_KEY')
    expect(world.writes).toEqual([])
  })

  test('another PUBLIC_URL moves both endpoints, and Dodo goes on signing with the same secret', async () => {
    await runSetup(world)
    const secret = dodoSecret()

    const { exitCode } = await runSetup(world, {
      env: { PUBLIC_URL: 'https://new.example/bridge' },
    })

    expect(exitCode).toBe(0)
    expect(lagoUrls()).toEqual(['https://new.example/bridge/webhooks/lago'])
    expect(dodoUrls()).toEqual(['https://new.example/bridge/webhooks/dodo'])
    expect(dodoSecret()).toBe(secret)
  })

  test('an address with capitals, a port that says nothing, or letters of its own is the one that Dodo lists', async () => {
    const env = { PUBLIC_URL: 'https://Bücher.Example:443/Bridge/' }
    // As an address is written by whoever has parsed it.
    const parsing = async (input: string | URL | Request, init?: RequestInit) => {
      const response = await world.fetch(input, init)
      for (const one of world.dodo.store.endpoints.values()) one.url = new URL(one.url).href
      return response
    }

    const first = await runSetup({ fetch: parsing }, { env })
    const again = await runSetup({ fetch: parsing }, { env })

    expect([first, again].map(({ exitCode, text }) => ({ exitCode, text }))).toMatchObject([
      { exitCode: 0 },
      { exitCode: 0, text: expect.stringMatching(/Dodo webhook +keep/) },
    ])
    expect(dodoUrls()).toEqual(['https://xn--bcher-kva.example/Bridge/webhooks/dodo'])
    expect(lagoUrls()).toEqual(['https://xn--bcher-kva.example/Bridge/webhooks/lago'])
  })

  test('a secret that is not the endpoint’s is told, with the one that is put before it', async () => {
    await runSetup(world)

    const { text } = await runSetup(world, { env: { DODO_WEBHOOK_SECRET: 'whsec_AAAA' } })

    expect(text).toContain(`  DODO_WEBHOOK_SECRET=${dodoSecret()},whsec_AAAA`)
  })

  test('events that are missing or too many, JWT, and an endpoint that Dodo has disabled are mended in place', async () => {
    await runSetup(world)
    const [atLago] = world.lago.store.webhookEndpoints
    const [atDodo] = world.dodo.store.endpoints.values()
    Object.assign(atLago ?? {}, {
      signature_algo: 'jwt',
      event_types: ['invoice.created'],
      name: 'prod',
    })
    Object.assign(atDodo ?? {}, { filter_types: null, disabled: true })

    const { text } = await runSetup(world)

    expect(text).toMatch(
      /Lago webhook +update .*signs with JWT, HMAC is wanted; misses invoice.one_off_created/,
    )
    expect(text).toMatch(/Dodo webhook +update .*disabled by Dodo; sends all events, 28 are in use/)
    expect(world.lago.store.webhookEndpoints).toMatchObject([
      { lago_id: atLago?.lago_id, signature_algo: 'hmac', event_types: LAGO_EVENTS, name: 'prod' },
    ])
    expect([...world.dodo.store.endpoints.values()]).toMatchObject([
      { id: atDodo?.id, disabled: false, filter_types: DODO_EVENTS },
    ])
  })
})

describe('two endpoints for one bridge', () => {
  test('the same address written another way is removed, once the right one is there', async () => {
    await runSetup(world)
    await world.register(`${LAGO_HOOK}/`, `http://bridge.example//webhooks/dodo`)
    world.writes.length = 0

    const { exitCode } = await runSetup(world)

    expect(exitCode).toBe(0)
    expect(lagoUrls()).toEqual([LAGO_HOOK])
    expect(dodoUrls()).toEqual([DODO_HOOK])
    expect(world.writes.map((one) => one.split(' ')[0])).toEqual(['DELETE', 'DELETE'])
  })

  test('what carries our mark at an old address goes; what a person registered elsewhere is left, and said', async () => {
    await world.register('https://old.example/webhooks/lago', 'https://old.example/webhooks/dodo')
    await runSetup(world, { env: { PUBLIC_URL: 'https://first.example' } })
    await world.register(LAGO_HOOK, DODO_HOOK)

    const { text } = await runSetup(world)

    expect(lagoUrls()).toEqual(['https://old.example/webhooks/lago', LAGO_HOOK])
    expect(dodoUrls().toSorted()).toEqual([DODO_HOOK, 'https://old.example/webhooks/dodo'])
    expect(text).toMatch(/Dodo webhook +leave +https:\/\/old.example\/webhooks\/dodo \(not known/)
  })

  test('the endpoint of a bridge for another organisation on the same Dodo account is not touched', async () => {
    await runSetup(world)
    const [ours] = world.dodo.store.endpoints.values()
    Object.assign(ours?.metadata ?? {}, { lago_organization_id: 'another' })

    await runSetup(world, { env: { PUBLIC_URL: 'https://second.example' } })

    expect(dodoUrls().toSorted()).toEqual([DODO_HOOK, 'https://second.example/webhooks/dodo'])
  })

  test('of two who set up at the same moment each ends well, and one endpoint is left at each service', async () => {
    const both = await Promise.all([runSetup(world), runSetup(world)])

    expect(both.map(({ exitCode, text }) => ({ exitCode, text }))).toMatchObject([
      { exitCode: 0 },
      { exitCode: 0 },
    ])
    expect(lagoUrls()).toEqual([LAGO_HOOK])
    expect(dodoUrls()).toEqual([DODO_HOOK])
    for (const { text } of both) expect(text).toContain(`DODO_WEBHOOK_SECRET=${dodoSecret()}`)
  })

  test('one of Lago that is not known to be ours is moved only where somebody is asked', async () => {
    const theirs = 'https://app.example/webhooks/lago'
    await world.register(theirs, 'https://app.example/webhooks/dodo')
    const agree = () => Promise.resolve(true)

    const unasked = await runSetup(world)
    const left = lagoUrls()
    world.lago.store.webhookEndpoints.splice(1)
    const asked = await runSetup(world, { isAgreed: false, io: { ask: agree } })

    expect(unasked.text).toMatch(
      /Lago webhook +leave +https:\/\/app\.example\/webhooks\/lago \(not/,
    )
    expect(left).toEqual([theirs, LAGO_HOOK])
    expect(asked.text).toContain(`(was ${theirs};`)
    expect(lagoUrls()).toEqual([LAGO_HOOK])
  })

  test('one that Dodo lists twice, on pages that repeat, is one, and stays', async () => {
    await runSetup(world)
    const repeating = async (input: string | URL | Request, init?: RequestInit) => {
      const response = await world.fetch(input, init)
      const url = input instanceof Request ? input.url : String(input)
      const isList = /\/webhooks(?:\?|$)/.test(url) && (init?.method ?? 'GET') === 'GET'
      if (!isList || !url.includes('dodopayments')) return response
      const answer = (await response.json()) as object
      return Response.json({ ...answer, iterator: 'again', done: false })
    }

    const { exitCode, text } = await runSetup({ fetch: repeating })

    expect(exitCode).toBe(0)
    expect(text).toMatch(/Dodo webhook +keep/)
    expect(dodoUrls()).toEqual([DODO_HOOK])
  })

  test('other programs’ endpoints stay as they are', async () => {
    await world.register('https://crm.example/hooks/lago', `${PUBLIC_URL}/other`)

    await runSetup(world)

    expect(lagoUrls()).toEqual(['https://crm.example/hooks/lago', LAGO_HOOK])
    expect(dodoUrls()).toEqual([`${PUBLIC_URL}/other`, DODO_HOOK])
  })
})

describe('a secret that cannot be saved', () => {
  test('is printed instead, with the reason, and the old endpoint goes only then', async () => {
    await runSetup(world)
    await world.register(`${LAGO_HOOK}/`, `${DODO_HOOK}/`)
    const save = () => Promise.reject(new Error('EBUSY: resource busy, rename'))

    const { exitCode, text } = await runSetup(world, { io: { save } })

    expect(exitCode).toBe(0)
    expect(text).toContain('DODO_WEBHOOK_SECRET could not be saved: EBUSY')
    expect(text).toContain(`  DODO_WEBHOOK_SECRET=${dodoSecret()}`)
    expect(dodoUrls()).toEqual([DODO_HOOK])
  })
})

describe('a call whose answer is lost', () => {
  test.each([
    ['the registration at Lago', 'lago', 'POST', '/webhook_endpoints'],
    ['the registration at Dodo', 'dodo', 'POST', '/webhooks'],
    ['the product', 'dodo', 'POST', '/products'],
  ] as const)(
    '%s is looked for before anything is done again',
    async (_name, service, method, path) => {
      world[service].faults.add({ kind: 'after_drop', match: { method, path }, times: 1 })

      const { exitCode } = await runSetup(world)

      expect(exitCode).toBe(0)
      expect(lagoUrls()).toEqual([LAGO_HOOK])
      expect(dodoUrls()).toEqual([DODO_HOOK])
      expect(world.dodo.store.products.size).toBe(1)
    },
  )

  test('one that was not carried out ends with the reason, and the next run completes it', async () => {
    world.dodo.faults.add({ kind: 'drop', match: { method: 'POST', path: '/webhooks' }, times: 1 })

    const { exitCode, text } = await runSetup(world)

    expect(exitCode).toBe(1)
    expect(text).toContain('it is not known whether Dodo registered the endpoint')
    expect(await runSetup(world)).toMatchObject({ exitCode: 0 })
    expect(lagoUrls()).toEqual([LAGO_HOOK])
    expect(dodoUrls()).toEqual([DODO_HOOK])
  }, 30_000)

  test('a removal that fails leaves two, never none, and the next run mends it', async () => {
    await runSetup(world)
    await world.register(`${LAGO_HOOK}/`, `${DODO_HOOK}/`)
    world.lago.faults.add({ kind: 'status', status: 500, match: { method: 'DELETE' }, times: 1 })

    expect(await runSetup(world)).toMatchObject({ exitCode: 1 })
    expect(lagoUrls()).toContain(LAGO_HOOK)

    expect(await runSetup(world)).toMatchObject({ exitCode: 0 })
    expect(lagoUrls()).toEqual([LAGO_HOOK])
  }, 30_000)
})
