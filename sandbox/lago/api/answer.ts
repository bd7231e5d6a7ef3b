import type { Context } from 'hono'
import { railsJson } from './rails-json.ts'
import { LagoRefusal, missingRoot } from '../store/refusal.ts'

/** JSON as Rails writes it; Lago answers 200 to whatever it did, creating included. */
export function answer(body: unknown, status = 200): Response {
  const headers = { 'Content-Type': 'application/json; charset=utf-8' }
  return new Response(railsJson(body), { status, headers })
}

/** The object under the root key of the request, or Lago's 400. */
export async function readRoot(c: Context, root: string): Promise<Record<string, unknown>> {
  const body = await readObject(c)
  const object = body[root]
  if (!isObject(object) || Object.keys(object).length === 0) throw missingRoot(root)
  return object
}

/** The whole body; none at all is an empty object. */
export async function readObject(c: Context): Promise<Record<string, unknown>> {
  const text = await c.req.text()
  if (text.trim() === '') return {}
  try {
    const body: unknown = JSON.parse(text)
    return isObject(body) ? body : {}
  } catch {
    throw new LagoRefusal(400, { status: 400, error: 'BadRequest: the body is not JSON' })
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
