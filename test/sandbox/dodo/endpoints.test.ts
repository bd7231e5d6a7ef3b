import { afterAll, expect, test } from 'bun:test'

import { createSandboxDodo } from '../../../sandbox/dodo/dodo.ts'
import { createDodoAccount } from '../../../src/dodo/account.ts'

const dodo = createSandboxDodo({
  apiKey: 'dodo_test_key',
  readOnlyKey: 'dodo_test_reader',
  webhookSecret: 'whsec_AAAA',
  publicUrl: 'http://dodo.test',
  maxEndpoints: 150,
})
afterAll(() => dodo.stop())

const accountOf = (apiKey: string) =>
  createDodoAccount({ url: 'http://dodo.test', apiKey, fetch: dodo.fetch })
const refusalOf = (call: Promise<unknown>) =>
  call.then(
    () => 'none',
    (error: unknown) => error,
  )
const fields = (url: string) => ({
  url,
  description: '',
  disabled: false,
  filter_types: ['payment.succeeded'],
  metadata: {},
})

test('endpoints are listed page by page, the same key makes one once, and one too many is refused', async () => {
  const account = accountOf('dodo_test_key')
  for (let index = 0; index < 149; index += 1) {
    await account.createEndpoint(fields(`https://a.example/${index}`), `key-${index}`)
  }

  const [first, again] = [
    await account.createEndpoint(fields('https://a.example/last'), 'last'),
    await account.createEndpoint(fields('https://a.example/last'), 'last'),
  ]

  expect(again.id).toBe(first.id)
  expect(await account.listEndpoints()).toHaveLength(150)
  expect(
    await refusalOf(account.createEndpoint(fields('https://a.example/more'), 'more')),
  ).toMatchObject({
    detail: 'at most 150 webhook endpoints',
  })
})

test('a key that may only read is answered a write with 401 and no word', async () => {
  const account = accountOf('dodo_test_reader')

  expect(await account.listEndpoints()).not.toHaveLength(0)
  expect(await refusalOf(account.createEndpoint(fields('https://b.example'), 'b'))).toMatchObject({
    status: 401,
    detail: 'the answer is empty: is DODO_API_KEY read-only, or of the other mode?',
  })
})
