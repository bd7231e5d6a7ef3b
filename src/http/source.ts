import type { Context } from 'hono'

type Server = { requestIP?: (request: Request) => { address: string } | null }

/** Who is connected, as the server says with which a request is handed in. */
export const addressOf = (server: unknown, request: Request) =>
  (server as Server | undefined)?.requestIP?.(request) ?? null

/** Whoever connects, and for whom, as the nearest proxy says: the last entry is that one's own. */
export function sourceOf(c: Context): string {
  const address = addressOf(c.env, c.req.raw)?.address ?? 'unknown'
  const forwardedFor = c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim().slice(0, 64)
  return forwardedFor ? `${address} for ${forwardedFor}` : address
}
