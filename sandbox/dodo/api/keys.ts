import type { MiddlewareHandler } from 'hono'

/** A key that may only read: a write is answered 401 without a word, like a key that nobody knows. */
export function allowReading(readOnlyKey: string | undefined, apiKey: string): MiddlewareHandler {
  return async function checkAccess(c, next) {
    const isReader = readOnlyKey && c.req.header('authorization') === `Bearer ${readOnlyKey}`
    if (!isReader) return next()
    if (c.req.method !== 'GET') return c.body(null, 401)
    // It is the same account that it reads.
    const headers = new Headers(c.req.raw.headers)
    headers.set('authorization', `Bearer ${apiKey}`)
    c.req.raw = new Request(c.req.raw, { headers })
    return next()
  }
}
