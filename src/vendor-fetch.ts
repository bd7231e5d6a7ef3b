import { readBounded, Unreadable } from './bounded-answer.ts'
import type { Budget, Urgency } from './budget.ts'
import {
  ApiError,
  Later,
  messageOf,
  PermanentError,
  type Service,
  UnreadableAnswer,
  WrongAddress,
} from './errors.ts'
import type { Turn } from './turn.ts'

export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/** A write is waited for longer, because giving it up early leaves its outcome unknown. */
const READ_TIMEOUT_MS = 15_000
const WRITE_TIMEOUT_MS = 25_000

/** Errors of the connection itself: the request has not left this machine. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ConnectionRefused', 'ENOTFOUND', 'FailedToOpenSocket'])
/** Statuses that come without a body, and that a `Response` with one refuses. */
const BODILESS = new Set([204, 205, 304])

/** Both official clients pass what they are given for one request on to the fetch. */
type VendorInit = RequestInit & { turn?: Turn | undefined }

/**
 * The fetch that every client is given: within the budget, with a deadline over head and body, a
 * limit on what is read, no redirect, and errors that say whether the effect is known. A 4xx passes through;
 * the client knows its code.
 */
export function createVendorFetch(options: {
  service: Service
  fetch: Fetch
  budget: Budget
  urgency: Urgency
  stop: AbortSignal
  readTimeoutMs?: number
  /** Hears the status of each answer that the service itself gave. */
  onAnswer?: (method: string, status: number) => void
}): typeof globalThis.fetch {
  const { service, fetch, budget, urgency, stop, onAnswer } = options
  const { readTimeoutMs = READ_TIMEOUT_MS } = options

  async function vendorFetch(input: string | URL | Request, asked: VendorInit = {}) {
    const { turn, ...init } = asked
    const method = init.method ?? (input instanceof Request ? input.method : 'GET')
    const call = `${method} ${pathOf(input)}`
    if (turn) turn.leave()
    else await budget.spend(urgency)

    const deadline = AbortSignal.timeout(method === 'GET' ? readTimeoutMs : WRITE_TIMEOUT_MS)
    const signal = AbortSignal.any(init.signal ? [init.signal, deadline, stop] : [deadline, stop])
    try {
      const response = await fetch(input, {
        ...init,
        signal,
        // A redirected POST goes out again as a GET, or with our body to whoever is named.
        redirect: 'manual',
        // Bun repeats a PUT by itself when a kept-alive connection breaks, and Lago's is not idempotent.
        keepalive: method === 'GET' || method === 'POST',
      })
      await assertFromService({ service, call, url: urlOf(input) }, response)
      onAnswer?.(method, response.status)
      if (response.status === 429) {
        await letGo(response)
        throw new Later(`${service} asked us to slow down`, budget.pause(response.headers))
      }
      if (response.status >= 500) {
        await letGo(response)
        throw unanswered(service, call, response.status)
      }
      // Read here, so that a body that never ends meets the same deadline.
      const body = await readBounded(response, signal)
      const { status, statusText, headers } = response
      return new Response(BODILESS.has(status) ? null : body, { status, statusText, headers })
    } catch (error) {
      if (error instanceof Later || error instanceof ApiError || error instanceof PermanentError)
        throw error
      if (error instanceof Unreadable) {
        throw new UnreadableAnswer({ service, call, why: error.message })
      }
      throw unreachable(service, call, error)
    }
  }
  return vendorFetch as typeof globalThis.fetch
}

const letGo = async ({ body }: Response) => body?.cancel().catch(() => undefined)

type Call = { service: Service; call: string; url: URL }

/** Refuses what is no answer of the service, before anybody takes it for one. */
async function assertFromService({ service, call, url }: Call, response: Response) {
  const { status, headers } = response
  const about = { service, call }
  if (status >= 300 && status < 400) {
    await letGo(response)
    const what = describeRedirect(url, status, headers.get('location'))
    throw new WrongAddress({ ...about, outcome: 'refused', what })
  }
  // All of them speak JSON, also when they do not know a route or an object: a page is somebody else's.
  const isPage = headers.get('content-type')?.startsWith('text/html') === true
  if (isPage && (status < 300 || status === 404)) {
    await letGo(response)
    const what = `leads to a web page (${status}), not to the API of ${service}`
    throw new WrongAddress({ ...about, outcome: status === 404 ? 'refused' : 'unknown', what })
  }
}

const MAX_ADDRESS_LENGTH = 200

/** Where the redirect leads, without its query and credentials, as the setting would have to be written. */
function describeRedirect(asked: URL, status: number, location: string | null): string {
  const target = location === null ? null : URL.parse(location, asked.href)
  if (!target) return `answers ${status}, as no API does`
  const path = target.pathname.replace(/\/+$/, '')
  const route = asked.pathname.replace(/^.*(?=\/api\/v1\/)/, '').replace(/\/+$/, '')
  const isSameRoute = path.endsWith(route)
  const base = isSameRoute ? path.slice(0, path.length - route.length) : path
  const address = `${target.origin}${base}`.slice(0, MAX_ADDRESS_LENGTH)
  return isSameRoute
    ? `redirects to ${address}: set it to that`
    : `redirects to ${address}: set it to the address of the API itself`
}

const unanswered = (service: Service, call: string, status: number) =>
  new ApiError({ service, call, outcome: 'unknown', status })

function unreachable(service: Service, call: string, cause: unknown) {
  const code = (cause as { code?: unknown }).code
  const wasNeverSent = typeof code === 'string' && NEVER_SENT.has(code)
  const outcome = wasNeverSent ? 'refused' : 'unknown'
  return new ApiError({ service, call, outcome, detail: messageOf(cause), cause })
}

const urlOf = (input: string | URL | Request) =>
  new URL(input instanceof Request ? input.url : input)

const pathOf = (input: string | URL | Request): string => urlOf(input).pathname
