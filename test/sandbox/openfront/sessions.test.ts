import { describe, expect, test } from 'bun:test'

import { CODE, CREDENTIALS, openShop, refusalOf } from './support.ts'

describe('create-payment, as the running code calls it', () => {
  test('has no name of the provider, no total, no customer, and the currency in lower case', async () => {
    const { shop, asked, cart, region, provider } = openShop()
    const { id } = cart({ email: 'ada@example.test' })

    await shop.choosePayment(id, CODE)

    const [call] = asked
    expect(call?.path).toBe('/api/create-payment')
    expect(call?.headers.get('content-type')).toBe('application/json')
    expect(call?.headers.get('authorization')).toBeNull()
    expect(call?.body).toEqual({
      provider: {
        id: provider.id,
        code: CODE,
        isInstalled: true,
        createPaymentFunction: 'http://bridge.test/api/create-payment',
        capturePaymentFunction: 'http://bridge.test/api/capture-payment',
        refundPaymentFunction: 'http://bridge.test/api/refund-payment',
        getPaymentStatusFunction: 'http://bridge.test/api/get-payment-status',
        generatePaymentLinkFunction: 'http://bridge.test/api/generate-payment-link',
        credentials: CREDENTIALS,
      },
      cart: {
        id,
        rawTotal: 2_599,
        region: {
          id: region.id,
          taxRate: 0,
          currency: { code: 'usd', noDivisionCurrency: false },
        },
        paymentCollection: { id: expect.any(String) },
      },
      amount: 2_599,
      currency: 'usd',
    })
  })

  test("sends a collection that was there before with everybody's sessions", async () => {
    const { shop, asked, cart } = openShop()
    const { provider } = openShop()
    shop.createProvider({ ...provider, code: 'pp_other' })
    const { id } = cart()
    await shop.choosePayment(id, 'pp_other')

    await shop.choosePayment(id, CODE)

    expect(asked[1]?.body).toMatchObject({
      cart: {
        paymentCollection: {
          amount: 2_599,
          paymentSessions: [
            {
              isInitiated: false,
              paymentProvider: { code: 'pp_other' },
              data: { status: 'pending' },
            },
          ],
        },
      },
    })
  })

  test('as the guide tells it, has a name, a total, a customer, and the currency in upper case', async () => {
    const { shop, asked, cart } = openShop({ behaviour: { speech: 'guide' } })
    const { id } = cart({ email: 'ada@example.test', customerName: 'Ada' })

    await shop.choosePayment(id, CODE)

    expect(asked[0]?.body).toEqual({
      provider: { name: 'Dodo Payments', credentials: CREDENTIALS },
      cart: {
        id,
        total: 2_599,
        currency: 'USD',
        customer: { email: 'ada@example.test', name: 'Ada' },
      },
      amount: 2_599,
      currency: 'USD',
    })
  })

  test('keeps the whole answer where everybody can read it', async () => {
    const { shop, cart, graphql } = openShop()
    const { id } = cart()
    const { id: sessionId } = await shop.choosePayment(id, CODE)

    const { data } = await graphql('query ($id: ID!) { activeCart(cartId: $id) }', { id })

    expect(data).toMatchObject({
      activeCart: {
        id,
        rawTotal: 2_599,
        region: { currency: { code: 'usd' } },
        paymentCollection: {
          paymentSessions: [
            {
              id: sessionId,
              isSelected: true,
              paymentProvider: { code: CODE },
              data: { paymentId: 'ord_1', checkoutUrl: 'http://bridge.test/pay/1' },
            },
          ],
        },
      },
    })
    expect(JSON.stringify(data)).not.toContain('order')
  })
})

describe('a provider is asked once for each payment collection', () => {
  type Opened = ReturnType<typeof openShop>
  type Edit = (opened: Opened, cartId: string) => unknown
  const lineOf = ({ shop }: Opened, id: string) => shop.store.carts.get(id)?.lines[0]?.id ?? ''
  const again: [string, Edit][] = [
    ['a line was added', ({ shop, product }, id) => shop.addLine(id, product.id)],
    [
      'a quantity was changed',
      (opened, id) => opened.shop.changeQuantity(id, lineOf(opened, id), 3),
    ],
    ['shipping was chosen', ({ shop }, id) => shop.chooseShipping(id, 500)],
    [
      'the region was changed',
      ({ shop }, id) => shop.changeRegion(id, shop.createRegion('EU', 'EUR').id),
    ],
    [
      'the record of its discount was edited',
      ({ shop }, id) => {
        shop.addDiscountCode(id, 'SALE', 100)
        shop.editDiscount('SALE', 200)
      },
    ],
  ]
  const stale: [string, Edit][] = [
    ['nothing happened', () => undefined],
    ['a line was removed', (opened, id) => opened.shop.removeLine(id, lineOf(opened, id))],
    ['a discount code was added', ({ shop }, id) => shop.addDiscountCode(id, 'SALE', 100)],
    ['the price in the catalogue changed', ({ shop, product }) => shop.changePrice(product.id, 99)],
  ]

  test.each(again)('and again, with the new amount, when %s', async (_what, edit) => {
    const opened = openShop()
    const { id } = opened.cart()
    await opened.shop.choosePayment(id, CODE)
    edit(opened, id)

    await opened.shop.choosePayment(id, CODE)

    expect(opened.asked).toHaveLength(2)
  })

  test.each(stale)(
    'and not again when %s, whatever the cart costs by then',
    async (_what, edit) => {
      const opened = openShop()
      const { id } = opened.cart()
      const first = await opened.shop.choosePayment(id, CODE)
      edit(opened, id)

      const second = await opened.shop.choosePayment(id, CODE)

      expect(opened.asked).toHaveLength(1)
      expect(second).toBe(first)
      expect(second.amount).toBe(2_599)
    },
  )

  test('unless the shop was mended', async () => {
    const opened = openShop({ behaviour: { dropsStaleSessions: true } })
    const { id } = opened.cart()
    await opened.shop.choosePayment(id, CODE)
    opened.shop.addDiscountCode(id, 'SALE', 100)

    await opened.shop.choosePayment(id, CODE)

    expect(opened.asked.map(({ body }) => body['amount'])).toEqual([2_599, 2_499])
  })

  test('and never when empty sessions were made first', async () => {
    const { shop, asked, cart } = openShop()
    const { id } = cart()
    shop.createEmptySessions({ cartId: id })

    const session = await shop.choosePayment(id, CODE)

    expect(asked).toEqual([])
    expect(session.data).toEqual({})
  })
})

describe('an invoice of a business account', () => {
  test('is sent under the key of the cart', async () => {
    const { shop, asked } = openShop()
    const { id, accountId } = shop.createInvoice(120_000, 'USD', 'usr_1')

    await shop.chooseInvoicePayment(id, CODE)

    expect(asked[0]?.body).toMatchObject({
      cart: { id, totalAmount: 120_000, account: { id: accountId, user: { id: 'usr_1' } } },
      amount: 120_000,
      currency: 'usd',
    })
  })

  test('is asked for again once its session is initiated', async () => {
    const { shop, asked } = openShop()
    const { id } = shop.createInvoice(120_000, 'USD', 'usr_1')
    shop.createEmptySessions({ invoiceId: id })
    const first = await shop.chooseInvoicePayment(id, CODE)
    const second = await shop.chooseInvoicePayment(id, CODE)

    expect(asked).toHaveLength(2)
    expect(first.isInitiated).toBe(true)
    expect(second.id).not.toBe(first.id)
  })
})

describe('what becomes of an answer', () => {
  test.each([
    [
      'a refusal loses its body',
      () => Response.json({ error: 'too small' }, { status: 400, statusText: 'Bad Request' }),
      'HTTP request failed: Bad Request',
    ],
    ['what is no JSON cannot be read', () => new Response('<html>'), 'JSON'],
    ['a 204 cannot be read', () => new Response(null, { status: 204 }), 'JSON'],
    ['an empty 200 cannot be read', () => new Response(''), 'JSON'],
  ])('%s', async (_what, answer, words) => {
    const { shop, answers, cart } = openShop()
    answers['/api/create-payment'] = answer
    const { id } = cart()

    expect(await refusalOf(shop.choosePayment(id, CODE))).toContain(words)
    expect(shop.store.carts.get(id)?.collection?.sessions).toEqual([])
  })

  test('an empty 200 is null where the shop runs under Bun', async () => {
    const { shop, answers, provider } = openShop({ behaviour: { runtime: 'bun' } })
    answers['/api/get-payment-status'] = () => new Response('')

    expect(await shop.readStatus(provider.code, 'ord_1')).toBeNull()
  })
})

describe('faults of the calls', () => {
  test('an answer is lost after the provider has acted, and the next choice asks again', async () => {
    const { shop, asked, cart } = openShop()
    const { id } = cart()
    shop.caller.switches.loseAnswers = true
    expect(await refusalOf(shop.choosePayment(id, CODE))).toBe('fetch failed')
    shop.caller.switches.loseAnswers = false

    await shop.choosePayment(id, CODE)

    expect(asked).toHaveLength(2)
    expect(asked[1]?.body).toMatchObject({ amount: asked[0]?.body['amount'] })
  })

  test('a call that is lost never arrives', async () => {
    const { shop, asked, cart } = openShop()
    shop.caller.switches.loseCalls = true

    expect(await refusalOf(shop.choosePayment(cart().id, CODE))).toBe('fetch failed')
    expect(asked).toEqual([])
  })

  test('a doubled call arrives twice, and the cart has one session', async () => {
    const { shop, asked, cart } = openShop()
    const { id } = cart()
    shop.caller.switches.double = true

    await shop.choosePayment(id, CODE)

    expect(asked).toHaveLength(2)
    expect(shop.store.carts.get(id)?.collection?.sessions).toHaveLength(1)
  })
})

test('what a script or a patched shop may call drops the reason, but for the guide', async () => {
  const { shop, asked, answers } = openShop()
  answers['/api/refund-payment'] = () => Response.json({ success: true })
  answers['/api/generate-payment-link'] = () => Response.json({ url: 'https://example.test' })

  await shop.refund(CODE, 'ord_1', 500, 'broken')
  shop.behaviour.speech = 'guide'
  await shop.refund(CODE, 'ord_1', 500, 'broken')
  await shop.readLink(CODE, 'ord_1')

  const [byCode, byGuide, link] = asked.map(({ body }) => {
    const { provider: _, ...args } = body
    return args
  })
  expect(byCode).toEqual({ paymentId: 'ord_1', amount: 500 })
  expect(byGuide).toEqual({ paymentId: 'ord_1', amount: 500, reason: 'broken' })
  expect(link).toEqual({ paymentId: 'ord_1' })
})
