import { createHash, timingSafeEqual } from 'node:crypto'

import type { MiddlewareHandler } from 'hono'

import type { Guesses } from './guesses.ts'
import type { SampledLog } from './sampled-log.ts'
import { sourceOf } from './source.ts'
import { queryOf } from './query-of.ts'

/** `admin` may look and act, `viewer` may look. */
type Role = 'admin' | 'viewer'
/** What a handler behind the door knows of who is there. */
export type Visit = { Variables: { role: Role } }

const LOOKING = ['GET', 'HEAD']

/**
 * Lets only the bearer of the admin token in, and the one of the viewer's token as far as looking goes. Without an
 * admin token configured there is nothing here at all. Guessing is slowed after a few failures, and logged.
 */
export function adminOnly(
  adminToken: string | undefined,
  {
    guesses,
    say,
    viewerToken,
  }: { guesses: Guesses; say: SampledLog; viewerToken?: string | undefined },
): MiddlewareHandler<Visit> {
  return async function admin(c, next) {
    if (!adminToken) return c.notFound()
    const source = sourceOf(c)
    if (!guesses.mayTry(source)) {
      c.header('Retry-After', '1')
      return c.json({ error: 'too many wrong tokens' }, 429)
    }
    const [scheme, given] = (c.req.header('authorization') ?? '').split(' ')
    const role = given === undefined ? undefined : roleOf(given, { adminToken, viewerToken })
    if (scheme?.toLowerCase() === 'bearer' && role) {
      guesses.succeeded(source)
      if (role === 'viewer' && !LOOKING.includes(c.req.method))
        return c.json({ error: 'VIEWER_TOKEN may only look' }, 403)
      c.set('role', role)
      if (holdsNul(c.req.path)) return c.notFound()
      if (holdsNul(queryOf(c.req))) return c.json({ error: 'no value has a NUL' }, 400)
      return next()
    }
    if (given !== undefined && (await guesses.failed(source))) {
      say('warn', { source }, 'somebody guesses ADMIN_TOKEN')
    }
    c.header('WWW-Authenticate', 'Bearer')
    return c.json({ error: 'send Authorization: Bearer <ADMIN_TOKEN>' }, 401)
  }
}

function roleOf(
  given: string,
  { adminToken, viewerToken }: { adminToken: string; viewerToken: string | undefined },
): Role | undefined {
  // Both are compared, so that how long it takes tells nothing.
  const [isAdmin, isViewer] = [isSame(given, adminToken), isSame(given, viewerToken ?? adminToken)]
  if (isAdmin) return 'admin'
  return isViewer ? 'viewer' : undefined
}

/** No text that the database holds has one. */
export const holdsNul = (address: string) => address.includes('\0') || address.includes('%00')

const digest = (text: string) => createHash('sha256').update(text).digest()
const isSame = (given: string, expected: string) => timingSafeEqual(digest(given), digest(expected))
