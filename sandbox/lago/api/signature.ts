import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import type { SignatureAlgorithm } from '../store/records.ts'

export type Signer = {
  sign: (algorithm: SignatureAlgorithm, body: string) => string
  /** Base64 of the PEM, broken into lines of 60 characters. */
  publicKey: () => string
}

const RSA_BITS = 2048
const PUBLIC_KEY_LINE = /.{1,60}/g

/** Base64 of HMAC-SHA256 over the exact body; the key is the literal text, dashes included. */
export function hmacSignature(hmacKey: string, body: string): string {
  return createHmac('sha256', hmacKey).update(body).digest('base64')
}

/** Signs deliveries; the RSA pair of the JWT mode is made when first needed, since it takes a while. */
export function createSigner(options: { hmacKey: string; issuer: string }): Signer {
  let pair: { publicKey: string; privateKey: string } | undefined
  const keys = () => (pair ??= newKeyPair())

  return {
    sign: (algorithm, body) =>
      algorithm === 'hmac'
        ? hmacSignature(options.hmacKey, body)
        : jwtSignature(keys().privateKey, { data: body, iss: options.issuer }),
    publicKey: () => {
      const encoded = Buffer.from(keys().publicKey).toString('base64')
      return `${encoded.match(PUBLIC_KEY_LINE)?.join('\n') ?? ''}\n`
    },
  }
}

function jwtSignature(privateKey: string, claims: { data: string; iss: string }): string {
  const parts = [{ alg: 'RS256' }, claims]
  const signed = parts
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`
}

function newKeyPair(): { publicKey: string; privateKey: string } {
  return generateKeyPairSync('rsa', {
    modulusLength: RSA_BITS,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
}
