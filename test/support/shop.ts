import { eq } from 'drizzle-orm'

import { tellings } from '../../src/db/schema.ts'
import { signatureHeaders } from '../../sandbox/dodo/api/webhooks.ts'
import { fetchInProcess } from '../../sandbox/kit/in-process.ts'
import { createSandboxOpenfront, GRAPHQL_PATH } from '../../sandbox/openfront/openfront.ts'
import { functionsAt } from '../../sandbox/openfront/store/providers.ts'
import type { Behaviour } from '../../sandbox/openfront/store/world.ts'
import { ADMIN_TOKEN, openWorld, WEBHOOK_SECRET, type World } from './world.ts'

export const STORE_KEY = 'ofk_0123456789abcdef'
export const OTHER_KEY = 'ofk_fedcba9876543210'
/** What the shop calls the bridge among its providers. */
export const PROVIDER_CODE = 'pp_dodo'
const SHOP_URL = 'http://shop.test'
/** After this a question has Dodo looked at anew. */
const FRESH_MS = 2_100
const PATIENCE_MS = 60_000

type Lost = 'drop' | 'after_drop' | 'after_status' | 'turned_away'
type Body = Record<string, unknown>
type OrderReport = {
  orderId: string
  state: string
  reason: string
  reasonCode: string | null
  claimed: boolean
  payments: { dodoPaymentId: string; disposition: string }[]
  told: { what: string; status: string; attempts: number }[]
  timeline: { what: string }[]
}

export type ShopWorld = Awaited<ReturnType<typeof openShopWorld>>

/** A bridge with a patched shop that it serves and can reach, and a second store that is nobody's. */
export async function openShopWorld({
  env = {},
  behaviour = {},
  hasToken = false,
  unproven,
}: {
  env?: Record<string, string>
  behaviour?: Partial<Behaviour>
  /** Whether the bridge may read the shop's orders, and so completes its carts. */
  hasToken?: boolean
  unproven?: string
} = {}) {
  let world: World | undefined
  let lost: Lost | undefined
  const shop = createSandboxOpenfront({
    publicUrl: SHOP_URL,
    behaviour: { patch: 'full', ...behaviour },
    fetch: fetchInProcess({
      async fetch(request) {
        if (!world) throw new Error('the bridge is not up')
        return world.get(new URL(request.url).pathname, request)
      },
    }),
  })
  shop.createRegion('US', 'USD')
  const product = shop.createProduct('E-book', 2_599)
  const provider = shop.createProvider({
    name: 'Dodo Payments',
    code: PROVIDER_CODE,
    isInstalled: true,
    credentials: { apiKey: STORE_KEY, environment: 'sandbox' },
    ...functionsAt('http://bridge.test/'),
  })
  /** Answers as the shop does, but for the completion that is to be spoilt. */
  async function toShop(request: Request): Promise<Response> {
    const text = await request.clone().text()
    if (lost === undefined || !text.includes('completeActiveCart(')) return shop.fetch(request)
    const how = lost
    lost = undefined
    if (how === 'turned_away') return Response.json({ error: 'Slow down' }, { status: 429 })
    if (how !== 'drop') await shop.fetch(request)
    if (how === 'after_status') return Response.json({ error: 'Bad gateway' }, { status: 502 })
    throw Object.assign(new Error('the connection was dropped'), { code: 'ECONNRESET' })
  }
  const token = shop.createApiKey(['read_orders'])
  const key = shop.store.apiKeys.get(token)
  world = await openWorld({
    ...(unproven !== undefined && { unproven }),
    others: { 'shop.test': { fetch: (request) => toShop(request) } },
    env: {
      OPENFRONT_API_KEYS: `demo:${STORE_KEY},other:${OTHER_KEY}`,
      OPENFRONT_URLS: `demo:${SHOP_URL}${GRAPHQL_PATH}`,
      ...(hasToken && { OPENFRONT_TOKENS: `demo:${token}` }),
      ...env,
    },
  })
  const opened = world
  return {
    world: opened,
    shop,
    product,
    provider,
    /** The next completion gets no answer, after its effect or without one. */
    loseCompletion(how: Lost) {
      lost = how
    },
    /** As if the bridge had died before it planned anything. */
    forgetTellings: (orderId: string) =>
      opened.bridge.db.delete(tellings).where(eq(tellings.orderId, orderId)),
    takeTokenAway: () => void shop.store.apiKeys.delete(token),
    giveTokenBack: () => void (key && shop.store.apiKeys.set(token, key)),
    ...actsOf(opened),
    ...shoppingIn(opened, shop, product.id),
  }
}

/** What anybody can ask of the bridge who has a store's key, and what its operator sees. */
function actsOf(world: World) {
  async function call(route: string, fields: Body, credentials: Body = { apiKey: STORE_KEY }) {
    const response = await world.get(`/api/${route}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ provider: { credentials }, ...fields }),
    })
    return { status: response.status, body: (await response.json()) as Body }
  }
  async function report(orderId: string): Promise<OrderReport> {
    const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
    const response = await world.get(`/api/orders/${orderId}`, { headers })
    return (await response.json()) as OrderReport
  }
  return {
    call,
    report,
    /** Waits until the order is as described. */
    async eventually(orderId: string, check: (order: OrderReport) => boolean) {
      for (const deadline = performance.now() + PATIENCE_MS; ; await Bun.sleep(50)) {
        const order = await report(orderId)
        if (check(order)) return order
        if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(order, null, 1)}`)
      }
    },
  }
}

function shoppingIn(
  world: World,
  shop: ReturnType<typeof createSandboxOpenfront>,
  productId: string,
) {
  /** A shopper with a cart chooses to pay, and stands at Dodo's page. */
  async function begin() {
    const cart = shop.createCart({ lines: [{ productId, quantity: 1 }] })
    const session = await shop.choosePayment(cart.id, PROVIDER_CODE)
    const { paymentId, checkoutUrl } = session.data as { paymentId: string; checkoutUrl: string }
    const dodoSessionId = await world.follow(checkoutUrl)
    return { cart, session, paymentId, checkoutUrl, dodoSessionId }
  }
  return {
    begin,
    /** The same, and pays. */
    async sell() {
      const begun = await begin()
      return { ...begun, payment: world.dodo.pay(begun.dodoSessionId) }
    },
    /** Lets what was last seen grow old. */
    ageALook: () => world.advance(FRESH_MS),
  }
}

/** An event as Dodo signs it, for somebody to hand on. */
export function signEvent(
  type: string,
  data: Body,
  { secret = WEBHOOK_SECRET, sentAt = new Date(), id = `msg_${crypto.randomUUID()}` } = {},
) {
  const timestamp = sentAt.toISOString()
  const raw = JSON.stringify({ business_id: 'bus_sandbox', type, timestamp, data })
  return { raw, headers: signatureHeaders(secret, { messageId: id, sentAt, body: raw }) }
}
