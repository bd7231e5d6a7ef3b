import { createHmac, timingSafeEqual } from 'node:crypto'

export type Mode = 'test' | 'live'
export type KeyKind = 'apiKey' | 'publishableKey'

const PREFIXES: Record<KeyKind, string> = { apiKey: 'hlk', publishableKey: 'hlp' }

/**
 * The keys that HighLevel is given for a location and mode: always the same for one secret, so that connecting
 * again changes nothing, and stored nowhere. `hlk_<mode>_<location>_<mac>`: the location is there to be looked up,
 * and the MAC is what proves it.
 */
export function makeKey(
  secret: string,
  about: { kind: KeyKind; mode: Mode; locationId: string },
): string {
  const { kind, mode, locationId } = about
  return `${PREFIXES[kind]}_${mode}_${locationId}_${macOf(secret, about)}`
}

const KEY = /^(hlk|hlp)_(test|live)_([\w-]{1,100})_([A-Za-z0-9-]{43})$/

/**
 * Whose key it is, if any of the secrets has made it; in constant time, and undefined for all others. Whether the
 * location has the app by now is another question.
 */
export function readKey(
  secrets: readonly string[],
  kind: KeyKind,
  key: unknown,
): { mode: Mode; locationId: string } | undefined {
  const match = typeof key === 'string' ? KEY.exec(key) : null
  const [, prefix, mode, locationId = '', mac = ''] = match ?? []
  const about = { kind, mode: mode === 'live' ? 'live' : 'test', locationId } as const
  const given = Buffer.from(mac.padEnd(MAC_LENGTH, ' ').slice(0, MAC_LENGTH))
  const matches = secrets.map((secret) => timingSafeEqual(given, Buffer.from(macOf(secret, about))))
  if (!match || prefix !== PREFIXES[kind] || !matches.includes(true)) return undefined
  return { mode: about.mode, locationId }
}

const MAC_LENGTH = 43

/** Without the underscore, which parts a key. */
const macOf = (
  secret: string,
  { kind, mode, locationId }: { kind: KeyKind; mode: Mode; locationId: string },
) =>
  createHmac('sha256', secret)
    .update(JSON.stringify([PREFIXES[kind], mode, locationId]))
    .digest('base64url')
    .replaceAll('_', '-')
