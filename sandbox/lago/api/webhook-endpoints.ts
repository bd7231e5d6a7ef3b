import { Hono } from 'hono'
import type { WebhookEndpointObject } from 'lago-javascript-client'
import { answer, readRoot } from './answer.ts'
import { EVENT_TYPES } from './event-types.ts'
import { paginate, readQuery } from './query.ts'
import { crash, invalid, notFound } from '../store/refusal.ts'
import type { Sent } from '../store/shapes.ts'
import type { SignatureAlgorithm } from './signature.ts'
import { timestamp, type LagoWorld, type WebhookEndpoint } from '../store/store.ts'

const ROOT = 'webhook_endpoint'
const MAX_ENDPOINTS = 10

/** `/webhook_endpoints`. */
export function lagoWebhookEndpoints(world: LagoWorld) {
  const { webhookEndpoints: endpoints } = world.store
  const shown = (endpoint: WebhookEndpoint) =>
    answer({ webhook_endpoint: showEndpoint(world, endpoint) })

  return new Hono()
    .get('/', (c) => {
      const { rows, meta } = paginate(readQuery(c.req.url), endpoints.toReversed())
      return answer({ webhook_endpoints: rows.map((row) => showEndpoint(world, row)), meta })
    })
    .post('/', async (c) => {
      const input = await readRoot(c, ROOT)
      if (endpoints.length >= MAX_ENDPOINTS) {
        throw invalid({ base: ['Maximum number of webhook endpoints was reached'] })
      }
      const endpoint: WebhookEndpoint = {
        lago_id: crypto.randomUUID(),
        webhook_url: readUrl(input['webhook_url'], endpoints),
        signature_algo: readAlgorithm(input['signature_algo'] ?? 'jwt'),
        name: readName(input['name']),
        event_types: readEventTypes(input['event_types']),
        created_at: timestamp(world.now()),
      }
      endpoints.push(endpoint)
      return shown(endpoint)
    })
    .get('/:id', (c) => shown(getEndpoint(endpoints, c.req.param('id'))))
    .put('/:id', async (c) => {
      const input = await readRoot(c, ROOT)
      const endpoint = getEndpoint(endpoints, c.req.param('id'))
      const others = endpoints.filter((other) => other !== endpoint)
      const { webhook_url: url, signature_algo: algorithm } = input
      const changes = {
        ...(url !== undefined && { webhook_url: readUrl(url, others) }),
        ...(algorithm !== undefined && { signature_algo: readAlgorithm(algorithm) }),
        ...('name' in input && { name: readName(input['name']) }),
        ...('event_types' in input && { event_types: readEventTypes(input['event_types']) }),
      }
      return shown(Object.assign(endpoint, changes))
    })
    .delete('/:id', (c) => {
      const endpoint = getEndpoint(endpoints, c.req.param('id'))
      endpoints.splice(endpoints.indexOf(endpoint), 1)
      return shown(endpoint)
    })
}

function getEndpoint(endpoints: readonly WebhookEndpoint[], lagoId: string): WebhookEndpoint {
  const endpoint = endpoints.find(({ lago_id }) => lago_id === lagoId)
  if (!endpoint) throw notFound('webhook_endpoint')
  return endpoint
}

function showEndpoint(world: LagoWorld, endpoint: WebhookEndpoint) {
  return {
    ...endpoint,
    lago_organization_id: world.organizationId,
  } satisfies Sent<WebhookEndpointObject>
}

function readUrl(value: unknown, others: readonly WebhookEndpoint[]): string {
  const url = typeof value === 'string' ? URL.parse(value) : null
  if (typeof value !== 'string' || !url || !/^https?:$/.test(url.protocol)) {
    throw invalid({ webhook_url: ['url_is_invalid'] })
  }
  const isTaken = others.some(({ webhook_url }) => webhook_url === value)
  if (isTaken) throw invalid({ webhook_url: ['value_already_exist'] })
  return value
}

/** An algorithm Lago does not know raises inside it. */
function readAlgorithm(value: unknown): SignatureAlgorithm {
  if (value === 'hmac' || value === 'jwt') return value
  throw crash()
}

function readName(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function readEventTypes(value: unknown): string[] | null {
  if (value === undefined || value === null) return null
  if (!Array.isArray(value)) throw invalid({ event_types: ['must_be_array'] })

  const names = [...new Set(value.map((name) => String(name).trim().toLowerCase()))]
  if (names.length === 1 && names[0] === '*') return null
  const unknown = names.filter((name) => !EVENT_TYPES.has(name))
  if (unknown.length > 0) {
    throw invalid({ event_types: [`contains invalid types: ${JSON.stringify(unknown)}`] })
  }
  return names
}
