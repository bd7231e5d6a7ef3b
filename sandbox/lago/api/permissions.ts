import type { MiddlewareHandler } from 'hono'
import { LagoRefusal } from '../store/refusal.ts'

/**
 * A key that may not do everything, which the premium integration `api_permissions` makes possible. `denied` are
 * like `read:invoice` and `write:webhook_endpoint`; everything but GET writes (lago-api `app/models/api_key.rb`).
 */
export function denyActions(denied: readonly string[]): MiddlewareHandler {
  return async function checkPermission(c, next) {
    const access = c.req.method === 'GET' ? 'read' : 'write'
    const list = /\/api\/v1\/(\w+)/.exec(c.req.path)?.[1] ?? ''
    const resource = list.replace(/s$/, '')
    if (!denied.includes(`${access}:${resource}`)) return next()
    const code = `${access}_action_not_allowed_for_${resource}`
    throw new LagoRefusal(403, { status: 403, error: 'Forbidden', code })
  }
}
