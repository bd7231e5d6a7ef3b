import { createPrivateKey, createPublicKey, sign } from 'node:crypto'
import { createCourier } from '../../kit/courier.ts'
import type { Fetch } from '../../kit/in-process.ts'
import type { Behaviour } from '../store/world.ts'

const SECOND_MS = 1_000
const MAX_RETRIES = 12
const TIMEOUT_MS = 15 * SECOND_MS
/** The header of a PKCS#8 key in front of the 32 bytes of an Ed25519 seed. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

/** Twice as long each time; the real one adds some jitter. */
const RETRY_DELAYS_MS = Array.from({ length: MAX_RETRIES }, (_, index) => SECOND_MS * 2 ** index)

/** The key pair of a seed, the public half as the base64 of its SPKI. */
export function signingKey(seed: Buffer) {
  const privateKey = createPrivateKey({
    key: Buffer.concat([PKCS8, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return { privateKey, publicKey: publicKey.toString('base64') }
}

/** Marketplace webhooks, with an Ed25519 signature over the bytes that leave. */
export function createMarketplaceWebhooks(options: {
  fetch: Fetch
  now: () => Date
  /** Where the app wants them; nowhere until it is set. */
  target: { url: string | undefined }
  seed: Buffer
  behaviour: Behaviour
  retryDelaysMs?: readonly number[]
}) {
  const { fetch, now, target, seed, behaviour, retryDelaysMs = RETRY_DELAYS_MS } = options
  const { privateKey, publicKey } = signingKey(seed)
  const courier = createCourier({
    fetch,
    retryDelaysMs,
    timeoutMs: TIMEOUT_MS,
    isSuccess: (status) => status >= 200 && status < 300,
    now,
  })

  const signatureOf = (body: string) => {
    if (behaviour.webhookSignature === 'none') return 'N/A'
    const signed = behaviour.webhookSignature === 'forged' ? `${body} ` : body
    return sign(null, Buffer.from(signed), privateKey).toString('base64')
  }

  return {
    courier,
    publicKey,
    announce: (type: string, fields: Record<string, unknown>): void => {
      if (target.url === undefined) return
      const timestamp = now().toISOString()
      const body = JSON.stringify({
        type,
        ...fields,
        timestamp,
        webhookId: `wh_${crypto.randomUUID()}`,
      })
      courier.send({
        url: target.url,
        type,
        body,
        headers: (text) => ({
          'Content-Type': 'application/json',
          'X-GHL-Signature': signatureOf(text),
          // The older one, which is told beside it; nobody may believe it.
          'X-WH-Signature': Buffer.from('rsa').toString('base64'),
        }),
      })
    },
  }
}
