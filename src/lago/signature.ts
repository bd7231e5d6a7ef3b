import { createHmac, createVerify, timingSafeEqual } from 'node:crypto'

import { InvalidSignature } from '../errors.ts'

/**
 * Base64 of the HMAC-SHA256 over the raw bytes, keyed with the organisation's key as plain text
 * (lago-api `app/models/webhook.rb`, `hmac_signature`). Any of the keys may have signed.
 */
export function verifyLagoHmac(
  body: Buffer,
  signature: string | undefined,
  keys: readonly string[],
  advice = 'is LAGO_WEBHOOK_HMAC_KEY the HMAC signature token of the webhook page (not the API key)',
) {
  if (!signature) throw new InvalidSignature('X-Lago-Signature is missing')
  const given = Buffer.from(signature, 'base64')
  const matches = keys.map((key) => {
    const expected = createHmac('sha256', key).update(body).digest()
    return given.length === expected.length && timingSafeEqual(given, expected)
  })
  if (matches.includes(true)) return
  throw new InvalidSignature(
    `X-Lago-Signature does not match: ${advice}, and is the endpoint set to HMAC?`,
  )
}

/**
 * Lago's JWT mode: RS256 over `{ data: <the raw body>, iss: <Lago's API URL> }`. One key signs for every
 * organisation of an installation, so the caller must check `organization_id` as well.
 */
export function verifyLagoJwt(
  body: Buffer,
  token: string | undefined,
  expected: { publicKeyPem: string; issuer: string },
) {
  const [header, payload, signature, ...rest] = (token ?? '').split('.')
  if (!header || !payload || !signature || rest.length > 0) {
    throw new InvalidSignature('X-Lago-Signature is not a JWT')
  }
  const verifier = createVerify('RSA-SHA256').update(`${header}.${payload}`)
  if (readJsonPart(header)['alg'] !== 'RS256') throw new InvalidSignature('the JWT is not RS256')
  if (!verifier.verify(expected.publicKeyPem, Buffer.from(signature, 'base64url'))) {
    throw new InvalidSignature('the JWT is not signed by this Lago')
  }
  const claims = readJsonPart(payload)
  if (claims['iss'] !== expected.issuer) {
    throw new InvalidSignature('the JWT names another issuer: set LAGO_JWT_ISSUER')
  }
  const data = claims['data']
  if (typeof data !== 'string' || !Buffer.from(data, 'utf8').equals(body)) {
    throw new InvalidSignature('the JWT is about another body')
  }
}

function readJsonPart(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
  } catch (cause) {
    throw new InvalidSignature('the JWT cannot be read', { cause })
  }
}
