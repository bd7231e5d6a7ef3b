import { z } from 'zod'

import { GRAPHQL_PATH } from '../../sandbox/openfront/openfront.ts'
import { followPayLink, submitCheckout } from '../merchant.ts'
import { StepFailed } from '../narrator.ts'
import type { ShopStage } from './shop-stage.ts'

export type Sale = { cartId: string; orderId: string; checkoutUrl: string; dodoUrl: string }

const BridgeOrder = z.object({
  orderId: z.string(),
  key: z.string(),
  state: z.string(),
  amount: z.number(),
  currency: z.string(),
  claimed: z.boolean(),
  payments: z.array(z.object({ dodoPaymentId: z.string(), disposition: z.string() })),
  refunds: z.array(z.object({ amount: z.number().nullable(), status: z.string() })),
  told: z.array(z.object({ what: z.string(), status: z.string() })),
})
const DodoPayment = z.object({
  payment_id: z.string(),
  status: z.string(),
  total_amount: z.number(),
  currency: z.string(),
})
const CartOrder = z.object({
  data: z.object({
    cart: z
      .object({
        id: z.string(),
        rawTotal: z.number(),
        order: z.object({ id: z.string(), displayId: z.number(), total: z.string() }).nullable(),
      })
      .nullable(),
  }),
})

export type Shopper = ReturnType<typeof createShopper>

/** What shoppers and the shop's owner do and see, through nothing but HTTP. */
export function createShopper(stage: ShopStage) {
  const { shopUrl, dodoUrl, bridgeUrl, keys, code, product } = stage

  /** Presses a button of the shop's pages; where that leads is returned, with the page that is there. */
  async function press(path: string, fields: Record<string, string>) {
    const response = await fetch(`${shopUrl}${path}`, {
      method: 'POST',
      body: new URLSearchParams(fields),
    })
    return { url: response.url, status: response.status, text: await response.text() }
  }
  const readBridge = async <Shape extends z.ZodType>(path: string, shape: Shape) =>
    read(`${bridgeUrl}/api${path}`, { headers: { Authorization: `Bearer ${keys.admin}` } }, shape)

  return {
    /** A cart with one product, as far as the pay button. */
    async chooseToPay(): Promise<Sale> {
      const { url } = await press('/carts', { product: product.id, quantity: '1' })
      const cartId = url.split('/').at(-1) ?? ''
      const { text } = await press(`/checkout/${cartId}/payment`, { provider: code })
      const checkoutUrl = /href="([^"]*\/pay\/[^"]+)"/.exec(text)?.[1] ?? ''
      const { orders } = await readBridge(
        `/orders?key=${cartId}`,
        z.object({ orders: z.array(BridgeOrder) }),
      )
      const orderId = orders[0]?.orderId
      if (!orderId) throw new StepFailed(`cart ${cartId} has an order at the bridge`, 'none')
      return { cartId, orderId, checkoutUrl, dodoUrl: await followPayLink(checkoutUrl) }
    },
    pay: (sale: Sale) => submitCheckout(sale.dodoUrl, { outcome: 'succeeded' }),
    decline: (sale: Sale, why: string) =>
      submitCheckout(sale.dodoUrl, { outcome: 'failed', code: why }),
    /** What the browser does with the address that Dodo sends it to. */
    async comeBack(returnUrl: string, { cartId }: Sale): Promise<string> {
      const landed = await fetch(returnUrl)
      if (landed.url.includes('/order/confirmed/')) return (await landed.text()) && landed.url
      await landed.body?.cancel()
      const pressed = await press(`/checkout/${cartId}/order`, {})
      // Who is slow finds it placed: the bridge does not wait for ever.
      const placed = /This cart is order \d+/.exec(pressed.text)?.[0]
      return placed ? `/order/confirmed/${placed}` : pressed.url
    },
    /** The shop's own answer: what has become of the cart. */
    async readCart({ cartId }: Sale) {
      const query =
        'query ($id: ID!) { cart(where: { id: $id }) { id rawTotal order { id displayId total } } }'
      const { data } = await read(
        `${shopUrl}${GRAPHQL_PATH}`,
        {
          method: 'POST',
          headers: {
            'Content-Type': 'application/json',
            Authorization: `Bearer ${keys.token}`,
          },
          body: JSON.stringify({ query, variables: { id: cartId } }),
        },
        CartOrder,
      )
      if (!data.cart) throw new StepFailed(`the shop has cart ${cartId}`, 'none')
      return data.cart
    },
    readOrder: ({ orderId }: Sale) => readBridge(`/orders/${orderId}`, BridgeOrder),
    readPayment: (dodoPaymentId: string) =>
      read(
        `${dodoUrl}/payments/${dodoPaymentId}`,
        { headers: { Authorization: `Bearer ${keys.dodo}` } },
        DodoPayment,
      ),
    /** What a script of the shop sends, since no button of it does. */
    refund: ({ orderId }: Sale, amount: number) =>
      read(
        `${bridgeUrl}/api/refund-payment`,
        {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({
            provider: { credentials: { apiKey: keys.store, environment: 'sandbox' } },
            paymentId: orderId,
            amount,
          }),
        },
        z.object({ success: z.boolean(), refundId: z.string(), refundedAmount: z.number() }),
      ),
    loseWebhooks: (lose: boolean) =>
      read(
        `${dodoUrl}/sandbox/network`,
        {
          method: 'POST',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ lose }),
        },
        z.looseObject({}),
      ),
  }
}

async function read<Shape extends z.ZodType>(
  url: string,
  init: RequestInit,
  shape: Shape,
): Promise<z.infer<Shape>> {
  const response = await fetch(url, init)
  const text = await response.text()
  if (response.ok) return shape.parse(JSON.parse(text))
  throw new StepFailed(`${init.method ?? 'GET'} ${url} succeeds`, `${response.status} ${text}`)
}
