import { createHmac, timingSafeEqual } from 'node:crypto'

import { InvalidSignature } from '../errors.ts'
import { nameKey } from '../name-key.ts'

const TOLERANCE_SECONDS = 300
const MAC_BYTES = 32
/** The versions that we know; Standard Webhooks allows several signatures, for rotation. */
const VERSION = 'v1'
const MAX_SIGNATURES = 16

type Headers = Record<string, string>
/** However long ago it was signed: only for a delivery that is known to have been genuine when it first came. */
type Limits = { isAnyAge?: boolean }
type Now = () => Date

/**
 * Standard Webhooks: `webhook-id`, `webhook-timestamp` (five minutes of tolerance, both ways) and
 * `webhook-signature` over the raw bytes. Any of the secrets may have signed. `now` is the time as the database has it:
 * a delivery that is recent by it is taken although this machine's clock alone is wrong, or the other way round. What
 * was taken once is a duplicate for ever, so the age keeps nobody from anything more than the key does.
 */
export function createDodoVerifier(secrets: readonly string[], now: Now = () => new Date()) {
  const keys = secrets.map((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'))

  /** Judges the headers, before there is a body; the body is then given piece by piece. */
  function begin(headers: Headers, limits: Limits = {}) {
    const { id, seconds, given } = readHeaders(headers, limits, now)
    const macs = keys.map((key) => createHmac('sha256', key).update(`${id}.${seconds}.`))
    return {
      update(bytes: Uint8Array) {
        for (const mac of macs) mac.update(bytes)
      },
      /** Returns which of the secrets has signed. */
      finish(): string {
        const expected = macs.map((mac) => mac.digest())
        const index = expected.findIndex((mac) => given.some((one) => timingSafeEqual(one, mac)))
        if (index >= 0) return nameKey(index, keys.length)
        throw new InvalidSignature(
          'webhook-signature does not match: is DODO_WEBHOOK_SECRET the signing secret of this endpoint, and of this mode?',
        )
      },
    }
  }

  function verifyDodo(body: Buffer, headers: Headers, limits: Limits = {}): string {
    const check = begin(headers, limits)
    check.update(body)
    return check.finish()
  }
  return Object.assign(verifyDodo, { begin })
}

function readHeaders(headers: Headers, limits: Limits, now: Now) {
  const {
    'webhook-id': id,
    'webhook-timestamp': seconds,
    'webhook-signature': signatures,
  } = headers
  if (!id || !seconds || !signatures) {
    throw new InvalidSignature('webhook-id, webhook-timestamp or webhook-signature is missing', {
      about: 'missing',
    })
  }
  assertRecent(seconds, limits, now)
  const given = signatures
    .split(' ', MAX_SIGNATURES)
    .map((one) => one.split(','))
    .filter(([version]) => version === VERSION)
    .map(([, base64 = '']) => Buffer.from(base64, 'base64'))
    .filter(({ length }) => length === MAC_BYTES)
  if (given.length === 0) throw new InvalidSignature(`webhook-signature holds no ${VERSION} one`)
  return { id, seconds, given }
}

function assertRecent(seconds: string, { isAnyAge = false }: Limits, now: Now) {
  if (!/^\d{1,12}$/.test(seconds)) throw new InvalidSignature('webhook-timestamp is no time')
  const ages = [Date.now(), now().getTime()].map((ms) => Math.floor(ms / 1_000) - Number(seconds))
  if (ages.some((age) => Math.abs(age) <= TOLERANCE_SECONDS || (isAnyAge && age > 0))) return
  const [age = 0] = ages
  const where = age > 0 ? 'behind' : 'ahead of'
  throw new InvalidSignature(
    `webhook-timestamp is ${Math.abs(age)} s ${where} the clock of this machine, and ${TOLERANCE_SECONDS} s are allowed: is the clock right?`,
    { about: 'clock' },
  )
}
