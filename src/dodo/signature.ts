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
        reason = messageOf(error)
      }
    }
    throw new InvalidSignature(reason)
  }
}
