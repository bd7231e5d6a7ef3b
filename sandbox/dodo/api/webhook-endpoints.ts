import { Hono } from 'hono'
import { WebhookCreate, WebhookUpdate } from '../store/catalog-requests.ts'
import {
  createEndpoint,
  endpointView,
  findEndpoint,
  updateEndpoint,
} from '../store/webhook-endpoints.ts'
import type { DodoWorld } from '../store/world.ts'
import { readBody } from './body.ts'

/** Where events go. Each endpoint has a secret of its own. */
export function webhookEndpoints(world: Pick<DodoWorld, 'store' | 'now'>) {
  const { store } = world

  return new Hono()
    .post('/', async (c) => {
      return c.json(endpointView(createEndpoint(world, await readBody(c.req, WebhookCreate))))
    })
    .get('/', (c) =>
      c.json({ data: [...store.endpoints.values()].map(endpointView), iterator: '', done: true }),
    )
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
