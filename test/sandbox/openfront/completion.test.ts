import { describe, expect, test } from 'bun:test'

import type { Behaviour } from '../../../sandbox/openfront/store/world.ts'
import { CODE, openShop, refusalOf, SHOP_URL } from './support.ts'

const COMPLETE = `mutation ($cartId: ID!, $session: ID) {
  completeActiveCart(cartId: $cartId, paymentSessionId: $session)
}`
const ORDER_OF = 'query ($id: ID!) { cart(where: { id: $id }) { id order { id displayId } } }'

/** A cart whose session a provider says is in the state it was given. */
async function openPaid(behaviour: Partial<Behaviour>, status: object) {
  const opened = openShop({ behaviour })
  opened.answers['/api/get-payment-status'] = () => Response.json(status)
  const { id: cartId } = opened.cart()
  const { id: session } = await opened.shop.choosePayment(cartId, CODE)
  return { ...opened, cartId, session }
}
const CAPTURED = { status: 'captured', amount: 2_599, currency: 'USD' }

describe('a cart is completed', () => {
  test('by anybody in a patched shop, if status, amount and currency agree', async () => {
    const { shop, asked, graphql, cartId, session } = await openPaid({ patch: 'full' }, CAPTURED)

    const { data, errors } = await graphql(COMPLETE, { cartId, session })

    expect(errors).toBeUndefined()
    expect(data).toMatchObject({ completeActiveCart: { displayId: 1, status: 'pending' } })
    expect(asked.at(-1)?.body).toMatchObject({ paymentId: 'ord_1' })
    expect([...shop.store.payments.values()]).toMatchObject([
      { status: 'captured', amount: 2_599, data: { paymentId: 'ord_1' } },
    ])
  })

  test.each([
    ['another amount', { ...CAPTURED, amount: 2_598 }],
    ['another currency', { ...CAPTURED, currency: 'EUR' }],
    ['pending', { ...CAPTURED, status: 'pending' }],
  ])('but not by a patched shop when the provider answers %s', async (_what, status) => {
    const { shop, graphql, cartId, session } = await openPaid({ patch: 'full' }, status)

    const { data, errors } = await graphql(COMPLETE, { cartId, session })

    expect(data).toEqual({ completeActiveCart: null })
    expect(errors).toHaveLength(1)
    expect(shop.store.orders.size).toBe(0)
  })

  test('by a careless patch whenever the provider says captured', async () => {
    const cheap = { ...CAPTURED, amount: 1 }
    const { shop, cartId, session } = await openPaid({ patch: 'careless' }, cheap)

    await shop.completeCart(cartId, session)

    expect([...shop.store.payments.values()]).toMatchObject([{ amount: 2_599 }])
  })

  test('never in a shop as it is published, which says so in a 200', async () => {
    const { graphql, asked, cartId, session } = await openPaid({}, CAPTURED)

    const { status, errors } = await graphql(COMPLETE, { cartId, session })

    expect(status).toBe(200)
    expect(errors?.[0]?.message).toBe(`Unsupported payment provider: ${CODE}`)
    expect(asked).toHaveLength(1)
  })

  test('twice into two orders, unless the shop is patched against it', async () => {
    const careless = await openPaid({ patch: 'careless' }, CAPTURED)
    await careless.shop.completeCart(careless.cartId, careless.session)
    const second = await careless.shop.completeCart(careless.cartId, careless.session)
    expect(careless.shop.store.orders.size).toBe(2)
    expect(careless.shop.store.carts.get(careless.cartId)?.orderId).toBe(second.id)

    const full = await openPaid({ patch: 'full' }, CAPTURED)
    await full.shop.completeCart(full.cartId, full.session)
    const refused = await refusalOf(full.shop.completeCart(full.cartId, full.session))
    expect(refused).toBe('This cart already has an order')
    expect(full.shop.store.orders.size).toBe(1)
  })

  test('without a session only for whoever is logged in', async () => {
    const { graphql, cartId } = await openPaid({ patch: 'full' }, CAPTURED)

    const { errors } = await graphql(COMPLETE, { cartId })

    expect(errors?.[0]?.message).toBe('Not authenticated')
  })

  test('only with a session of its current collection', async () => {
    const { shop, product, cartId, session } = await openPaid({ patch: 'full' }, CAPTURED)
    shop.addLine(cartId, product.id)

    expect(await refusalOf(shop.completeCart(cartId, session))).toBe('Payment session not found')
  })

  test('with the reserved code unpaid', async () => {
    const { shop, provider, cart } = openShop()
    shop.createProvider({ ...provider, code: 'pp_system_default' })
    const { id } = cart()
    const session = await shop.choosePayment(id, 'pp_system_default')

    await shop.completeCart(id, session.id)

    expect([...shop.store.payments.values()]).toMatchObject([
      { status: 'pending', capturedAt: null },
    ])
  })

  test('and its payment holds the data of the first session, not of the chosen one', async () => {
    const { shop, provider, answers, cart } = openShop({ behaviour: { patch: 'full' } })
    answers['/api/get-payment-status'] = () => Response.json(CAPTURED)
    shop.createProvider({ ...provider, code: 'pp_first' })
    const { id } = cart()
    await shop.choosePayment(id, 'pp_first')
    answers['/api/create-payment'] = () => Response.json({ paymentId: 'ord_2' })
    const chosen = await shop.choosePayment(id, CODE)

    await shop.completeCart(id, chosen.id)

    expect([...shop.store.payments.values()]).toMatchObject([{ data: { paymentId: 'ord_1' } }])
  })
})

test('an invoice is completed by its owner alone', async () => {
  const { shop, answers } = openShop({ behaviour: { patch: 'full' } })
  answers['/api/get-payment-status'] = () => Response.json({ ...CAPTURED, amount: 120_000 })
  const { id } = shop.createInvoice(120_000, 'USD', 'usr_1')
  const session = await shop.chooseInvoicePayment(id, CODE)

  expect(await refusalOf(shop.completeInvoice(id, session.id, 'usr_2'))).toBe('Not authenticated')
  expect(await shop.completeInvoice(id, session.id, 'usr_1')).toMatchObject({ status: 'captured' })
})

describe('whether a cart has an order', () => {
  async function openOrdered(behaviour: Partial<Behaviour> = {}) {
    const opened = await openPaid({ patch: 'full', ...behaviour }, CAPTURED)
    const { id } = await opened.shop.completeCart(opened.cartId, opened.session)
    return { ...opened, orderId: id }
  }

  test('is told to a key with read_orders', async () => {
    const { shop, graphql, cartId, orderId } = await openOrdered()
    const token = shop.createApiKey(['read_orders'])

    const { data } = await graphql(ORDER_OF, { id: cartId }, token)

    expect(data).toEqual({ cart: { id: cartId, order: { id: orderId, displayId: 1 } } })
  })

  test.each(['null', 'error'] as const)(
    'is told to nobody else, which looks like %s',
    async (deniedReads) => {
      const { shop, graphql, cartId } = await openOrdered({ deniedReads })
      const ended = shop.createApiKey(['read_orders'], new Date(0))
      const others = [undefined, 'of_unknown', shop.createApiKey(['read_products']), ended]

      for (const token of others) {
        const { status, data, errors } = await graphql(ORDER_OF, { id: cartId }, token)
        expect(status).toBe(200)
        expect(data).toEqual({ cart: null })
        expect(errors?.length ?? 0).toBe(deniedReads === 'error' ? 1 : 0)
      }
    },
  )
})

describe('the GraphQL endpoint', () => {
  test.each([
    ['query { cart(where: { id: "x" }) { id invented } }', 'invented'],
    ['mutation { completeActiveCart }', 'cartId'],
    ['query {', 'Syntax Error'],
  ])('refuses %s with a 400', async (query, word) => {
    const { graphql } = openShop()

    const { status, errors } = await graphql(query)

    expect(status).toBe(400)
    expect(errors?.[0]?.message).toContain(word)
  })

  test('lets a provider be made with write_payments alone, under a code of its form', async () => {
    const { shop, graphql } = openShop()
    const query = `mutation ($data: PaymentProviderCreateInput!) {
      createPaymentProvider(data: $data) { id code }
    }`
    const functions = Object.fromEntries(
      ['create', 'capture', 'refund'].map((name) => [`${name}PaymentFunction`, 'https://b.test']),
    )
    const data = {
      ...functions,
      name: 'Dodo',
      code: 'pp_second',
      getPaymentStatusFunction: 'https://b.test',
      generatePaymentLinkFunction: 'https://b.test',
      handleWebhookFunction: 'https://b.test',
    }
    const token = shop.createApiKey(['write_payments'])
    const reader = shop.createApiKey(['read_payments'])

    expect((await graphql(query, { data }, reader)).errors).toHaveLength(1)
    expect((await graphql(query, { data: { ...data, code: 'dodo' } }, token)).errors).toHaveLength(
      1,
    )
    expect((await graphql(query, { data }, token)).data).toMatchObject({
      createPaymentProvider: { code: 'pp_second' },
    })
  })
})

describe('a shopper in a patched shop', () => {
  const press = (shop: ReturnType<typeof openShop>['shop'], path: string, fields = {}) =>
    shop.fetch(`${SHOP_URL}${path}`, {
      method: 'POST',
      body: new URLSearchParams(fields),
      redirect: 'manual',
    })
  const read = async (shop: ReturnType<typeof openShop>['shop'], path: string) =>
    (await shop.fetch(`${SHOP_URL}${path}`)).text()

  async function goToPay(behaviour: Partial<Behaviour> = {}) {
    const opened = openShop({ behaviour: { patch: 'full', ...behaviour } })
    const { shop, product, answers } = opened
    answers['/api/get-payment-status'] = () => Response.json(CAPTURED)
    const added = await press(shop, '/carts', { product: product.id, quantity: '1' })
    const path = added.headers.get('location') ?? ''
    await press(shop, `${path}/payment`, { provider: CODE })
    return { ...opened, path }
  }

  test('adds to the cart, is led to the gateway, comes back, and has an order', async () => {
    const { shop, path } = await goToPay()
    expect(await read(shop, path)).toContain('href="http://bridge.test/pay/1"')

    const back = await shop.fetch(`${SHOP_URL}${path}?returned=1`, { redirect: 'manual' })

    expect(back.status).toBe(303)
    expect(back.headers.get('location')).toContain('/us/order/confirmed/')
    expect(shop.store.orders.size).toBe(1)
  })

  test('who closes the tab leaves no order', async () => {
    const { shop, path } = await goToPay({ closesTab: true })

    await read(shop, `${path}?returned=1`)

    expect(shop.store.orders.size).toBe(0)
  })

  test('finds a button that does nothing where the shop is not patched', async () => {
    const { shop, path } = await goToPay({ patch: 'none' })

    const page = await read(shop, path)

    expect(page).toContain('disabled')
    expect(page).toContain('Select a payment method')
    expect(page).not.toContain('bridge.test')
  })

  test('is told when the order is refused', async () => {
    const { shop, answers, path } = await goToPay()
    answers['/api/get-payment-status'] = () => Response.json({ ...CAPTURED, status: 'pending' })

    const response = await press(shop, `${path}/order`)

    expect(response.status).toBe(409)
    expect(await response.text()).toContain('Payment has not been completed')
  })
})

test("the owner's page switches the shop, and shows what was called", async () => {
  const { shop, cart } = openShop()
  await shop.choosePayment(cart().id, CODE)
  const at = `${SHOP_URL}/sandbox`
  const post = (path: string, fields: Record<string, string>) =>
    shop.fetch(`${at}${path}`, {
      method: 'POST',
      headers: { referer: at },
      body: new URLSearchParams(fields),
      redirect: 'manual',
    })

  await post('/behaviour', { patch: 'full' })
  await post('/calls', { double: 'true' })
  await post('/faults', { kind: 'status', status: '503', path: '/api/graphql' })

  expect(shop.behaviour.patch).toBe('full')
  expect(shop.caller.switches.double).toBe(true)
  expect((await shop.fetch(`${SHOP_URL}/api/graphql`, { method: 'POST' })).status).toBe(503)
  expect(await (await shop.fetch(at)).text()).toContain('http://bridge.test/api/create-payment')
})
