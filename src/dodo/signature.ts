import { Webhook, WebhookVerificationError } from 'standardwebhooks'

import { InvalidSignature, messageOf } from '../errors.ts'

/**
 * Standard Webhooks: `webhook-id`, `webhook-timestamp` (five minutes of tolerance, both ways) and
 * `webhook-signature` over the raw body. Any of the secrets may have signed.
 */
export function createDodoVerifier(secrets: readonly string[]) {
  const verifiers = secrets.map((secret) => new Webhook(secret))

  return function verifyDodo(body: Buffer, headers: Record<string, string>): void {
    let reason = 'no secret is configured'
    for (const verifier of verifiers) {
      try {
        verifier.verify(body, headers, { jsonParse: false })
        return
      } catch (error) {
        if (!(error instanceof WebhookVerificationError)) throw error
        reason = explain(messageOf(error), headers['webhook-timestamp'])
      }
    }
    throw new InvalidSignature(reason)
  }
}

/** What the operator can do about it; the library's words name neither the setting nor the clock. */
function explain(reason: string, timestamp: string | undefined): string {
  if (reason.startsWith('Message timestamp')) {
    const seconds = Math.round(Number(timestamp) - Date.now() / 1_000)
    const where = seconds < 0 ? 'behind' : 'ahead of'
    return `webhook-timestamp is ${Math.abs(seconds)} s ${where} the clock of this machine, and 300 s are allowed: is the clock right?`
  }
  if (reason !== 'No matching signature found') return reason
  return 'webhook-signature does not match: is DODO_WEBHOOK_SECRET the signing secret of this endpoint, and of this mode?'
}
