import type { Context, MiddlewareHandler } from 'hono'
import { HighlevelRefusal } from '../store/refusal.ts'
import { findToken } from '../store/oauth.ts'
import type { HighlevelWorld } from '../store/world.ts'

const VERSION = '2021-07-28'
const WINDOW_MS = 10_000

export type RateLimit = { perTenSeconds: number; perDay: number }

/** What the real one allows, for each app and location. */
export const RATE_LIMIT: RateLimit = { perTenSeconds: 100, perDay: 200_000 }

/** Only calls of the generation that is played, told apart by a header. */
export const requireVersion: MiddlewareHandler = async (c, next) => {
  if (c.req.header('version') !== VERSION)
    throw new HighlevelRefusal(401, 'version header was not found.')
  await next()
}

/** The location that the call is about, if its token is of that location and has the scope. */
export function admit(world: HighlevelWorld, c: Context, scope: string): string {
  const token = findToken(world, c.req.header('authorization'))
  if (!world.app.scopes.includes(scope))
    throw new HighlevelRefusal(401, 'The token is not authorized for this scope.')
  const locationId = c.req.query('locationId') ?? c.req.query('altId')
  if (locationId === undefined || locationId === '')
    throw new HighlevelRefusal(422, 'Unprocessable Entity', ['locationId should not be empty'])
  if (token.kind !== 'Location' || token.locationId !== locationId)
    throw new HighlevelRefusal(403, 'The token does not have access to this location.')
  return locationId
}

/** Counts calls by location; what is over the limit is refused, not done. */
export function limitRate(limit: RateLimit, world: HighlevelWorld): MiddlewareHandler {
  const calls = new Map<string, number[]>()

  return async function countCalls(c, next) {
    const at = world.now().getTime()
    const key = world.store.tokens.get(c.req.header('authorization')?.slice('Bearer '.length) ?? '')
    const name = key?.locationId ?? key?.companyId ?? ''
    const lately = (calls.get(name) ?? []).filter((before) => at - before < WINDOW_MS)
    const left = limit.perTenSeconds - lately.length
    c.header('X-RateLimit-Max', String(limit.perTenSeconds))
    c.header('X-RateLimit-Remaining', String(Math.max(0, left - 1)))
    c.header('X-RateLimit-Interval-Milliseconds', String(WINDOW_MS))
    c.header('X-RateLimit-Limit-Daily', String(limit.perDay))
    if (left <= 0) throw new HighlevelRefusal(429, 'Too Many Requests')
    calls.set(name, [...lately, at])
    await next()
  }
}
