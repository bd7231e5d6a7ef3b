import type { Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'

const MAX_BYTES = 1024 * 1024

export const limitBody = (tooLarge: Record<string, unknown>) =>
  bodyLimit({ maxSize: MAX_BYTES, onError: (c) => c.json(tooLarge, 413) })

/** The body, if it is a JSON object. Its content type is not looked at: a frame of no origin may not choose one. */
export async function readObject(c: Context): Promise<Record<string, unknown> | undefined> {
  try {
    const value: unknown = JSON.parse(await c.req.text())
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

/** Every other method of an address. */
export function allowOnly(app: Hono, path: string, methods: string, body: Record<string, unknown>) {
  app.all(path, (c) => {
    c.header('Allow', methods)
    return c.json(body, 405)
  })
}
