import { ApiError } from '../errors.ts'
import { DODO_EVENTS } from '../dodo/events.ts'
import { dodoEndpointAsFound, findDodoEndpoint, TEST_PATH } from '../setup/plan-dodo.ts'
import { fail, ok, skip, type Check } from './check.ts'
import { judgeEndpoint } from './endpoint.ts'

/** Of the test account beside a live one; none of them is asked where there is none. */
export const dodoTestKey: Check = {
  id: 'dodotest.key',
  async run({ dodoTest, config }) {
    if (!dodoTest) return skip('there is no test account')
    // An empty cart cannot be bought, and nothing is created.
    const refusal: unknown = await dodoTest.previewCheckout({ product_cart: [] }).then(
      () => undefined,
      (error: unknown) => error,
    )
    const isRefused = refusal instanceof ApiError && [401, 403].includes(refusal.status ?? 0)
    if (isRefused)
      return fail(
        'Dodo refuses DODO_TEST_API_KEY, or lets it only read',
        'create one with write access in Dodo > test mode > Developer > API keys',
      )
    if (refusal instanceof ApiError && refusal.outcome === 'unknown') throw refusal
    return ok(`${config.dodoTest?.url} takes it, for test mode`)
  },
}

export const dodoTestWebhook: Check = {
  id: 'dodotest.webhook',
  needs: ['dodotest.key'],
  async run({ test, config, organizationId: whose }) {
    if (!test) return skip('there is no test account')
    const organizationId = await whose()
    const listed = await test.listEndpoints()
    return judgeEndpoint(
      listed.map((one) => dodoEndpointAsFound(one, { organizationId, config })),
      {
        publicUrl: config.publicUrl,
        path: TEST_PATH,
        service: "Dodo's test account",
        sent: `${DODO_EVENTS.length} events`,
      },
    )
  },
}

export const dodoTestSignature: Check = {
  id: 'dodotest.signature',
  needs: ['dodotest.key'],
  async run({ test, config }) {
    if (!test || !config.dodoTest) return skip('there is no test account')
    const endpoint = await findDodoEndpoint({ account: test, config, path: TEST_PATH })
    if (!endpoint) return skip('there is no endpoint to compare with')
    if (config.dodoTest.webhookSecrets.includes(await test.getSecret(endpoint.id)))
      return ok('the secret fits')
    return fail(
      `DODO_TEST_WEBHOOK_SECRET is not the secret of ${endpoint.url}`,
      'set it to what `bridge setup` prints, and restart the bridge',
    )
  },
}
