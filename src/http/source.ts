import type { Context } from 'hono'

/** Whoever connects, and for whom, as the nearest proxy says: the last entry is that one's own. */
export function sourceOf(c: Context): string {
  const server = c.env as
    | { requestIP?: (request: Request) => { address: string } | null }
    | undefined
  const address = server?.requestIP?.(c.req.raw)?.address ?? 'unknown'
  const forwardedFor = c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim().slice(0, 64)
  return forwardedFor ? `${address} for ${forwardedFor}` : address
}
