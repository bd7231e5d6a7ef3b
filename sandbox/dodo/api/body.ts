import type { HonoRequest } from 'hono'
import { z } from 'zod'
import { DodoRefusal } from '../store/refusal.ts'

const MAX_METADATA_PAIRS = 50
export const MAX_AMOUNT_MINOR = 2_147_483_647

// Numbers and booleans are in the SDK's type, but older parts of the API refuse them.
export const Metadata = z.record(z.string().regex(/^[A-Za-z0-9_-]{1,40}$/), z.string().max(500))
const WithMetadata = z.object({ metadata: z.record(z.string(), z.unknown()) })
export const Amount = z.int().min(0).max(MAX_AMOUNT_MINOR)
export const Url = z.url({ protocol: /^https?$/ })
export const Interval = z.enum(['Day', 'Week', 'Month', 'Year'])
export const flag = z.boolean().optional()
export const BillingAddress = z.strictObject({
  country: z.string().regex(/^[A-Z]{2}$/),
  city: z.string().nullish(),
  state: z.string().nullish(),
  street: z.string().nullish(),
  zipcode: z.string().nullish(),
})

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
