import type { HonoRequest } from 'hono'
import { z } from 'zod'
import { DodoRefusal } from '../store/refusal.ts'

const MAX_METADATA_PAIRS = 50
const WithMetadata = z.object({ metadata: z.record(z.string(), z.unknown()) })

/** Reads a request body as strictly as Dodo does, or refuses it with Dodo's code. */
export async function readBody<T>(request: HonoRequest, schema: z.ZodType<T>): Promise<T> {
  const text = await request.text()
  const json = parseJson(text)
  const { data } = WithMetadata.safeParse(json)
  if (data && Object.keys(data.metadata).length > MAX_METADATA_PAIRS)
    throw new DodoRefusal(422, 'MAXIMUM_KEYS_REACHED', `metadata holds at most 50 keys`)

  const result = schema.safeParse(json)
  if (result.success) return result.data
  throw new DodoRefusal(422, 'INVALID_REQUEST_BODY', z.prettifyError(result.error))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DodoRefusal(400, 'INVALID_REQUEST_BODY', `not JSON: ${String(cause)}`)
  }
}
