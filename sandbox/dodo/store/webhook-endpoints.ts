import { randomBytes } from 'node:crypto'
import type { WebhookDetails } from 'dodopayments/resources/webhooks/webhooks'
import type { z } from 'zod'
import type { WebhookCreate, WebhookUpdate } from './catalog-requests.ts'
import { assertRoom } from './endpoint-limits.ts'
import { notFound } from './refusal.ts'
import { type DodoStore, type Endpoint, newId } from './store.ts'
import type { DodoWorld } from './world.ts'

/** An endpoint as it was asked for, with a secret of its own. */
export function createEndpoint(
  world: Pick<DodoWorld, 'store' | 'now'>,
  { headers, idempotency_key: _key, ...fields }: z.infer<typeof WebhookCreate>,
  maxEndpoints: number,
): Endpoint {
  assertRoom(world.store.endpoints, maxEndpoints)
  const endpoint = addEndpoint(world, { url: fields.url, secret: newWebhookSecret() })
  return Object.assign(endpoint, changesOf(fields), { headers: headers ?? {} })
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

/** The endpoint, or Dodo's 404. */
export function findEndpoint(store: DodoStore, endpointId: string): Endpoint {
  const endpoint = store.endpoints.get(endpointId)
  if (!endpoint) throw notFound('webhook', endpointId)
  return endpoint
}

/** An endpoint as the API shows it. */
export function endpointView({
  secret: _secret,
  headers: _headers,
  ...details
}: Endpoint): WebhookDetails {
  return details
}

/** Changes what was sent of it. */
export function updateEndpoint(
  { store, now }: Pick<DodoWorld, 'store' | 'now'>,
  endpointId: string,
  fields: z.infer<typeof WebhookUpdate>,
): Endpoint {
  const endpoint = findEndpoint(store, endpointId)
  return Object.assign(endpoint, changesOf(fields), { updated_at: now().toISOString() })
}

/** A field that was not sent stays as it is. */
function changesOf(fields: z.infer<typeof WebhookUpdate>): Partial<WebhookDetails> {
  const sent = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(sent)
}

/** A secret as Dodo's dashboard shows it. */
function newWebhookSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`
}
