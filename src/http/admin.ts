import { createHash, timingSafeEqual } from 'node:crypto'

import type { MiddlewareHandler } from 'hono'

import type { Guesses } from './guesses.ts'
import type { SampledLog } from './sampled-log.ts'
import { sourceOf } from './source.ts'

/**
 * Lets only the bearer of the admin token in. Without a token configured there is nothing here at all. Guessing
 * is slowed after a few failures, and logged.
 */
export function adminOnly(
  adminToken: string | undefined,
  { guesses, say }: { guesses: Guesses; say: SampledLog },
): MiddlewareHandler {
  return async function admin(c, next) {
    if (!adminToken) return c.notFound()
    const source = sourceOf(c)
    if (!guesses.mayTry(source)) {
      c.header('Retry-After', '1')
      return c.json({ error: 'too many wrong tokens' }, 429)
    }
    const [scheme, given] = (c.req.header('authorization') ?? '').split(' ')
    const isRight = given !== undefined && isSame(given, adminToken)
    if (scheme?.toLowerCase() === 'bearer' && isRight) {
      guesses.succeeded(source)
      return holdsNul(c.req.path) ? c.notFound() : next()
    }
    if (given !== undefined && (await guesses.failed(source))) {
      say('warn', { source }, 'somebody guesses ADMIN_TOKEN')
    }
    c.header('WWW-Authenticate', 'Bearer')
    return c.json({ error: 'send Authorization: Bearer <ADMIN_TOKEN>' }, 401)
  }
}

/** No id that the database holds has one. */
const holdsNul = (path: string) => path.includes('\0') || path.includes('%00')

const digest = (text: string) => createHash('sha256').update(text).digest()
const isSame = (given: string, expected: string) => timingSafeEqual(digest(given), digest(expected))
