import type { Deps } from '../deps.ts'
import { InvalidSignature, MalformedEvent } from '../errors.ts'
import { readLagoEvent } from '../inbox/envelope.ts'
import { beginLagoHmac, openLagoJwt } from '../lago/signature.ts'
import { createCautiousAsk } from './cautious.ts'
import { nameKey } from '../name-key.ts'
import type { Body } from './read-body.ts'

/** A key that was just asked for is not asked for again because a stranger sends bad signatures. */
const KEY_FRESH_MS = 60_000
const UNREADABLE = Symbol('unreadable')

const API_KEY_SIGNS =
  'this Lago is older than 1.16 and signs with its API key: is LAGO_API_KEY the one that it signs with'

/** Lago's own cloud, where strangers are on the same installation. */
const isShared = (url: string) => /(^|\.)getlago\.com$/i.test(new URL(url).hostname)

/**
 * Checks that a delivery comes from our Lago: its header before there is a body, then the body. How it is signed
 * is our choice, not the request's. Rejects with InvalidSignature, or with whatever kept us from asking Lago for
 * its key, so that Lago tries again.
 */
export function createLagoVerifier({
  config,
  lago,
  now,
  organizationId,
}: Pick<Deps, 'config' | 'lago' | 'now'> & { organizationId: () => Promise<string> }) {
  const { signature: mode, hmacKeys, jwtIssuer, apiKey } = config.lago
  const askForKey = createCautiousAsk(lago.getWebhookPublicKey, now)
  const askWhoWeAre = createCautiousAsk(organizationId, now)
  let key: { pem: string; readAt: number } | undefined
  let ours: string | undefined

  async function readKey(): Promise<string> {
    const pem = await askForKey()
    key = { pem, readAt: now().getTime() }
    return pem
  }

  /**
   * One RSA key signs for every organisation of a Lago installation, so the organisation is checked too. Before
   * 1.33.3 no event names it: then a Lago of one's own is believed, and one that is shared with strangers is not.
   */
  async function assertOurs(claimed: Claim, own: string) {
    if (claimed === own || claimed === UNREADABLE) return
    if (claimed !== undefined)
      throw new InvalidSignature('the event belongs to another organisation')
    await lago.release.known()
    const isOld = !lago.can('organization_in_events')
    if (isOld && !isShared(config.lago.url)) return
    throw new InvalidSignature(
      'the event names no organisation, which Lago does since 1.33.3: use HMAC signatures',
    )
  }

  async function assertSigned(jwt: ReturnType<typeof openLagoJwt>) {
    try {
      jwt.assertSignedBy(key?.pem ?? (await readKey()))
    } catch (error) {
      const isStale = !key || now().getTime() - key.readAt > KEY_FRESH_MS
      if (!(error instanceof InvalidSignature) || !isStale) throw error
      jwt.assertSignedBy(await readKey())
    }
  }

  /** What is free comes first: only a token that could be ours makes us ask Lago for anything. */
  function beginJwt(token: string | undefined) {
    const opened = openLagoJwt(token, jwtIssuer)
    async function finish({ bytes, read }: Body) {
      opened.assertLong(bytes)
      const body = read()
      opened.assertAbout(body)
      const claimed = claimedBy(body)
      if (ours !== undefined) await assertOurs(claimed, ours)
      await assertSigned(opened)
      ours ??= await askWhoWeAre()
      await assertOurs(claimed, ours)
      return 'Lago’s public key'
    }
    return { update: () => undefined, finish }
  }

  /** Before 1.16 an organisation has no key for this, and its API key signs. */
  function beginHmac(signature: string | undefined) {
    const own = beginLagoHmac(signature, hmacKeys)
    const mayBeOld = lago.release.number() === undefined || !lago.can('own_hmac_key')
    const older = mayBeOld ? beginLagoHmac(signature, [apiKey], API_KEY_SIGNS) : undefined
    return {
      update(bytes: Uint8Array) {
        own.update(bytes)
        older?.update(bytes)
      },
      async finish() {
        try {
          return nameKey(own.finish(), hmacKeys.length)
        } catch (error) {
          await lago.release.known()
          if (!older || lago.can('own_hmac_key')) throw error
          older.finish()
          return 'LAGO_API_KEY'
        }
      },
    }
  }

  const begin = (signature: string | undefined) =>
    mode === 'hmac' ? beginHmac(signature) : beginJwt(signature)
  return { begin }
}

type Claim = string | typeof UNREADABLE | undefined

/** A body that nobody can read belongs to nobody; whoever signed it is told so. */
function claimedBy(body: Buffer): Claim {
  try {
    return readLagoEvent(body).organizationId
  } catch (error) {
    if (error instanceof MalformedEvent) return UNREADABLE
    throw error
  }
}
