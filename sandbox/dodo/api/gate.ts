import type { MiddlewareHandler } from 'hono'
import { DodoRefusal } from '../store/refusal.ts'

export type RateLimit = { perSecond: number; perMinute: number }

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS

/** Only the holder of the key gets in. */
export function requireKey(apiKey: string): MiddlewareHandler {
  return async function authenticate(c, next) {
    if (c.req.header('authorization') !== `Bearer ${apiKey}`)
      throw new DodoRefusal(401, 'UNAUTHORIZED', 'missing or unknown API key')
    await next()
  }
}

/** Counts requests by second and by minute; what is over the limit is refused, not done. */
export function limitRate(limit: RateLimit, now: () => Date): MiddlewareHandler {
  let admitted: number[] = []

  return async function countRequests(c, next) {
    const at = now().getTime()
    admitted = admitted.filter((before) => at - before < MINUTE_MS)
    const lastSecond = admitted.filter((before) => at - before < SECOND_MS)
    const overMinute = admitted.length >= limit.perMinute
    const overSecond = lastSecond.length >= limit.perSecond
    const [oldest = at] = overMinute ? admitted : lastSecond
    const freeAt = oldest + (overMinute ? MINUTE_MS : SECOND_MS)

    const left = Math.min(limit.perMinute - admitted.length, limit.perSecond - lastSecond.length)
    c.header('x-ratelimit-limit', String(limit.perMinute))
    c.header('x-ratelimit-remaining', String(Math.max(0, left - 1)))
    // Dodo does not document the unit; seconds until more is allowed is the common reading.
    c.header('x-ratelimit-reset', String(Math.max(1, Math.ceil((freeAt - at) / SECOND_MS))))
    if (overMinute || overSecond)
      return c.json({ code: 'TOO_MANY_REQUESTS', message: 'rate limit exceeded' }, 429)

    admitted.push(at)
    return next()
  }
}

type Answer = { status: number; body: string }
type Remembered = { body: string; answer: Promise<Answer> }

/** A Dodo that honours `Idempotency-Key`, which the real one does not promise to. */
export function rememberKeys(): MiddlewareHandler {
  const remembered = new Map<string, Remembered>()

  return async function repeatAnswer(c, next) {
    const header = c.req.header('idempotency-key')
    if (c.req.method !== 'POST' || !header) return next()

    const key = `${c.req.path} ${header}`
    // Hono keeps the text, so that the handler can still read it.
    const body = await c.req.text()
    const first = remembered.get(key)
    if (first && first.body !== body)
      return c.json({ code: 'IDEMPOTENCY_KEY_REUSED', message: 'same key, different body' }, 409)
    if (first) return repeat(await first.answer)

    const answer = Promise.withResolvers<Answer>()
    remembered.set(key, { body, answer: answer.promise })
    await next()
    answer.resolve({ status: c.res.status, body: await c.res.clone().text() })
    if (!c.res.ok) remembered.delete(key)
    return undefined
  }
}

function repeat({ status, body }: Answer): Response {
  return new Response(body, { status, headers: { 'content-type': 'application/json' } })
}
