import { createPublicKey, verify } from 'node:crypto'

import { InvalidSignature } from '../errors.ts'

/** Strict Base64 of the 64 bytes of an Ed25519 signature. */
const SIGNATURE = /^[A-Za-z0-9+/]{86}==$/

/**
 * `X-GHL-Signature` of a marketplace webhook: Ed25519 over the raw bytes, never over JSON that was written again.
 * There is no time in it and old deliveries are sent again, so none is refused for its age. `X-WH-Signature`, the
 * older one, proves nothing here.
 * `publicKey` is the base64 of its SPKI.
 */
export function createHighlevelVerifier(publicKey: string) {
  const key = createPublicKey({
    key: Buffer.from(publicKey, 'base64'),
    format: 'der',
    type: 'spki',
  })

  return function verifyHighlevel(body: Buffer, signature: string | undefined): void {
    if (verify(null, body, key, readHighlevelSignature(signature))) return
    throw new InvalidSignature(
      'X-GHL-Signature does not match: has HighLevel a new key (HIGHLEVEL_WEBHOOK_PUBLIC_KEY)?',
    )
  }
}

/** What the header holds, which can be judged before there is a body. Throws InvalidSignature. */
export function readHighlevelSignature(signature: string | undefined): Buffer {
  if (!signature) throw new InvalidSignature('X-GHL-Signature is missing', { about: 'missing' })
  if (!SIGNATURE.test(signature)) throw new InvalidSignature('X-GHL-Signature is no signature')
  return Buffer.from(signature, 'base64')
}
