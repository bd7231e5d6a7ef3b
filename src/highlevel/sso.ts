import { createDecipheriv, createHash } from 'node:crypto'

import { z } from 'zod'

const MAX_LENGTH = 8_192
const MAGIC = 'Salted__'
const SALT_BYTES = 8
const KEY_BYTES = 32
const IV_BYTES = 16
const BLOCK_BYTES = 16
const TEXT = new TextDecoder('utf-8', { fatal: true })

const id = z.string().regex(/^[\w-]{1,100}$/)
const User = z.looseObject({
  userId: id,
  companyId: id.optional(),
  role: z.string(),
  /** What counts: in a location `type` may still be `agency`. */
  activeLocation: id.optional(),
})
export type SsoUser = z.infer<typeof User>

/**
 * Who looks at the custom page: CryptoJS's passphrase mode, whose key and vector are the MD5 chain of secret and
 * salt. It has neither a MAC nor an end, so that whoever holds a payload can show it again: what it opens must
 * end soon; and who has one can change a block of it, `role` too, at the price of garbling the block before: what is
 * garbled is no text, and no id. Undefined when it is not of this secret, or was changed.
 */
export function decryptSso(secret: string, payload: unknown): SsoUser | undefined {
  if (typeof payload !== 'string' || payload.length > MAX_LENGTH) return undefined
  const bytes = Buffer.from(payload, 'base64')
  const head = MAGIC.length + SALT_BYTES
  const length = bytes.length - head
  if (length <= 0 || length % BLOCK_BYTES !== 0) return undefined
  if (bytes.subarray(0, MAGIC.length).toString('latin1') !== MAGIC) return undefined
  const { key, iv } = deriveKey(secret, bytes.subarray(MAGIC.length, head))
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, iv)
    const text = Buffer.concat([decipher.update(bytes.subarray(head)), decipher.final()])
    const parsed = User.safeParse(JSON.parse(TEXT.decode(text)))
    return parsed.success ? parsed.data : undefined
  } catch {
    // A wrong secret mostly ends here, and sometimes yields something that is no JSON.
    return undefined
  }
}

function deriveKey(secret: string, salt: Buffer) {
  let chain = Buffer.alloc(0)
  let last = Buffer.alloc(0)
  while (chain.length < KEY_BYTES + IV_BYTES) {
    last = createHash('md5').update(last).update(secret).update(salt).digest()
    chain = Buffer.concat([chain, last])
  }
  return { key: chain.subarray(0, KEY_BYTES), iv: chain.subarray(KEY_BYTES, KEY_BYTES + IV_BYTES) }
}
