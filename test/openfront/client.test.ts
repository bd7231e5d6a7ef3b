import { describe, expect, test } from 'bun:test'

import { createBudget } from '../../src/budget.ts'
import { ApiError, WrongAddress } from '../../src/errors.ts'
import { createOpenfront } from '../../src/openfront/client.ts'
import { createVendorFetch } from '../../src/vendor-fetch.ts'
import { CODE, openShop, SHOP_URL } from '../sandbox/openfront/support.ts'
import { GRAPHQL_PATH } from '../../sandbox/openfront/openfront.ts'
import type { Behaviour } from '../../sandbox/openfront/store/world.ts'

/** A patched shop with a paid cart, and the client as the bridge plugs it. */
async function open(behaviour: Partial<Behaviour> = {}) {
  const opened = openShop({ behaviour: { patch: 'full', ...behaviour } })
  const { shop, answers, cart } = opened
  answers['/api/get-payment-status'] = () =>
    Response.json({ status: 'captured', amount: 2_599, currency: 'USD' })
  const { id: cartId } = cart()
  const { id: sessionId } = await shop.choosePayment(cartId, CODE)
  const plug = (token: string | undefined = shop.createApiKey(['read_orders'])) =>
    createOpenfront({
      url: `${SHOP_URL}${GRAPHQL_PATH}`,
      token,
      fetch: createVendorFetch({
        service: 'Openfront',
        fetch: shop.fetch,
        budget: createBudget('Openfront', [{ lengthMs: 1_000, most: 1_000 }], () => new Date()),
        urgency: 'live',
        stop: new AbortController().signal,
      }),
    })
  return { ...opened, cartId, sessionId, plug, client: plug() }
}

async function failureOf(call: Promise<unknown>): Promise<ApiError> {
  const error: unknown = await call.then(
    () => 'answered',
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof ApiError)) throw new Error(`no ApiError: ${String(error)}`)
  return error
}

describe('the order of a cart', () => {
  test('is null before, and known after the cart was completed', async () => {
    const { client, cartId, sessionId } = await open()
    expect(await client.findOrderOfCart(cartId)).toBeNull()

    const { id } = await client.completeCart(cartId, sessionId)

    expect(await client.findOrderOfCart(cartId)).toMatchObject({ id })
  })

  test('is never null for whoever may not read it', async () => {
    const { plug, shop, cartId, client } = await open()

    expect(await plug('of_unknown').findOrderOfCart(cartId)).toBeUndefined()
    expect(await client.findOrderOfCart('cm_unknown')).toBeUndefined()
    shop.behaviour.deniedReads = 'error'
    expect(await failureOf(plug('of_unknown').findOrderOfCart(cartId))).toMatchObject({
      service: 'Openfront',
      outcome: 'refused',
      detail: 'Access denied',
    })
  })
})

test('a cart is read with what it asks for now, and the sessions by the payments they hold', async () => {
  const { client, shop, cartId, sessionId } = await open()
  shop.addDiscountCode(cartId, 'SALE', 100)

  expect(await client.findActiveCart(cartId)).toEqual({
    amount: 2_499,
    currency: 'USD',
    sessions: [{ id: sessionId, paymentId: 'ord_1' }],
  })
  expect(await client.findActiveCart('cm_unknown')).toBeUndefined()
})

test('a cart is read whatever another provider has answered for it', async () => {
  const { client, shop, cartId, sessionId } = await open()
  const collection = shop.store.carts.get(cartId)?.collection
  for (const data of ['https://pay.example/1', ['pi_1'], null])
    collection?.sessions.push({
      id: `cmother${String(data)}`,
      amount: 2_599,
      isSelected: false,
      isInitiated: false,
      providerCode: 'pp_other',
      data: data as unknown as Record<string, unknown>,
    })

  const cart = await client.findActiveCart(cartId)

  expect(cart?.sessions).toHaveLength(4)
  expect(cart?.sessions[0]).toEqual({ id: sessionId, paymentId: 'ord_1' })
})

describe('a completion', () => {
  test('that the shop refuses is not known to have done nothing', async () => {
    const { client, shop, cartId, sessionId } = await open({ patch: 'none' })

    const error = await failureOf(client.completeCart(cartId, sessionId))

    expect(error).toMatchObject({ outcome: 'unknown', status: 200 })
    expect(error.detail).toBe(`Unsupported payment provider: ${CODE}`)
    expect(shop.store.orders.size).toBe(0)
  })

  test('whose answer is lost is unknown, and its order is found by looking', async () => {
    const { client, shop, cartId, sessionId } = await open()
    shop.faults.add({ kind: 'after_drop', times: 1 })

    expect(await failureOf(client.completeCart(cartId, sessionId))).toMatchObject({
      outcome: 'unknown',
    })
    expect(await client.findOrderOfCart(cartId)).not.toBeNull()
    expect(shop.store.orders.size).toBe(1)
  })
})

test('the token goes out with what needs it, and with nothing else', async () => {
  const { plug, shop, cartId } = await open()
  const tokens: (string | null)[] = []
  shop.app.use()
  const real = shop.app.fetch
  shop.app.fetch = (request, ...rest) => {
    tokens.push(request.headers.get('authorization'))
    return real(request, ...rest)
  }
  const client = plug('of_token')

  await client.findOrderOfCart(cartId)
  await client.findActiveCart(cartId)

  expect(tokens).toEqual(['Bearer of_token', null])
})

test('another address than that of the GraphQL is named as such', async () => {
  const { shop } = await open()
  const page = createOpenfront({
    url: `${SHOP_URL}/`,
    token: undefined,
    fetch: createVendorFetch({
      service: 'Openfront',
      fetch: () =>
        Promise.resolve(new Response('<html>', { headers: { 'Content-Type': 'text/html' } })),
      budget: createBudget('Openfront', [{ lengthMs: 1_000, most: 10 }], () => new Date()),
      urgency: 'live',
      stop: new AbortController().signal,
    }),
  })
  shop.stop()

  const error = await failureOf(page.findActiveCart('cm1'))

  expect(error).toBeInstanceOf(WrongAddress)
  expect(error.message).toContain('OPENFRONT_URLS leads to a web page')
})
