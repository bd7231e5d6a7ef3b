import type { Deps } from '../deps.ts'
import { InvalidSignature } from '../errors.ts'
import { verifyLagoHmac, verifyLagoJwt } from '../lago/signature.ts'

/** A key that was just asked for is not asked for again because a stranger sends bad signatures. */
const KEY_FRESH_MS = 60_000

/**
 * Checks that a delivery comes from our Lago. How it is signed is our choice, not the request's. Rejects
 * with InvalidSignature, or with whatever kept us from asking Lago for its key, so that Lago tries again.
 */
export function createLagoVerifier({
  config,
  lago,
  now,
  organizationId,
}: Pick<Deps, 'config' | 'lago' | 'now'> & { organizationId: () => Promise<string> }) {
  let key: { pem: string; readAt: number } | undefined

  async function readKey(): Promise<string> {
    const pem = await lago.getWebhookPublicKey()
    key = { pem, readAt: now().getTime() }
    return pem
  }

  async function verifyJwt(body: Buffer, token: string | undefined) {
    const { jwtIssuer: issuer } = config.lago
    if (!token) throw new InvalidSignature('X-Lago-Signature is missing')
    try {
      verifyLagoJwt(body, token, { publicKeyPem: key?.pem ?? (await readKey()), issuer })
    } catch (error) {
      const isStale = !key || now().getTime() - key.readAt > KEY_FRESH_MS
      if (!(error instanceof InvalidSignature) || !isStale) throw error
      verifyLagoJwt(body, token, { publicKeyPem: await readKey(), issuer })
    }
  }

  async function verify(body: Buffer, signature: string | undefined) {
    if (config.lago.signature === 'hmac') verifyLagoHmac(body, signature, config.lago.hmacKeys)
    else await verifyJwt(body, signature)
  }

  /** One RSA key signs for every organisation of a Lago installation, so the organisation is checked too. */
  async function assertOurs(claimed: string | undefined) {
    if (config.lago.signature === 'hmac' || claimed === (await organizationId())) return
    throw new InvalidSignature('the event belongs to another organisation')
  }

  return { verify, assertOurs }
}
