import { Hono } from 'hono'
import { WebhookCreate, WebhookUpdate } from '../store/catalog-requests.ts'
import {
  createEndpoint,
  endpointView,
  findEndpoint,
  updateEndpoint,
} from '../store/webhook-endpoints.ts'
import { DEFAULT_MAX_ENDPOINTS, pageOfEndpoints } from '../store/endpoint-limits.ts'
import type { Endpoint } from '../store/store.ts'
import type { DodoWorld } from '../store/world.ts'
import { readBody } from './body.ts'

/** Where events go. Each endpoint has a secret of its own. */
export function webhookEndpoints(
  world: Pick<DodoWorld, 'store' | 'now'>,
  { maxEndpoints = DEFAULT_MAX_ENDPOINTS }: { maxEndpoints?: number | undefined } = {},
) {
  const { store } = world
  /** The only route that takes a key for repeating it, in its body. */
  const made = new Map<string, Endpoint>()

  return new Hono()
    .post('/', async (c) => {
      const body = await readBody(c.req, WebhookCreate)
      const key = body.idempotency_key
      const endpoint =
        (key ? made.get(key) : undefined) ?? createEndpoint(world, body, maxEndpoints)
      if (key) made.set(key, endpoint)
      return c.json(endpointView(endpoint))
    })
    .get('/', (c) => {
      const asked = { iterator: c.req.query('iterator'), limit: c.req.query('limit') }
      const { rows, ...cursor } = pageOfEndpoints(store.endpoints, asked)
      return c.json({ data: rows.map(endpointView), ...cursor })
    })
    .get('/:id', (c) => c.json(endpointView(findEndpoint(store, c.req.param('id')))))
    .patch('/:id', async (c) => {
      const { id } = findEndpoint(store, c.req.param('id'))
      return c.json(endpointView(updateEndpoint(world, id, await readBody(c.req, WebhookUpdate))))
    })
    .delete('/:id', (c) => {
      store.endpoints.delete(findEndpoint(store, c.req.param('id')).id)
      return c.body(null, 204)
    })
    .get('/:id/secret', (c) => c.json({ secret: findEndpoint(store, c.req.param('id')).secret }))
}
