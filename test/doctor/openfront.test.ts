import { afterAll, beforeAll, expect, test } from 'bun:test'

import { GRAPHQL_PATH } from '../../sandbox/openfront/openfront.ts'
import { openShopWorld, OTHER_KEY, STORE_KEY, type ShopWorld } from '../support/shop.ts'
import { diagnose, fetchIn } from './support.ts'

const WITHOUT_LAGO = { LAGO_API_KEY: '', LAGO_WEBHOOK_HMAC_KEY: '' }
const WHOLE = {
  OPENFRONT_API_KEYS: `demo:${STORE_KEY}`,
  OPENFRONT_URLS: `demo:http://shop.test${GRAPHQL_PATH}`,
  OPENFRONT_RETURN_URLS: 'demo:https://shop.example/checkout/{cartId}',
}

let shop: ShopWorld
beforeAll(async () => {
  shop = await openShopWorld()
})
afterAll(() => shop.world.close())

/** What doctor says of shops, with these settings. */
const look = (env: Record<string, string>, only: string | undefined = 'openfront') =>
  diagnose(shop.world, {
    env: { ...WHOLE, ...env },
    only,
    fetch: (input, init) => {
      const request = new Request(input instanceof URL ? input.href : (input as string), init)
      if (new URL(request.url).host === 'shop.test') return shop.shop.fetch(request)
      return fetchIn(shop.world)(input, init)
    },
  })

test('a shop that is set up as it should be has nothing wrong with it, before and after a sale', async () => {
  const token = shop.shop.createApiKey(['read_orders'])
  const before = await look({ OPENFRONT_TOKENS: `demo:${token}` })
  expect([before.exitCode, before.failed, before.warned]).toEqual([0, [], []])

  const { paymentId, cart, session } = await shop.sell()
  await shop.eventually(paymentId, ({ state }) => state === 'paid')
  await shop.shop.completeCart(cart.id, session.id)

  const after = await look({ OPENFRONT_TOKENS: `demo:${token}` })
  expect([after.exitCode, after.failed, after.warned, after.skipped]).toEqual([0, [], [], []])
  expect(after.find('openfront.token')?.evidence).toBe('demo: reads carts and their orders')
  expect(after.find('openfront.patch')?.evidence).toBe('demo: has asked what became of 1 paid cart')
})

test('one secret for two stores, and what is not set, are told with what mends them', async () => {
  const { exitCode, find } = await look({
    OPENFRONT_API_KEYS: `demo:${STORE_KEY},twin:${STORE_KEY},other:${OTHER_KEY}`,
    OPENFRONT_RETURN_URLS: '',
  })

  expect(exitCode).toBe(1)
  expect(find('openfront.secrets')).toMatchObject({
    verdict: 'fail',
    evidence: expect.stringContaining('demo and twin have the same secret'),
    fix: expect.stringContaining('openssl'),
  })
  expect(find('openfront.return')).toMatchObject({
    verdict: 'warn',
    fix: expect.stringContaining('OPENFRONT_RETURN_URLS=demo:'),
  })
  expect(JSON.stringify([find('openfront.secrets'), find('openfront.shop')])).not.toContain(
    STORE_KEY,
  )
})

test('an address that is no GraphQL, and a token that may not read, are found out', async () => {
  const { paymentId } = await shop.sell()
  await shop.eventually(paymentId, ({ state }) => state === 'paid')
  const wrong = await look({ OPENFRONT_URLS: 'demo:http://shop.test/nowhere' })
  expect(wrong.find('openfront.shop')).toMatchObject({ verdict: 'fail' })

  const blind = await look({ OPENFRONT_TOKENS: 'demo:of_unknown' })
  expect(blind.find('openfront.token')).toMatchObject({
    verdict: 'fail',
    fix: expect.stringContaining('read_orders'),
  })
})

test('without Lago nothing of it is looked at, and nothing of it is missed', async () => {
  const { failed, skipped, find } = await look(WITHOUT_LAGO, 'dodo')

  expect(find('lago.key')).toBeUndefined()
  expect(skipped.filter((id) => id === 'dodo.webhook' || id === 'dodo.products')).toEqual([])
  expect(failed).not.toContain('dodo.products')
  const all = await look(WITHOUT_LAGO, undefined)
  expect(all.find('lago.key')).toBeUndefined()
  expect(all.find('openfront.secrets')).toMatchObject({ verdict: 'ok' })
})
