import { createHash, timingSafeEqual } from 'node:crypto'

import type { MiddlewareHandler } from 'hono'

/** Lets only the bearer of the admin token in. Without a token configured there is nothing here at all. */
export function adminOnly(adminToken: string | undefined): MiddlewareHandler {
  return async function admin(c, next) {
    if (!adminToken) return c.notFound()
    const [scheme, given] = (c.req.header('authorization') ?? '').split(' ')
    if (scheme?.toLowerCase() !== 'bearer' || !given || !isSame(given, adminToken)) {
      return c.json({ error: 'send Authorization: Bearer <ADMIN_TOKEN>' }, 401)
    }
    return next()
  }
}

const digest = (text: string) => createHash('sha256').update(text).digest()
const isSame = (given: string, expected: string) => timingSafeEqual(digest(given), digest(expected))
