import { Webhook } from 'standardwebhooks'
import { createCourier } from '../../kit/courier.ts'
import { BUSINESS_ID, type DodoStore, type Endpoint, newId } from '../store/store.ts'
import type { Emit } from '../store/world.ts'
import type { Fetch } from '../../kit/in-process.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** Dodo's schedule: eight attempts, the last some 27 hours after the first. */
const DODO_RETRY_DELAYS_MS: readonly number[] = [
  5 * SECOND_MS,
  5 * MINUTE_MS,
  30 * MINUTE_MS,
  2 * HOUR_MS,
  5 * HOUR_MS,
  10 * HOUR_MS,
  10 * HOUR_MS,
]
const TIMEOUT_MS = 15 * SECOND_MS

/** Signs events as Standard Webhooks asks and sends them to every endpoint that wants them. */
export function createDodoWebhooks(options: {
  store: DodoStore
  fetch: Fetch
  now: () => Date
  retryDelaysMs?: readonly number[]
}) {
  const { store, fetch, now, retryDelaysMs = DODO_RETRY_DELAYS_MS } = options
  const courier = createCourier({ fetch, retryDelaysMs, timeoutMs: TIMEOUT_MS, isSuccess, now })

  const emit: Emit = (type, payloadType, read) => {
    const messageId = newId('msg')
    const timestamp = now().toISOString()
    const body = () => {
      const data = { payload_type: payloadType, ...read() }
      return JSON.stringify({ business_id: BUSINESS_ID, type, timestamp, data })
    }
    for (const endpoint of store.endpoints.values()) {
      if (!wants(endpoint, type)) continue
      const headers = (text: string) => ({
        ...endpoint.headers,
        'content-type': 'application/json',
        ...signatureHeaders(endpoint.secret, { messageId, sentAt: new Date(), body: text }),
      })
      courier.send({ url: endpoint.url, type, headers, body })
    }
  }

  return { courier, emit }
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300
}

function wants(endpoint: Endpoint, type: string): boolean {
  if (endpoint.disabled) return false
  return !endpoint.filter_types || endpoint.filter_types.includes(type)
}

/** The three headers of Standard Webhooks for one attempt at one message. */
export function signatureHeaders(
  secret: string,
  message: { messageId: string; sentAt: Date; body: string },
): Record<string, string> {
  const { messageId, sentAt, body } = message
  return {
    'webhook-id': messageId,
    'webhook-timestamp': String(Math.floor(sentAt.getTime() / SECOND_MS)),
    'webhook-signature': new Webhook(secret).sign(messageId, sentAt, body),
  }
}
