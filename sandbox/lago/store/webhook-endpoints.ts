import type { WebhookEndpointObject } from 'lago-javascript-client'
import { EVENT_TYPES } from './event-types.ts'
import { crash, invalid, notFound } from './refusal.ts'
import type { Sent } from './shapes.ts'
import type { SignatureAlgorithm, WebhookEndpoint } from './records.ts'
import { timestamp, type LagoWorld } from './store.ts'

const MAX_ENDPOINTS = 10

/** Registers an endpoint; an organisation has ten at most, each with a URL of its own. */
export function createEndpoint(world: LagoWorld, input: Record<string, unknown>): WebhookEndpoint {
  const { webhookEndpoints: endpoints } = world.store
  const isFiltering = knowsFilters(world)
  if (endpoints.length >= MAX_ENDPOINTS) {
    throw invalid({ base: ['Maximum number of webhook endpoints was reached'] })
  }
  const endpoint: WebhookEndpoint = {
    lago_id: crypto.randomUUID(),
    webhook_url: readUrl(input['webhook_url'], endpoints),
    signature_algo: readAlgorithm(input['signature_algo'] ?? 'jwt'),
    name: isFiltering ? readName(input['name']) : null,
    event_types: isFiltering ? readEventTypes(input['event_types']) : null,
    created_at: timestamp(world.now()),
  }
  endpoints.push(endpoint)
  return endpoint
}

/** Changes what is given of it. */
export function updateEndpoint(
  world: LagoWorld,
  lagoId: string,
  input: Record<string, unknown>,
): WebhookEndpoint {
  const endpoint = getEndpoint(world, lagoId)
  const others = world.store.webhookEndpoints.filter((other) => other !== endpoint)
  const { webhook_url: url, signature_algo: algorithm } = input
  const isFiltering = knowsFilters(world)
  const changes = {
    ...(url !== undefined && { webhook_url: readUrl(url, others) }),
    ...(algorithm !== undefined && { signature_algo: readAlgorithm(algorithm) }),
    ...(isFiltering && 'name' in input && { name: readName(input['name']) }),
    ...(isFiltering &&
      'event_types' in input && { event_types: readEventTypes(input['event_types']) }),
  }
  return Object.assign(endpoint, changes)
}

/** Before 1.44 an endpoint has neither a name nor a filter, and what is said of them is ignored. */
const knowsFilters = ({ since }: LagoWorld) => since('1.44.0')

/** Nothing more is announced to it. */
export function deleteEndpoint(world: LagoWorld, lagoId: string): WebhookEndpoint {
  const { webhookEndpoints: endpoints } = world.store
  const endpoint = getEndpoint(world, lagoId)
  endpoints.splice(endpoints.indexOf(endpoint), 1)
  return endpoint
}

/** The endpoint, or Lago's 404. */
export function getEndpoint(world: LagoWorld, lagoId: string): WebhookEndpoint {
  const { webhookEndpoints: endpoints } = world.store
  const endpoint = endpoints.find(({ lago_id }) => lago_id === lagoId)
  if (!endpoint) throw notFound('webhook_endpoint')
  return endpoint
}

/** An endpoint as the API shows it. */
export function showEndpoint(world: LagoWorld, endpoint: WebhookEndpoint) {
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
