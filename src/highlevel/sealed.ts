import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16
const VERSION = 'v1'
const PURPOSE = 'highlevel stored secrets'

/** What was stored cannot be read with any of the keys. */
export class Unsealable extends Error {
  override name = 'Unsealable' as const
}

export type Seal = ReturnType<typeof createSeal>

/**
 * Keeps secrets at rest: AES-256-GCM with a key derived from the first of `secrets`; what any of them sealed is
 * opened. `about` names whose secret it is and is not stored: a row that was copied to another does not open.
 */
export function createSeal(secrets: readonly string[]) {
  const keys = secrets.map((secret) =>
    Buffer.from(hkdfSync('sha256', secret, '', PURPOSE, KEY_BYTES)),
  )
  const [newest] = keys
  if (!newest) throw new Error('there is no key to seal with')

  return {
    seal: (text: string, about: string): string => {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', newest, nonce)
      cipher.setAAD(Buffer.from(about))
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      const bytes = Buffer.concat([nonce, sealed, cipher.getAuthTag()])
      return `${VERSION}.${bytes.toString('base64url')}`
    },

    /** The text, and whether a newer key should seal it again. Throws `Unsealable`. */
    open: (sealed: string, about: string): { text: string; isOld: boolean } => {
      const [version, encoded = ''] = sealed.split('.', 2)
      const bytes = Buffer.from(encoded, 'base64url')
      if (version !== VERSION || bytes.length < NONCE_BYTES + TAG_BYTES) {
        throw new Unsealable('what is stored is no sealed secret')
      }
      for (const key of keys) {
        const text = tryKey(key, bytes, about)
        if (text !== undefined) return { text, isOld: key !== newest }
      }
      throw new Unsealable('no key of HIGHLEVEL_SECRET opens what is stored')
    },
  }
}

function tryKey(key: Buffer, bytes: Buffer, about: string): string | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(Buffer.from(about))
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
  const middle = bytes.subarray(NONCE_BYTES, -TAG_BYTES)
  try {
    return Buffer.concat([decipher.update(middle), decipher.final()]).toString('utf8')
  } catch {
    // Sealed with another key, for another owner, or changed: the next key may open it.
    return undefined
  }
}
