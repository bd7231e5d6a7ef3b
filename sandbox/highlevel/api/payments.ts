import { Hono, type Context } from 'hono'
import { z } from 'zod'
import { takeEvent } from '../store/events.ts'
import {
  connectKeys,
  disconnect,
  findIntegration,
  integrationView,
  putProvider,
} from '../store/integrations.ts'
import { findToken } from '../store/oauth.ts'
import { HighlevelRefusal } from '../store/refusal.ts'
import { findTransaction, orderView, subscriptionView, transactionView } from '../store/sales.ts'
import type { HighlevelWorld } from '../store/world.ts'
import { admit } from './gate.ts'

const url = z.url({ protocol: /^https?$/ })
const Provider = z.strictObject({
  name: z.string().min(1),
  description: z.string().min(1),
  paymentsUrl: url,
  queryUrl: url,
  imageUrl: url,
  supportsSubscriptionSchedule: z.boolean(),
})
const Keys = z.strictObject({ apiKey: z.string().min(1), publishableKey: z.string().min(1) })
const Connect = z.strictObject({ live: Keys, test: Keys })
const Disconnect = z.strictObject({ liveMode: z.boolean() })
const Capabilities = z.strictObject({
  supportsSubscriptionSchedules: z.boolean(),
  locationId: z.string().optional(),
  companyId: z.string().optional(),
})
const WRITE = 'payments/custom-provider.write'
const READ = 'payments/custom-provider.readonly'
const DEFAULT_PAGE = 10
const MAX_PAGE = 100

/** The provider record of a location. `locationId` is a query parameter. */
export function customProviderApi(world: HighlevelWorld) {
  const { store } = world
  return new Hono()
    .post('/provider', async (c) => {
      const locationId = admit(world, c, WRITE)
      return c.json(putProvider(world, locationId, await readJson(c, Provider)))
    })
    .delete('/provider', (c) => {
      const locationId = admit(world, c, WRITE)
      findIntegration(store, locationId)
      store.integrations.delete(locationId)
      return c.json({ success: true })
    })
    .post('/connect', async (c) => {
      const locationId = admit(world, c, WRITE)
      return c.json(connectKeys(world, locationId, await readJson(c, Connect)))
    })
    .get('/connect', (c) => {
      const locationId = admit(world, c, READ)
      return c.json(integrationView(findIntegration(store, locationId)))
    })
    .post('/disconnect', async (c) => {
      const locationId = admit(world, c, WRITE)
      const { liveMode } = await readJson(c, Disconnect)
      return c.json(disconnect(world, locationId, liveMode))
    })
    .put('/capabilities', async (c) => {
      const token = findToken(world, c.req.header('authorization'))
      const asked = await readJson(c, Capabilities)
      if (asked.locationId !== undefined && asked.locationId !== token.locationId)
        throw new HighlevelRefusal(403, 'The token does not have access to this location.')
      const integration = findIntegration(store, asked.locationId ?? token.locationId ?? '')
      integration.supportsSubscriptionSchedule = asked.supportsSubscriptionSchedules
      return c.json({ success: true })
    })
}

/** Transactions, orders and subscriptions of a location, read only. */
export function salesApi(world: HighlevelWorld) {
  const { store } = world
  const about = (c: Context, scope: string) => {
    if (c.req.query('altType') !== 'location')
      throw new HighlevelRefusal(422, 'Unprocessable Entity', ['altType must be location'])
    return admit(world, c, scope)
  }
  return new Hono()
    .get('/transactions', (c) => {
      const locationId = about(c, 'payments/transactions.readonly')
      const found = [...store.transactions.values()].filter(
        (one) => one.locationId === locationId && isWanted(one, c.req.query()),
      )
      const { limit, offset } = c.req.query()
      const from = Number(offset ?? 0)
      const page = found.slice(from, from + Math.min(Number(limit ?? DEFAULT_PAGE), MAX_PAGE))
      return c.json({
        data: page.map((one) => transactionView(world, one)),
        totalCount: found.length,
      })
    })
    .get('/transactions/:id', (c) => {
      const locationId = about(c, 'payments/transactions.readonly')
      return c.json(transactionView(world, findTransaction(world, c.req.param('id'), locationId)))
    })
    .get('/orders/:id', (c) => {
      const locationId = about(c, 'payments/orders.readonly')
      const order = store.orders.get(c.req.param('id'))
      if (order?.locationId !== locationId) throw new HighlevelRefusal(400, 'Order not found')
      return c.json(orderView(world, order))
    })
    .get('/subscriptions/:id', (c) => {
      const locationId = about(c, 'payments/subscriptions.readonly')
      const found = store.subscriptions.get(c.req.param('id'))
      if (found?.locationId !== locationId)
        throw new HighlevelRefusal(400, 'Subscription not found')
      return c.json(subscriptionView(world, found))
    })
}

type Filtered = {
  liveMode: boolean
  createdAt: string
  contactId: string | null
  orderId: string
  subscriptionId: string | null
}

function isWanted(one: Filtered, wanted: Record<string, string>): boolean {
  const { paymentMode, startAt, endAt, contactId, entityId, subscriptionId } = wanted
  const at = Date.parse(one.createdAt)
  if (paymentMode !== undefined && one.liveMode !== (paymentMode === 'live')) return false
  if (startAt !== undefined && at < Date.parse(startAt)) return false
  if (endAt !== undefined && at > Date.parse(endAt)) return false
  if (contactId !== undefined && one.contactId !== contactId) return false
  if (entityId !== undefined && one.orderId !== entityId) return false
  return subscriptionId === undefined || one.subscriptionId === subscriptionId
}

/** Prices of a location's products. */
export function productsApi(world: HighlevelWorld) {
  return new Hono().get('/:product/price/:price', (c) => {
    const locationId = admit(world, c, 'products/prices.readonly')
    const price = world.store.prices.get(c.req.param('price'))
    if (price?.locationId !== locationId || price.product !== c.req.param('product'))
      throw new HighlevelRefusal(400, 'Price not found')
    const { recurring, trialPeriod, totalCycles, setupFee, ...shown } = price
    return c.json({
      ...shown,
      ...(recurring && { recurring }),
      ...(trialPeriod !== null && { trialPeriod }),
      ...(totalCycles !== null && { totalCycles }),
      ...(setupFee !== null && { setupFee }),
    })
  })
}

/** Where providers tell what happened; on another host than the API. */
export function eventsApi(world: HighlevelWorld) {
  return new Hono().post('/', async (c) => {
    if (world.behaviour.eventsNeedToken) findToken(world, c.req.header('authorization'))
    takeEvent(world, await readJson(c, z.unknown()))
    return c.json({ success: true, traceId: crypto.randomUUID() }, 201)
  })
}

async function readJson<T>(c: Context, schema: z.ZodType<T>): Promise<T> {
  const json: unknown = await c.req.json().catch(() => undefined)
  if (json === undefined) throw new HighlevelRefusal(400, 'Unexpected token in JSON')
  const parsed = schema.safeParse(json)
  if (parsed.success) return parsed.data
  throw new HighlevelRefusal(
    422,
    'Unprocessable Entity',
    parsed.error.issues.map(({ path, message }) => `${path.join('.')} ${message}`),
  )
}
