import { LAGO_EVENTS } from '../lago/events.ts'
import { lagoEndpointAsFound } from '../setup/plan-lago.ts'
import { fail, ok, warn, type Check, type Finding } from './check.ts'
import { findIdleKey, withDeliveries } from './deliveries.ts'
import { judgeEndpoint } from './endpoint.ts'
import type { Patient } from './patient.ts'

const TOKEN = 'copy Lago > Developers > Webhooks > HMAC signature token'

export const lagoWebhook: Check = {
  id: 'lago.webhook',
  needs: ['lago.key'],
  async run({ lagoEndpoints, config, lago }) {
    const found = (await lagoEndpoints()).map((one) => lagoEndpointAsFound(one, config))
    const isUnfiltered = lago.release.isBefore('1.44.0')
    const finding = judgeEndpoint(found, {
      publicUrl: config.publicUrl,
      path: '/webhooks/lago',
      service: 'Lago',
      sent: `${config.lago.signature.toUpperCase()}, ${isUnfiltered ? 'all' : LAGO_EVENTS.length} events`,
    })
    if (finding.verdict !== 'ok' || config.lago.signature === 'hmac') return finding
    return warn(
      `${finding.evidence}: Lago repeats the whole invoice in a header, which outgrows the limits of most servers`,
      'set LAGO_WEBHOOK_SIGNATURE=hmac and run `bridge setup`',
    )
  },
}

export const lagoSignature: Check = {
  id: 'lago.signature',
  needs: ['lago.key'],
  async run(patient) {
    const service = { source: 'lago', name: 'Lago', variable: 'LAGO_WEBHOOK_HMAC_KEY' } as const
    const finding = await withDeliveries(patient, judgeKey(patient), service)
    const { signature, hmacKeys } = patient.config.lago
    if (finding.verdict !== 'ok' || signature !== 'hmac') return finding
    const idle = await findIdleKey(patient, { source: 'lago', keys: hmacKeys.length })
    if (idle === undefined) return finding
    return warn(
      `${finding.evidence}; ${idle} has signed nothing for 48 h`,
      'take it out of LAGO_WEBHOOK_HMAC_KEY, unless Lago is yet to sign with it',
    )
  },
}

/** Lago's API does not show the token, so only a mistake that can be seen from here is found. */
function judgeKey({ config, lago }: Patient): Finding {
  const { signature, hmacKeys, apiKey, jwtIssuer } = config.lago
  if (signature === 'jwt') return ok(`Lago's public key, issuer ${jwtIssuer}`)
  const isApiKey = hmacKeys.includes(apiKey)
  if (!lago.can('own_hmac_key')) {
    return isApiKey
      ? ok('the API key, with which Lago before 1.16 signs')
      : fail(
          'Lago before 1.16 signs with its API key, and LAGO_WEBHOOK_HMAC_KEY is another',
          'set LAGO_WEBHOOK_HMAC_KEY to the value of LAGO_API_KEY',
        )
  }
  if (hmacKeys.some((key) => key.startsWith('whsec_')))
    return fail(
      'LAGO_WEBHOOK_HMAC_KEY begins with whsec_, as the secrets of Dodo’s webhooks do',
      TOKEN,
    )
  if (isApiKey && hmacKeys.length === 1) return fail('LAGO_WEBHOOK_HMAC_KEY is the API key', TOKEN)
  return ok(hmacKeys.length === 1 ? 'one key' : `${hmacKeys.length} keys, any of which may sign`)
}
