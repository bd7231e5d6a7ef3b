import { z } from 'zod'

const Relayed = z.looseObject({
  event: z.unknown(),
  headers: z.record(z.string(), z.unknown()).optional().catch(undefined),
})
const Raw = z.looseObject({ raw: z.string() })

/**
 * What somebody had the shop hand on: the bytes whose signature is to be checked, and the headers in lower case.
 * Only a body in a string survives the way through the shop; an event that was parsed is written again, and then
 * verifies only if its sender wrote it just so. Undefined when there is no event.
 */
export function readRelayedEvent(
  body: unknown,
): { bytes: Buffer; headers: Record<string, string> } | undefined {
  const parsed = Relayed.safeParse(body)
  if (!parsed.success || parsed.data.event === undefined || parsed.data.event === null) {
    return undefined
  }
  const { event, headers = {} } = parsed.data
  const raw = Raw.safeParse(event)
  const text = raw.success ? raw.data.raw : JSON.stringify(event)
  const given = Object.entries(headers).flatMap(([name, value]) =>
    typeof value === 'string' ? [[name.toLowerCase(), value] as const] : [],
  )
  return { bytes: Buffer.from(text, 'utf8'), headers: Object.fromEntries(given) }
}
