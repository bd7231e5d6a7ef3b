import { z } from 'zod'

import { ApiError, type Outcome } from '../errors.ts'
import { Integration, Order, Price, Subscription, Transaction } from './objects.ts'

export const VERSION = '2021-07-28'

const Done = z.looseObject({ success: z.boolean().optional() })
const Problem = z.looseObject({
  message: z.union([z.string(), z.array(z.string())]).optional(),
})

/** What of a provider is ours to say. */
export type ProviderRecord = {
  name: string
  description: string
  paymentsUrl: string
  queryUrl: string
  imageUrl: string
  supportsSubscriptionSchedule: boolean
}
type Keys = { apiKey: string; publishableKey: string }

export type Highlevel = ReturnType<typeof createHighlevel>

/**
 * One location of HighLevel (its OpenAPI `payments.json`, version 2021-07-28). The fetch is that of a vendor: with
 * a deadline, a bound on answers, no redirect. `readToken` gives the location's access token. Every method throws
 * `ApiError`; a 401 is the caller's to answer with a new token.
 */
export function createHighlevel(options: {
  url: string
  locationId: string
  readToken: () => Promise<string>
  fetch: typeof globalThis.fetch
}) {
  const { url, locationId, readToken, fetch } = options

  async function call<Shape extends z.ZodType>(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    { shape, query, body }: { shape: Shape; query: Record<string, string>; body?: unknown },
  ): Promise<z.infer<Shape>> {
    const response = await fetch(`${url}${path}?${new URLSearchParams(query).toString()}`, {
      method,
      headers: {
        Authorization: `Bearer ${await readToken()}`,
        Version: VERSION,
        Accept: 'application/json',
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return readAnswer(`${method} ${path}`, response, shape)
  }

  const about = { altId: locationId, altType: 'location' }
  const at = { locationId }
  const provider = '/payments/custom-provider'

  return {
    /** What a location's transaction says of itself. An id that HighLevel does not know is undefined. */
    findTransaction: (id: string): Promise<Transaction | undefined> =>
      orUndefined(
        call('GET', `/payments/transactions/${encodeURIComponent(id)}`, {
          shape: Transaction,
          query: about,
        }),
      ),
    /** The same of an order, for a transaction that cannot be read before it is paid. */
    findOrder: (id: string): Promise<Order | undefined> =>
      orUndefined(
        call('GET', `/payments/orders/${encodeURIComponent(id)}`, { shape: Order, query: about }),
      ),
    findSubscription: (id: string) =>
      orUndefined(
        call('GET', `/payments/subscriptions/${encodeURIComponent(id)}`, {
          shape: Subscription,
          query: about,
        }),
      ),
    findPrice: (productId: string, priceId: string) =>
      orUndefined(
        call(
          'GET',
          `/products/${encodeURIComponent(productId)}/price/${encodeURIComponent(priceId)}`,
          { shape: Price, query: at },
        ),
      ),
    /** One page of a location's transactions, and how many there are in all. */
    listTransactions: (page: { offset: number; limit: number; startAt?: string; endAt?: string }) =>
      call('GET', '/payments/transactions', {
        shape: z.looseObject({
          data: z.array(Transaction),
          totalCount: z.coerce.number().optional(),
        }),
        query: {
          ...about,
          ...Object.fromEntries(Object.entries(page).map(([name, value]) => [name, String(value)])),
        },
      }),
    /** The provider record; undefined when there is none. */
    findProvider: (): Promise<Integration | undefined> =>
      orUndefined(call('GET', `${provider}/connect`, { shape: Integration, query: at })),
    createProvider: (record: ProviderRecord): Promise<Integration> =>
      call('POST', `${provider}/provider`, { shape: Integration, query: at, body: record }),
    /** Both modes at once, as the schema wants it; a mode that is not served is disconnected afterwards. */
    connect: (keys: { live: Keys; test: Keys }): Promise<Integration> =>
      call('POST', `${provider}/connect`, { shape: Integration, query: at, body: keys }),
    disconnect: (mode: 'test' | 'live') =>
      call('POST', `${provider}/disconnect`, {
        shape: Done,
        query: at,
        body: { liveMode: mode === 'live' },
      }),
    deleteProvider: () => call('DELETE', `${provider}/provider`, { shape: Done, query: at }),
  }
}

/**
 * Tells HighLevel what happened, at an address of its own and without a token. A 2xx means received; whether it
 * was applied, the transaction tells.
 */
export async function tellHighlevel(
  { url, fetch }: { url: string; fetch: typeof globalThis.fetch },
  event: { event: string; locationId: string; apiKey: string } & Record<string, unknown>,
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
    body: JSON.stringify(event),
  })
  await readAnswer(`tell ${event.event}`, response, z.unknown())
}

/** An answer of HighLevel, or the `ApiError` that it is. Any 2xx will do. */
export async function readAnswer<Shape extends z.ZodType>(
  what: string,
  response: Response,
  shape: Shape,
): Promise<z.infer<Shape>> {
  const { status, ok } = response
  const json: unknown = await response.json().catch(() => undefined)
  const fail = (outcome: Outcome, detail: string | undefined) =>
    new ApiError({ service: 'HighLevel', call: what, outcome, status, detail })
  if (!ok) {
    const { message } = Problem.safeParse(json).data ?? {}
    const detail = Array.isArray(message) ? message.join('; ') : message
    throw fail(status === 408 ? 'unknown' : 'refused', detail)
  }
  const parsed = shape.safeParse(json)
  if (parsed.success) return parsed.data
  throw fail('unknown', `unreadable: ${z.prettifyError(parsed.error)}`)
}

/** HighLevel says 400 of an id that it does not know, and of whatever else is wrong with a read. */
async function orUndefined<Value>(found: Promise<Value>): Promise<Value | undefined> {
  try {
    return await found
  } catch (error) {
    const isMissing = error instanceof ApiError && (error.status === 400 || error.status === 404)
    if (isMissing && error.outcome === 'refused') return undefined
    throw error
  }
}
