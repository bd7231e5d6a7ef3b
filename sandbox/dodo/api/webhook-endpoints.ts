import type { WebhookDetails } from 'dodopayments/resources/webhooks/webhooks'
import { Hono } from 'hono'
import type { z } from 'zod'
import { readBody } from './body.ts'
import { WebhookCreate, WebhookUpdate } from './catalog-requests.ts'
import { notFound } from '../store/refusal.ts'
import { type DodoStore, type Endpoint, newId } from '../store/store.ts'
import { newWebhookSecret } from './webhooks.ts'
import type { DodoWorld } from '../store/world.ts'

/** Where events go. Each endpoint has a secret of its own. */
export function webhookEndpoints({ store, now }: Pick<DodoWorld, 'store' | 'now'>) {
  return new Hono()
    .post('/', async (c) => {
      const { headers, idempotency_key: _key, ...fields } = await readBody(c.req, WebhookCreate)
      const secret = newWebhookSecret()
      const endpoint = addEndpoint({ store, now }, { url: fields.url, secret })
      Object.assign(endpoint, changesOf(fields), { headers: headers ?? {} })
      return c.json(endpointView(endpoint))
    })
    .get('/', (c) =>
      c.json({ data: [...store.endpoints.values()].map(endpointView), iterator: '', done: true }),
    )
    .get('/:id', (c) => c.json(endpointView(findEndpoint(store, c.req.param('id')))))
    .patch('/:id', async (c) => {
      const endpoint = findEndpoint(store, c.req.param('id'))
      Object.assign(endpoint, changesOf(await readBody(c.req, WebhookUpdate)))
      endpoint.updated_at = now().toISOString()
      return c.json(endpointView(endpoint))
    })
    .delete('/:id', (c) => {
      store.endpoints.delete(findEndpoint(store, c.req.param('id')).id)
      return c.body(null, 204)
    })
    .get('/:id/secret', (c) => c.json({ secret: findEndpoint(store, c.req.param('id')).secret }))
}

/** Registers an endpoint for all events. */
export function addEndpoint(
  { store, now }: Pick<DodoWorld, 'store' | 'now'>,
  { url, secret }: { url: string; secret: string },
): Endpoint {
  const at = now().toISOString()
  const endpoint: Endpoint = {
    id: newId('whk'),
    url,
    secret,
    description: '',
    disabled: false,
    filter_types: null,
    rate_limit: null,
    metadata: {},
    headers: {},
    created_at: at,
    updated_at: at,
  }
  store.endpoints.set(endpoint.id, endpoint)
  return endpoint
}

function findEndpoint(store: DodoStore, endpointId: string): Endpoint {
  const endpoint = store.endpoints.get(endpointId)
  if (!endpoint) throw notFound('webhook', endpointId)
  return endpoint
}

function endpointView({
  secret: _secret,
  headers: _headers,
  ...details
}: Endpoint): WebhookDetails {
  return details
}

/** A field that was not sent stays as it is. */
function changesOf(fields: z.infer<typeof WebhookUpdate>): Partial<WebhookDetails> {
  const sent = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(sent)
}
