import type { Courier } from '../../kit/courier.ts'
import { railsJson } from './rails-json.ts'
import type { Since } from '../store/release.ts'
import { announces, asShownBy } from './older.ts'
import type { Signer } from './signature.ts'
import type { LagoStore, LagoWorld } from '../store/store.ts'

/** Signs each event for each endpoint that listens for it, and hands it to the courier. */
export function createAnnouncer(options: {
  store: LagoStore
  organizationId: string
  signer: Signer
  courier: Courier
  since: Since
}): LagoWorld['announce'] {
  const { store, organizationId, signer, courier, since } = options

  return function announce(webhookType, objectType, object) {
    if (!announces(since, webhookType)) return
    const event = {
      webhook_type: webhookType,
      object_type: objectType,
      organization_id: organizationId,
      [objectType]: object,
    }
    const body = railsJson(asShownBy(since, event))
    for (const endpoint of store.webhookEndpoints) {
      const filtered = since('1.44.0') ? endpoint.event_types : null
      if (filtered && !filtered.includes(webhookType)) continue

      const uniqueKey = crypto.randomUUID()
      // Signed at every attempt: an endpoint whose algorithm changes affects what is still queued.
      const headers = () => ({
        'Content-Type': 'application/json',
        Accept: '*/*',
        'User-Agent': 'Ruby',
        'X-Lago-Signature': signer.sign(endpoint.signature_algo, body),
        'X-Lago-Signature-Algorithm': endpoint.signature_algo,
        'X-Lago-Unique-Key': uniqueKey,
      })
      courier.send({ url: endpoint.webhook_url, headers, body, type: webhookType })
    }
  }
}
