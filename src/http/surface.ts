import type { Context, MiddlewareHandler } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { getPath } from 'hono/utils/url'

import type { Notice } from '../customer/texts/texts.ts'
import { renderNotice } from './customer/notice.tsx'
import { CUSTOMER_POLICY } from './customer/policy.ts'
import type { Around } from './customer/surroundings.ts'
import { isFramed } from './highlevel/frame.tsx'
import { isSettings } from './highlevel/settings-page.tsx'
import { DESCRIBED } from './api/describe.ts'
import { DASHBOARD_POLICY, isOfDashboard } from './dashboard/policy.ts'
import { RETRY_AFTER_SECONDS } from './refusal.ts'
import type { SampledLog } from './sampled-log.ts'

/** What programs talk to, and so is answered in JSON; everything else is what a customer may have mistyped. */
const OF_PROGRAMS = /^\/(?:webhooks?|api|health|ready|metrics|dashboard)(?:\/|$)/
const MAX_LOGGED_PATH = 100

/** What is where, and by which methods. */
const METHODS: readonly [RegExp, string][] = [
  [/^\/webhooks\/(?:lago|dodo)$/, 'POST'],
  [/^\/(?:health|ready|favicon\.ico|robots\.txt)$/, 'GET, HEAD, OPTIONS'],
  [/^\/pay\/[^/]+$/, 'GET, HEAD, POST, OPTIONS'],
  [/^\/pay\/[^/]+\/(?:return|status)$/, 'GET, HEAD, OPTIONS'],
  [/^\/account\/[^/]+(?:\/(?:invoice|receipt)\/[^/]+)?$/, 'GET, HEAD, OPTIONS'],
  [/^\/account\/[^/]+\/pay$/, 'POST, OPTIONS'],
  [/^\/metrics$/, 'GET, HEAD, OPTIONS'],
  [/^\/api\/openapi\.json$/, 'GET, HEAD, OPTIONS'],
  ...Object.keys(DESCRIBED).map((route): [RegExp, string] => {
    const [method = '', path = ''] = route.split(' ')
    const pattern = new RegExp(`^${path.replaceAll(/\{\w+\}/g, '[^/]+')}$`)
    return [pattern, method === 'GET' ? 'GET, HEAD, OPTIONS' : 'POST, OPTIONS']
  }),
]

/**
 * The path that routes are found by: an address that was pasted with a slash too many is the same address, and so
 * is one with the path of `PUBLIC_URL` before it, whether a proxy takes that off or not.
 */
export function createGetPath(publicUrl: string) {
  const base = new URL(publicUrl).pathname.replace(/\/+$/, '')
  return function getTidyPath(request: Request): string {
    const path = getPath(withHost(request)).replaceAll(/\/{2,}/g, '/')
    const isBelow = base !== '' && path.startsWith(`${base}/`)
    const own = isBelow ? path.slice(base.length) : path
    return own.length > 1 ? own.replace(/\/$/, '') : own
  }
}

/** A health check over HTTP/1.0 names no host, and a garbled one is no reason to be elsewhere: then the address is a bare path. */
const withHost = (request: Request) =>
  request.url.startsWith('/') ? new Request(`http://unnamed${request.url}`) : request

/** Headers of every answer: nobody may keep, frame, index or sniff it. */
export function guarded(
  publicUrl: string,
  /** Whether pay links are opened in a window by a page that has to know when it is closed again. */
  { isOpened = false } = {},
): MiddlewareHandler {
  const policy = CUSTOMER_POLICY(publicUrl)
  const secure = secureHeaders(policy)
  const ofDashboard = secureHeaders(DASHBOARD_POLICY)
  // With `same-origin` a browser cuts a window off from who opened it, who is told that it is closed (HTML, 7.1.3).
  const opened = secureHeaders({ ...policy, crossOriginOpenerPolicy: false })

  function headersOf(path: string): MiddlewareHandler | undefined {
    if (isFramed(path) || isSettings(path)) return undefined
    if (isOfDashboard(path)) return ofDashboard
    return isOpened && path.startsWith('/pay/') ? opened : secure
  }

  return async function guard(c, next) {
    const headers = headersOf(c.req.path)
    await (headers ? headers(c, next) : next())
    // An image that other people's pages show.
    if (c.req.path.endsWith('/highlevel/logo.png'))
      c.header('Cross-Origin-Resource-Policy', 'cross-origin')
    if (!c.res.headers.has('Cache-Control')) c.header('Cache-Control', 'no-store')
    c.header('X-Robots-Tag', 'noindex')
  }
}

/** The answer where there is nothing, or nothing by this method. */
export function answerNothing(c: Context, say: SampledLog, around: Around): Response {
  const { method } = c.req
  const { path } = c.req
  if (method === 'POST' && /^\/webhooks?(?:\/|$)/i.test(path)) {
    say('warn', { path: path.slice(0, MAX_LOGGED_PATH) }, 'a webhook came to an address of nobody')
  }
  const allow = METHODS.find(([pattern]) => pattern.test(path))?.[1]
  if (allow) c.header('Allow', allow)
  if (allow && method === 'OPTIONS') return c.body(null, 204)
  if (allow && !allow.split(', ').includes(method)) {
    return c.json({ error: `send ${allow}` }, 405)
  }
  if (OF_PROGRAMS.test(path)) return c.json({ error: 'there is nothing here' }, 404)
  return c.html(pageAbout('unknown', c, around), 404)
}

/** The answer when something of ours does not work: the sender is to try again. */
export function answerFailure(c: Context, around: Around): Response {
  c.header('Retry-After', RETRY_AFTER_SECONDS)
  if (OF_PROGRAMS.test(c.req.path)) return c.json({ error: 'not now, please try again' }, 503)
  return c.html(pageAbout('failed', c, around), 503)
}

/** An empty address is the one that is shown. */
const pageAbout = (notice: Notice, c: Context, around: Around) =>
  renderNotice({ around: around.ofNobody(c), notice, payPath: undefined, againPath: '' })
