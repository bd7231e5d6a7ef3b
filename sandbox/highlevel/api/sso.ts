import { createCipheriv, createHash, randomBytes } from 'node:crypto'

const SALT_BYTES = 8
const KEY_BYTES = 32
const IV_BYTES = 16

/** What the custom page's parent gives away: CryptoJS with a passphrase, so base64 of `Salted__`, salt and text. */
export function encryptSso(
  secret: string,
  payload: Record<string, unknown>,
  salt: Buffer = randomBytes(SALT_BYTES),
): string {
  let chain = Buffer.alloc(0)
  let last = Buffer.alloc(0)
  while (chain.length < KEY_BYTES + IV_BYTES) {
    last = createHash('md5').update(last).update(secret).update(salt).digest()
    chain = Buffer.concat([chain, last])
  }
  const key = chain.subarray(0, KEY_BYTES)
  const iv = chain.subarray(KEY_BYTES, KEY_BYTES + IV_BYTES)
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const text = Buffer.concat([cipher.update(JSON.stringify(payload)), cipher.final()])
  return Buffer.concat([Buffer.from('Salted__'), salt, text]).toString('base64')
}
