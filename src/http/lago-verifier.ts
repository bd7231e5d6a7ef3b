import type { Deps } from '../deps.ts'
import { InvalidSignature } from '../errors.ts'
import { verifyLagoHmac, verifyLagoJwt } from '../lago/signature.ts'

/** A key that was just asked for is not asked for again because a stranger sends bad signatures. */
const KEY_FRESH_MS = 60_000

const API_KEY_SIGNS =
  'this Lago is older than 1.16 and signs with its API key: is LAGO_API_KEY the one that it signs with'

/** Lago's own cloud, where strangers are on the same installation. */
const isShared = (url: string) => /(^|\.)getlago\.com$/i.test(new URL(url).hostname)

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

  /** Before 1.16 an organisation has no key for this, and its API key signs. */
  async function verifyHmac(body: Buffer, signature: string | undefined) {
    const { hmacKeys, apiKey } = config.lago
    try {
      verifyLagoHmac(body, signature, hmacKeys)
    } catch (error) {
      await lago.release.known()
      if (lago.can('own_hmac_key')) throw error
      verifyLagoHmac(body, signature, [apiKey], API_KEY_SIGNS)
    }
  }

  async function verify(body: Buffer, signature: string | undefined) {
    if (config.lago.signature === 'hmac') await verifyHmac(body, signature)
    else await verifyJwt(body, signature)
  }

  /**
   * One RSA key signs for every organisation of a Lago installation, so the organisation is checked too. Before
   * 1.33.3 no event names it: then a Lago of one's own is believed, and one that is shared with strangers is not.
   */
  async function assertOurs(claimed: string | undefined) {
    if (config.lago.signature === 'hmac') return
    if (claimed === undefined) return assertOwnInstallation()
    if (claimed === (await organizationId())) return
    throw new InvalidSignature('the event belongs to another organisation')
  }

  async function assertOwnInstallation() {
    await lago.release.known()
    const isOld = !lago.can('organization_in_events')
    if (isOld && !isShared(config.lago.url)) return
    throw new InvalidSignature(
      'the event names no organisation, which Lago does since 1.33.3: use HMAC signatures',
    )
  }

  return { verify, assertOurs }
}
