import type { Context } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { z } from 'zod'

import { readCursor } from '../../db/cursor.ts'
import { Refusal } from '../refusal.ts'

const DEFAULT_PAGE = 50
const MAX_PAGE = 500

const MAX_BODY_BYTES = 64 * 1024

/** Whoever asks for something has less to say than this. */
export const limitBody = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: () => {
    throw new Refusal(413, `the body is larger than ${MAX_BODY_BYTES / 1024} KiB`)
  },
})

const text = z.string().trim().min(1).max(200)

/** Which page of a list is wanted. */
export const Paging = {
  limit: z.coerce
    .number(`write a number up to ${MAX_PAGE}`)
    .int()
    .min(1)
    .max(MAX_PAGE)
    .default(DEFAULT_PAGE)
    .describe('How many at most'),
  before: text
    .refine((cursor) => readCursor(cursor) !== undefined, 'take it from `next` of the page before')
    .optional()
    .describe('`next` of the page before'),
}
export const Text = text

/** As JSON writes one, and not what only reads like it. No text that the database holds has one. */
const NUL = /(?<!\\)(?:\\\\)*\\u0000/

/** What was asked for, as the schema has it. Throws a refusal that names the field. */
export function read<Shape extends z.ZodType>(shape: Shape, given: unknown): z.infer<Shape> {
  if (NUL.test(JSON.stringify(given))) throw new Refusal(400, 'no value has a NUL')
  const parsed = shape.safeParse(given)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new Refusal(400, [issue?.path.join('.'), issue?.message].filter(Boolean).join(': '))
}

/** An empty body means no wishes. */
export async function readJson(c: Context): Promise<unknown> {
  const body = await c.req.text()
  if (body.trim() === '') return {}
  try {
    return JSON.parse(body)
  } catch {
    throw new Refusal(400, 'the body is not JSON')
  }
}
