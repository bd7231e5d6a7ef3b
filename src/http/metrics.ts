import type { Handler, MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'

import type { Receive } from '../inbox/receive.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { sourceAt, type Source } from '../webhook-sources.ts'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
/** What an answer to a webhook says of it, where it does not say that it was stored. */
const RESULTS: Readonly<Record<number, string>> = {
  400: 'malformed',
  401: 'refused',
  413: 'too_large',
  503: 'unavailable',
}

/** Everything that is measured, as text for Prometheus. */
export const metricsOf =
  ({ expose }: Pick<Metrics, 'expose'>): Handler =>
  async (c) => {
    const { type, text } = await expose(c.req.header('accept'))
    return c.body(text, 200, { 'Content-Type': type })
  }

/** Measures each request by the pattern of its route: an address may hold a token, and strangers write many. */
export function meterRoutes({ http }: Pick<Metrics, 'http'>): MiddlewareHandler {
  return async function meter(c, next) {
    const startedMs = performance.now()
    await next()
    const last = routePath(c, -1)
    const route = last === '' || last.endsWith('*') ? 'none' : last
    const method = METHODS.includes(c.req.method) ? c.req.method : 'other'
    const labels = { route, method, status: String(c.res.status) }
    http.observe(labels, (performance.now() - startedMs) / 1_000)
  }
}

/** Counts the webhooks that were not stored, by why. */
export function countDeliveries({
  deliveries,
  signals,
}: Pick<Metrics, 'deliveries' | 'signals'>): MiddlewareHandler {
  return async function count(c, next) {
    await next()
    const source = sourceAt(c.req.path)
    const result = RESULTS[c.res.status]
    if (!source || !result || c.req.method !== 'POST') return
    deliveries.inc({ source, result })
    if (result === 'refused') signals.hearRefused(source)
  }
}

/** The same inbox, that counts what it stores and how long that takes. */
export function meterReceive(
  { deliveries, commit }: Pick<Metrics, 'deliveries' | 'commit'>,
  receive: Receive,
): Receive {
  const metered =
    <Given extends [{ source: Source }, ...unknown[]]>(
      store: (...given: Given) => Promise<{ duplicate: boolean }>,
    ) =>
    async (...given: Given) => {
      const [{ source }] = given
      const startedMs = performance.now()
      const received = await store(...given)
      commit.observe({ source }, (performance.now() - startedMs) / 1_000)
      deliveries.inc({ source, result: received.duplicate ? 'duplicate' : 'stored' })
      return received
    }
  return Object.assign(metered(receive), { big: metered(receive.big) })
}
