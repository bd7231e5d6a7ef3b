import { DODO_EVENTS } from '../dodo/events.ts'
import { dodoEndpointAsFound, findDodoEndpoint } from '../setup/plan-dodo.ts'
import { fail, ok, skip, type Check } from './check.ts'
import { withDeliveries } from './deliveries.ts'
import { judgeEndpoint } from './endpoint.ts'

export const dodoWebhook: Check = {
  id: 'dodo.webhook',
  needs: ['dodo.mode', 'lago.key'],
  async run({ dodoEndpoints, organization, config }) {
    const organizationId = config.lago.isOn ? (await organization()).lago_id : undefined
    const found = (await dodoEndpoints()).map((one) =>
      dodoEndpointAsFound(one, { organizationId, config }),
    )
    return judgeEndpoint(found, {
      publicUrl: config.publicUrl,
      path: '/webhooks/dodo',
      service: 'Dodo',
      sent: `${DODO_EVENTS.length} events`,
    })
  },
}

export const dodoSignature: Check = {
  id: 'dodo.signature',
  needs: ['dodo.mode'],
  async run(patient) {
    const { account, config } = patient
    const endpoint = await findDodoEndpoint({ account, config })
    if (!endpoint) return skip('there is no endpoint to compare with')
    const { webhookSecrets } = config.dodo
    const index = webhookSecrets.indexOf(await account.getSecret(endpoint.id))
    if (index < 0) {
      return fail(
        `DODO_WEBHOOK_SECRET is not the secret of ${endpoint.url}: is it of another endpoint, or of the other mode?`,
        'set it to what `bridge setup` prints, and restart the bridge',
      )
    }
    const fits =
      webhookSecrets.length === 1
        ? 'the secret fits'
        : `secret ${index + 1} of ${webhookSecrets.length} fits`
    const service = { source: 'dodo', name: 'Dodo', variable: 'DODO_WEBHOOK_SECRET' } as const
    return withDeliveries(patient, ok(fits), service)
  },
}
