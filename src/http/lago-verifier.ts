import type { Deps } from '../deps.ts'
import { InvalidSignature, MalformedEvent } from '../errors.ts'
import { readLagoEvent } from '../inbox/envelope.ts'
import { beginLagoHmac, openLagoJwt } from '../lago/signature.ts'
import { createCautiousAsk } from './cautious.ts'

/** A key that was just asked for is not asked for again because a stranger sends bad signatures. */
const KEY_FRESH_MS = 60_000
const UNREADABLE = Symbol('unreadable')

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
  const { signature: mode, hmacKeys, jwtIssuer } = config.lago
  const askForKey = createCautiousAsk(lago.getWebhookPublicKey, now)
  const askWhoWeAre = createCautiousAsk(organizationId, now)
  let key: { pem: string; readAt: number } | undefined
  let ours: string | undefined

  async function readKey(): Promise<string> {
    const pem = await askForKey()
    key = { pem, readAt: now().getTime() }
    return pem
  }

  /** One RSA key signs for every organisation of a Lago installation, so the organisation is checked too. */
  function assertOurs(claimed: Claim) {
    if (claimed === ours || claimed === UNREADABLE) return
    throw new InvalidSignature('the event belongs to another organisation')
  }

  async function assertSigned({ assertSignedBy }: ReturnType<typeof openLagoJwt>) {
    try {
      assertSignedBy(key?.pem ?? (await readKey()))
    } catch (error) {
      const isStale = !key || now().getTime() - key.readAt > KEY_FRESH_MS
      if (!(error instanceof InvalidSignature) || !isStale) throw error
      assertSignedBy(await readKey())
    }
  }

  /** What is free comes first: only a token that could be ours makes us ask Lago for anything. */
  function beginJwt(token: string | undefined) {
    const opened = openLagoJwt(token, jwtIssuer)
    async function finish(readBody: () => Buffer) {
      const body = readBody()
      opened.assertAbout(body)
      const claimed = claimedBy(body)
      if (ours !== undefined) assertOurs(claimed)
      await assertSigned(opened)
      ours ??= await askWhoWeAre()
      assertOurs(claimed)
    }
    return { update: () => undefined, finish }
  }

  const begin = (signature: string | undefined) =>
    mode === 'hmac' ? beginLagoHmac(signature, hmacKeys) : beginJwt(signature)
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
