import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'

import { createSandboxDodo, type SandboxDodo } from '../../sandbox/dodo/dodo.ts'
import {
  createSandboxOpenfront,
  GRAPHQL_PATH,
  type SandboxOpenfront,
} from '../../sandbox/openfront/openfront.ts'
import { functionsAt } from '../../sandbox/openfront/store/providers.ts'
import { createTestDatabase, type TestDatabase } from '../support/database.ts'
import { startServer } from '../support/server-process.ts'
import { ADMIN_TOKEN, DODO_KEY, WEBHOOK_SECRET } from '../support/world.ts'

const KEY = 'ofk_0123456789abcdef'
const PATIENCE_MS = 60_000

type Server = Awaited<ReturnType<typeof startServer>>

let database: TestDatabase
let shop: SandboxOpenfront
let dodo: SandboxDodo
let productId: string
let environment: Record<string, string>
let bridgeUrl: string
/** What becomes of the next completion; afterwards the shop answers as it does. */
let spoil: ((carryOut: () => Promise<Response>) => Promise<Response>) | undefined
let completions: string[] = []
const servers: ReturnType<typeof Bun.serve>[] = []
const bridges: Server[] = []

const listen = (fetch: (request: Request) => Response | Promise<Response>) => {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch })
  servers.push(server)
  return { server, url: `http://127.0.0.1:${server.port}` }
}

async function toShop(request: Request): Promise<Response> {
  const text = request.method === 'POST' ? await request.clone().text() : ''
  if (!text.includes('completeActiveCart(')) return shop.app.fetch(request)
  completions.push(text)
  const carryOut = async () => shop.app.fetch(request)
  const how = spoil
  spoil = undefined
  return how ? how(carryOut) : carryOut()
}

beforeAll(async () => {
  database = await createTestDatabase()
  const free = listen(() => new Response())
  const port = String(free.server.port)
  bridgeUrl = free.url
  await free.server.stop(true)
  const atShop = listen((request) => toShop(request))
  shop = createSandboxOpenfront({ publicUrl: atShop.url, behaviour: { patch: 'full' } })
  const atDodo = listen((request) => dodo.app.fetch(request))
  dodo = createSandboxDodo({
    apiKey: DODO_KEY,
    webhookSecret: WEBHOOK_SECRET,
    publicUrl: atDodo.url,
    webhookUrl: `${bridgeUrl}/webhooks/dodo`,
    webhookRetryDelaysMs: [200, 500, 1_000, 2_000],
  })
  shop.createRegion('US', 'USD')
  productId = shop.createProduct('E-book', 2_599).id
  shop.createProvider({
    name: 'Dodo Payments',
    code: 'pp_dodo',
    isInstalled: true,
    credentials: { apiKey: KEY, environment: 'sandbox' },
    ...functionsAt(bridgeUrl),
  })
  environment = {
    PORT: port,
    HOST: '127.0.0.1',
    PUBLIC_URL: bridgeUrl,
    DATABASE_URL: database.url,
    DODO_API_URL: atDodo.url,
    DODO_API_KEY: DODO_KEY,
    DODO_WEBHOOK_SECRET: WEBHOOK_SECRET,
    OPENFRONT_API_KEYS: `demo:${KEY}`,
    OPENFRONT_URLS: `demo:${atShop.url}${GRAPHQL_PATH}`,
    OPENFRONT_TOKENS: `demo:${shop.createApiKey(['read_orders'])}`,
    OPENFRONT_COMPLETE_AFTER: '1s',
    RECONCILE_EVERY: '2s',
    ADMIN_TOKEN,
  }
})
afterEach(async () => {
  completions = []
  for (const bridge of bridges.splice(0)) await bridge.stop()
})
afterAll(async () => {
  dodo.stop()
  await Promise.all(servers.map((server) => server.stop(true)))
  await database.drop()
})

async function start(env: Record<string, string> = {}): Promise<Server> {
  const server = await startServer({ ...environment, ...env })
  bridges.push(server)
  return server
}

/** As a machine dies: nothing is finished, and nothing handed back. */
async function killAtOnce(server: Server) {
  bridges.splice(bridges.indexOf(server), 1)
  process.kill(server.pid, 'SIGKILL')
  await server.stop()
}

async function eventually<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  for (const deadline = performance.now() + PATIENCE_MS; ; await Bun.sleep(100)) {
    const found = await look().catch(() => undefined)
    if (found !== undefined) return found
    if (performance.now() > deadline) throw new Error('it did not come to that')
  }
}

/** A shopper pays, and closes the tab. */
async function sellAndLeave() {
  const cart = shop.createCart({ lines: [{ productId, quantity: 1 }] })
  const session = await shop.choosePayment(cart.id, 'pp_dodo')
  const { checkoutUrl, paymentId } = session.data as { checkoutUrl: string; paymentId: string }
  const { headers } = await fetch(checkoutUrl, { redirect: 'manual' })
  const payment = dodo.pay(headers.get('location')?.split('/').at(-1) ?? '')
  return { cartId: cart.id, paymentId, payment }
}

const report = async (orderId: string) => {
  const headers = { Authorization: `Bearer ${ADMIN_TOKEN}` }
  const response = await fetch(`${bridgeUrl}/api/orders/${orderId}`, { headers })
  return (await response.json()) as { state: string; told: { status: string }[] }
}
const untilTold = (orderId: string) =>
  eventually(async () => {
    const order = await report(orderId)
    return order.told[0]?.status === 'done' ? order : undefined
  })
const ordersOf = (cartId: string) =>
  [...shop.store.orders.values()].filter((one) => one.cartId === cartId)

test('killed after the shop made the order and before it could say so, the bridge makes no other', async () => {
  const first = await start()
  const died = Promise.withResolvers<void>()
  spoil = async (carryOut) => {
    const answer = await carryOut()
    await killAtOnce(first)
    died.resolve()
    return answer
  }
  const { cartId, paymentId } = await sellAndLeave()
  await died.promise
  expect(ordersOf(cartId)).toHaveLength(1)

  await start()

  expect(await untilTold(paymentId)).toMatchObject({ state: 'paid' })
  expect(ordersOf(cartId)).toHaveLength(1)
  expect(completions).toHaveLength(1)
}, 120_000)

test('killed when the shop had heard of it and done nothing, it only looks from then on', async () => {
  const first = await start()
  const died = Promise.withResolvers<void>()
  spoil = async () => {
    await killAtOnce(first)
    died.resolve()
    return new Response(null, { status: 503 })
  }
  const { cartId, paymentId } = await sellAndLeave()
  await died.promise

  await start()
  await eventually(async () => {
    const { told } = await report(paymentId)
    return (told[0] as { attempts?: number } | undefined)?.attempts === 2 ? told : undefined
  })

  expect(completions).toHaveLength(1)
  expect(ordersOf(cartId)).toEqual([])
}, 120_000)

test('two replicas make one order of each of many carts', async () => {
  const free = listen(() => new Response())
  const other = String(free.server.port)
  await free.server.stop(true)
  await Promise.all([start(), start({ PORT: other })])

  const sales = await Promise.all(Array.from({ length: 6 }, () => sellAndLeave()))
  await Promise.all(sales.map(({ paymentId }) => untilTold(paymentId)))
  // A sweep or two later nothing more has come of them.
  await Bun.sleep(3_000)

  expect(sales.map(({ cartId }) => ordersOf(cartId).length)).toEqual(sales.map(() => 1))
  expect(completions).toHaveLength(sales.length)
}, 120_000)
