import { createHmac, createVerify, timingSafeEqual } from 'node:crypto'

import { InvalidSignature } from '../errors.ts'

const TOKEN_SIGNS =
  'is LAGO_WEBHOOK_HMAC_KEY the HMAC signature token of the webhook page (not the API key)'
/** Strict Base64 of 32 bytes. */
const MAC = /^[A-Za-z0-9+/]{43}=$/

/**
 * Base64 of the HMAC-SHA256 over the raw bytes, keyed with the organisation's key as plain text
 * (lago-api `app/models/webhook.rb`, `hmac_signature`). Any of the keys may have signed. What is no such
 * signature is refused before there is a body; the body is then given piece by piece.
 */
export function beginLagoHmac(
  signature: string | undefined,
  keys: readonly string[],
  advice = TOKEN_SIGNS,
) {
  if (!signature) throw new InvalidSignature('X-Lago-Signature is missing', { about: 'missing' })
  if (signature.split('.', 4).length === 3) {
    throw new InvalidSignature(
      'X-Lago-Signature is a JWT: set the endpoint to HMAC, or LAGO_WEBHOOK_SIGNATURE=jwt',
    )
  }
  if (!MAC.test(signature)) {
    throw new InvalidSignature(
      'X-Lago-Signature is no HMAC: is the endpoint set to HMAC in Lago, as LAGO_WEBHOOK_SIGNATURE says?',
    )
  }
  const given = Buffer.from(signature, 'base64')
  const macs = keys.map((key) => createHmac('sha256', key))
  return {
    update(bytes: Uint8Array) {
      for (const mac of macs) mac.update(bytes)
    },
    /** Returns the index of the key that has signed. */
    finish(): number {
      const matches = macs.map((mac) => timingSafeEqual(given, mac.digest()))
      const index = matches.indexOf(true)
      if (index >= 0) return index
      throw new InvalidSignature(
        `X-Lago-Signature does not match: ${advice}, and is the endpoint set to HMAC?`,
      )
    },
  }
}

/** The same over a body that is all there. */
export function verifyLagoHmac(
  body: Buffer,
  signature: string | undefined,
  keys: readonly string[],
  advice = TOKEN_SIGNS,
) {
  const check = beginLagoHmac(signature, keys, advice)
  check.update(body)
  check.finish()
}

/**
 * Lago's JWT mode: RS256 over `{ data: <the raw body>, iss: <Lago's API URL> }`. Everything that costs no key
 * is judged first. One key signs for every organisation of an installation, so the caller must check
 * `organization_id` as well.
 */
export function openLagoJwt(token: string | undefined, issuer: string) {
  const [header, payload, signature, ...rest] = (token ?? '').split('.', 4)
  if (!header || !payload || !signature || rest.length > 0) {
    throw new InvalidSignature(
      'X-Lago-Signature is not a JWT: if the endpoint is set to HMAC, set LAGO_WEBHOOK_SIGNATURE=hmac',
    )
  }
  if (readJsonPart(header)['alg'] !== 'RS256') throw new InvalidSignature('the JWT is not RS256')
  const { iss, data } = readJsonPart(payload)
  if (iss !== issuer) {
    throw new InvalidSignature('the JWT names another issuer: set LAGO_JWT_ISSUER')
  }
  const said = typeof data === 'string' ? Buffer.from(data, 'utf8') : undefined
  return {
    /** Costs nothing: what has another length is another body. */
    assertLong(bytes: number) {
      if (said?.byteLength !== bytes) throw another()
    },
    assertAbout(body: Buffer) {
      if (said?.equals(body) !== true) throw another()
    },
    assertSignedBy(publicKeyPem: string) {
      const verifier = createVerify('RSA-SHA256').update(`${header}.${payload}`)
      if (verifier.verify(publicKeyPem, Buffer.from(signature, 'base64url'))) return
      throw new InvalidSignature('the JWT is not signed by this Lago')
    },
  }
}

const another = () => new InvalidSignature('the JWT is about another body')

/** The same about a body that is all there, with the key at hand. */
export function verifyLagoJwt(
  body: Buffer,
  token: string | undefined,
  expected: { publicKeyPem: string; issuer: string },
) {
  const opened = openLagoJwt(token, expected.issuer)
  opened.assertAbout(body)
  opened.assertSignedBy(expected.publicKeyPem)
}

function readJsonPart(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
  } catch (cause) {
    throw new InvalidSignature('the JWT cannot be read', { cause })
  }
}
