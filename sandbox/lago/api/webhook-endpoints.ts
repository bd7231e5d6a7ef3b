import { Hono } from 'hono'
import type { WebhookEndpoint } from '../store/records.ts'
import type { LagoWorld } from '../store/store.ts'
import {
  createEndpoint,
  deleteEndpoint,
  getEndpoint,
  showEndpoint,
  updateEndpoint,
} from '../store/webhook-endpoints.ts'
import { answer, readRoot } from './answer.ts'
import { paginate, readQuery } from './query.ts'

const ROOT = 'webhook_endpoint'

/** `/webhook_endpoints`. */
export function lagoWebhookEndpoints(world: LagoWorld) {
  const shown = (endpoint: WebhookEndpoint) =>
    answer({ webhook_endpoint: showEndpoint(world, endpoint) })

  return new Hono()
    .get('/', (c) => {
      const endpoints = world.store.webhookEndpoints.toReversed()
      const { rows, meta } = paginate(readQuery(c.req.url), endpoints)
      return answer({ webhook_endpoints: rows.map((row) => showEndpoint(world, row)), meta })
    })
    .post('/', async (c) => shown(createEndpoint(world, await readRoot(c, ROOT))))
    .get('/:id', (c) => shown(getEndpoint(world, c.req.param('id'))))
    .put('/:id', async (c) => {
      return shown(updateEndpoint(world, c.req.param('id'), await readRoot(c, ROOT)))
    })
    .delete('/:id', (c) => shown(deleteEndpoint(world, c.req.param('id'))))
}
