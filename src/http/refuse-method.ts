import type { Context } from 'hono'

/** The answer to another method than those that a route has: none of ours is looked for by OPTIONS. */
export function refuseMethod(c: Context, allow: string): Response {
  c.header('Allow', allow)
  return c.json({ error: `send ${allow}` }, 405)
}
