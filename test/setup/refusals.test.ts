import { afterEach, describe, expect, test } from 'bun:test'

import { ConfigError } from '../../src/config.ts'
import { readSetupSettings } from '../../src/setup/settings.ts'
import { DODO_HOOK, LAGO_HOOK, openInternet, PUBLIC_URL, runSetup } from './support.ts'

type Internet = ReturnType<typeof openInternet>

let world: Internet | undefined
const open = (options?: Parameters<typeof openInternet>[0]): Internet =>
  (world = openInternet(options))
afterEach(() => world?.stop())

describe('a refusal says what to do, and what was not done', () => {
  test('a key of Lago that it does not know', async () => {
    const { exitCode, text } = await runSetup(open(), { env: { LAGO_API_KEY: 'another' } })

    expect(exitCode).toBe(1)
    expect(text).toContain(
      'Lago refuses LAGO_API_KEY (401): copy one from Lago > Developers > API keys',
    )
    expect(world?.writes).toEqual([])
  })

  test('a key of Lago that may not write webhook endpoints', async () => {
    const { exitCode, text } = await runSetup(
      open({ lago: { denied: ['write:webhook_endpoint'] } }),
    )

    expect(exitCode).toBe(1)
    expect(text).toContain('LAGO_API_KEY may not write webhook endpoints: give it that permission')
    expect(world?.dodo.store.endpoints.size).toBe(0)
  })

  test('a key of Lago that may not list plans leaves their currencies out', async () => {
    const internet = open({ lago: { denied: ['read:plan'], planCurrencies: ['EUR'] } })

    expect(await runSetup(internet)).toMatchObject({ exitCode: 0 })
    expect(internet.dodo.store.products.size).toBe(1)
  })

  test('a key of Dodo that may only read', async () => {
    const internet = open({ dodo: { readOnlyKey: 'dodo_test_reader' } })

    const { exitCode, text } = await runSetup(internet, {
      env: { DODO_API_KEY: 'dodo_test_reader' },
    })

    expect(exitCode).toBe(1)
    expect(text).toContain('DODO_API_KEY may only read: create one with write access')
  })

  test('a live key in test mode is recognised by asking both, and nothing is created anywhere', async () => {
    const internet = open()

    const { exitCode, text } = await runSetup(internet, { env: { DODO_API_KEY: 'dodo_live_key' } })

    expect(exitCode).toBe(1)
    expect(text).toContain('DODO_API_KEY is a key of live mode, and DODO_ENVIRONMENT is test')
    expect(internet.writes).toEqual([])
  })

  test('a key that neither mode knows', async () => {
    const { text } = await runSetup(open(), { env: { DODO_API_KEY: 'dodo_test_revoked' } })

    expect(text).toContain(
      'Dodo refuses DODO_API_KEY (401): create one in Dodo > Developer > API keys',
    )
  })

  test('a Lago that has its ten endpoints says which, and keeps them', async () => {
    const internet = open()
    const { webhookEndpoints } = internet.lago.store
    for (let index = 0; index < 10; index += 1) {
      await internet.register(`https://crm.example/${index}`, `https://crm.example/${index}`)
    }

    const { exitCode, text } = await runSetup(internet)

    expect(exitCode).toBe(1)
    expect(text).toContain('Lago takes 10 webhook endpoints')
    expect(text).toContain('  https://crm.example/9')
    expect(webhookEndpoints).toHaveLength(10)
  })

  test('a Dodo that takes no more endpoints is quoted, and Lago is right already', async () => {
    const internet = open({ dodo: { maxEndpoints: 0 } })

    const { exitCode, text } = await runSetup(internet)

    expect(exitCode).toBe(1)
    expect(text).toContain('at most 0 webhook endpoints')
    expect(internet.lago.store.webhookEndpoints).toMatchObject([{ webhook_url: LAGO_HOOK }])
  })

  test.each(['http://localhost:3000', 'http://10.0.0.7:3000', 'http://bridge'])(
    'PUBLIC_URL=%s, which the internet cannot reach',
    async (publicUrl) => {
      const { exitCode, text } = await runSetup(open(), { env: { PUBLIC_URL: publicUrl } })

      expect(exitCode).toBe(1)
      expect(text).toContain(`PUBLIC_URL is ${publicUrl}, which api.getlago.com cannot reach`)
      expect(world?.writes).toEqual([])
    },
  )

  test('the address of a front end', async () => {
    const page = () =>
      Promise.resolve(new Response('<html>', { headers: { 'content-type': 'text/html' } }))

    const { exitCode, text } = await runSetup({ fetch: page })

    expect(exitCode).toBe(1)
    expect(text).toContain('LAGO_API_URL leads to a web page (200), not to the API of Lago')
  })

  test('a service that cannot be reached', async () => {
    const { text } = await runSetup(
      { fetch },
      {
        env: {
          PUBLIC_URL: 'http://localhost:3000',
          LAGO_API_URL: 'http://127.0.0.1:9',
          DODO_API_URL: 'http://127.0.0.1:9',
        },
      },
    )

    expect(text).toContain('Lago cannot be reached')
  })
})

describe('a Lago that is older', () => {
  test('before 1.44 all events are sent, and a second run finds it as it is', async () => {
    const internet = open({ lago: { release: '1.40.0' } })

    const { text } = await runSetup(internet)
    internet.writes.length = 0
    const again = await runSetup(internet)

    expect(text).toContain(`${LAGO_HOOK}, HMAC, all events`)
    expect(again.text).toMatch(/Lago webhook +keep/)
    expect(internet.writes).toEqual([])
  })

  test('before 1.16 the HMAC key is the API key', async () => {
    const { text } = await runSetup(open({ lago: { release: '1.15.2' } }))

    expect(text).toContain('LAGO_WEBHOOK_HMAC_KEY   the value of LAGO_API_KEY')
  })

  test('an endpoint without a name that a person registered is moved along where it is the only one', async () => {
    const internet = open({ lago: { release: '1.40.0' } })
    await internet.register('https://old.example/webhooks/lago', DODO_HOOK)

    const { text } = await runSetup(internet)

    expect(text).toContain('was https://old.example/webhooks/lago')
    expect(internet.lago.store.webhookEndpoints).toMatchObject([{ webhook_url: LAGO_HOOK }])
  })

  test('where a name of ours is not known yet, all events are asked for', async () => {
    const internet = open()
    const refuseFilter = async (input: string | URL | Request, init?: RequestInit) => {
      const request = new Request(input as Request, init)
      const body = request.method === 'POST' ? await request.clone().text() : ''
      if (!body.includes('"event_types":[')) return internet.fetch(request)
      const error_details = { event_types: ['contains invalid types: ["invoice.voided"]'] }
      const refusal = {
        status: 422,
        error: 'Unprocessable Entity',
        code: 'validation_errors',
        error_details,
      }
      return Response.json(refusal, { status: 422 })
    }

    expect(await runSetup({ fetch: refuseFilter })).toMatchObject({ exitCode: 0 })
    expect(internet.lago.store.webhookEndpoints).toMatchObject([
      { webhook_url: LAGO_HOOK, event_types: null },
    ])
  })
})

describe('its settings', () => {
  const keys = { LAGO_API_KEY: 'a-key', DODO_API_KEY: 'a-key' }

  test('two keys and PUBLIC_URL are enough', () => {
    const settings = readSetupSettings({ ...keys, PUBLIC_URL })

    expect(settings).toMatchObject({ hasHmacKey: false, hasSecret: false })
    expect(settings.config.publicUrl).toBe(PUBLIC_URL)
  })

  test.each(['LAGO_API_KEY', 'DODO_API_KEY', 'PUBLIC_URL'])('without %s it says so', (name) => {
    const environment = { ...keys, PUBLIC_URL, [name]: '' }

    expect(() => readSetupSettings(environment)).toThrow(ConfigError)
    expect(() => readSetupSettings(environment)).toThrow(`${name}: is required`)
  })

  test('what is given and wrong is refused as at a start', () => {
    const environment = {
      ...keys,
      PUBLIC_URL,
      DODO_WEBHOOK_SECRET: 'secret',
      DODO_ENVIRONMENT: 'prod',
    }

    expect(() => readSetupSettings(environment)).toThrow(/DODO_WEBHOOK_SECRET: each secret starts/)
    expect(() => readSetupSettings(environment)).toThrow(/DODO_ENVIRONMENT: write test or live/)
  })
})
