import type { Budget, Urgency } from './budget.ts'
import { ApiError, Later, messageOf } from './errors.ts'
import type { Turn } from './turn.ts'

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** A write is waited for longer, because giving it up early leaves its outcome unknown. */
const READ_TIMEOUT_MS = 15_000
const WRITE_TIMEOUT_MS = 25_000

/** Errors of the connection itself: the request has not left this machine. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ConnectionRefused', 'ENOTFOUND', 'FailedToOpenSocket'])

type Service = 'Lago' | 'Dodo'
/** Both official clients pass what they are given for one request on to the fetch. */
type VendorInit = RequestInit & { turn?: Turn | undefined }

/**
 * The fetch that both official clients are given: within the budget, with a deadline over head and body,
 * and with errors that say whether the effect is known. A 4xx passes through; the client knows its code.
 */
export function createVendorFetch(options: {
  service: Service
  fetch: Fetch
  budget: Budget
  urgency: Urgency
  stop: AbortSignal
}): typeof globalThis.fetch {
  const { service, fetch, budget, urgency, stop } = options

  async function vendorFetch(input: string | URL | Request, options: VendorInit = {}) {
    const { turn, ...init } = options
    const method = init.method ?? (input instanceof Request ? input.method : 'GET')
    const call = `${method} ${pathOf(input)}`
    if (turn) turn.leave()
    else await budget.spend(urgency)

    const deadline = AbortSignal.timeout(method === 'GET' ? READ_TIMEOUT_MS : WRITE_TIMEOUT_MS)
    const signals = init.signal ? [init.signal, deadline, stop] : [deadline, stop]
    try {
      const response = await fetch(input, {
        ...init,
        signal: AbortSignal.any(signals),
        // Bun repeats a PUT by itself when a kept-alive connection breaks, and Lago's is not idempotent.
        keepalive: method === 'GET' || method === 'POST',
      })
      if (response.status === 429) {
        throw new Later(`${service} asked us to slow down`, budget.pause(response.headers))
      }
      // Read here, so that a body that never ends meets the same deadline.
      const body = await response.arrayBuffer()
      if (response.status >= 500) throw unanswered(service, call, response.status)
      const { status, statusText, headers } = response
      return new Response(status === 204 ? null : body, { status, statusText, headers })
    } catch (error) {
      if (error instanceof Later || error instanceof ApiError) throw error
      throw unreachable(service, call, error)
    }
  }
  return vendorFetch as typeof globalThis.fetch
}

const unanswered = (service: Service, call: string, status: number) =>
  new ApiError({ service, call, outcome: 'unknown', status })

function unreachable(service: Service, call: string, cause: unknown) {
  const code = (cause as { code?: unknown }).code
  const wasNeverSent = typeof code === 'string' && NEVER_SENT.has(code)
  const outcome = wasNeverSent ? 'refused' : 'unknown'
  return new ApiError({ service, call, outcome, detail: messageOf(cause), cause })
}

function pathOf(input: string | URL | Request): string {
  const url = new URL(input instanceof Request ? input.url : input)
  return url.pathname
}
