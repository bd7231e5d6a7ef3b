import { z } from 'zod'

const Body = z.looseObject({
  provider: z.looseObject({
    credentials: z.looseObject({ apiKey: z.string(), environment: z.unknown().optional() }),
  }),
})

/**
 * What a shop's owner has typed into the provider record: all that tells who calls, since the shop signs nothing.
 * Undefined when there is no key. Whatever else `provider` holds is not believed.
 */
export function readCredentials(
  body: unknown,
): { apiKey: string; environment: unknown } | undefined {
  const parsed = Body.safeParse(body)
  if (!parsed.success) return undefined
  const { apiKey, environment } = parsed.data.provider.credentials
  return { apiKey, environment }
}

const MODES: ReadonlyMap<string, 'test' | 'live'> = new Map([
  ['sandbox', 'test'],
  ['test', 'test'],
  ['test_mode', 'test'],
  ['live', 'live'],
  ['production', 'live'],
  ['live_mode', 'live'],
])

/** The mode that the record asks for; `default` when it names none, undefined for a word that is none. */
export function readMode(environment: unknown): 'test' | 'live' | 'default' | undefined {
  if (environment === undefined || environment === null || environment === '') return 'default'
  return typeof environment === 'string' ? MODES.get(environment) : undefined
}
