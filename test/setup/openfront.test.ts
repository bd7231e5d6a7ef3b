import { afterEach, beforeEach, expect, test } from 'bun:test'

import { openInternet, runSetup } from './support.ts'

const KEY = 'ofk_0123456789abcdef'
const ENV = { LAGO_API_KEY: '', OPENFRONT_API_KEYS: `demo:${KEY},other:ofk_fedcba9876543210` }

let world: ReturnType<typeof openInternet>
beforeEach(() => {
  world = openInternet()
})
afterEach(() => world.stop())

test('without Lago only Dodo is set up, and each store is told what to paste', async () => {
  const { exitCode, text } = await runSetup(world, { env: ENV })

  expect({ exitCode, text }).toMatchObject({ exitCode: 0 })
  expect(world.lago.store.webhookEndpoints).toEqual([])
  expect(text).not.toContain('Lago')
  const [, record = ''] = /(\{\n[\s\S]*?\n\})/.exec(text) ?? []
  expect(JSON.parse(record)).toMatchObject({
    name: 'Dodo Payments',
    code: 'pp_dodo',
    isInstalled: true,
    credentials: { apiKey: KEY, environment: 'sandbox' },
    createPaymentFunction: 'https://bridge.example/api/create-payment',
    handleWebhookFunction: 'https://bridge.example/api/handle-webhook',
  })
  expect(text).toContain('Openfront store other: ')
  expect(text).toContain('OPENFRONT_TOKENS=demo:of_…')
})

test('run again it changes nothing, and prints the same records', async () => {
  await runSetup(world, { env: ENV })
  const before = world.writes.length

  const { exitCode, text } = await runSetup(world, { env: ENV })

  expect(exitCode).toBe(0)
  expect(world.writes.slice(before)).toEqual([])
  expect(text).toContain('Nothing to change.')
  expect(text).toContain(KEY)
})

test('a bridge at another address, and one with Lago, are left alone', async () => {
  await runSetup(world, { env: ENV })
  await runSetup(world, { env: { ...ENV, PUBLIC_URL: 'https://other.example' } })
  await runSetup(world, { env: { PUBLIC_URL: 'https://third.example' } })

  const urls = [...world.dodo.store.endpoints.values()].map(({ url }) => url)
  expect(urls).toEqual([
    'https://bridge.example/webhooks/dodo',
    'https://other.example/webhooks/dodo',
    'https://third.example/webhooks/dodo',
  ])
})
