import { ApiError, WrongAddress } from '../errors.ts'
import { explainRefusal } from '../setup/explain-refusal.ts'
import { fail, ok, warn, type Check } from './check.ts'

const WITHOUT = {
  invoice: 'no invoice is collected',
  customer: 'no customer is known',
  payment: 'no payment is recorded',
  credit_note: 'no refund is credited, and no credit note refunded',
  payment_request: 'payment requests are not collected',
  webhook_endpoint: 'neither `setup` nor this can look at the webhooks',
} as const
type Permission = keyof typeof WITHOUT

export const lagoReach: Check = {
  id: 'lago.reach',
  async run({ lago, config, organization }) {
    const startedAt = performance.now()
    const refusal = await organization().then(
      () => undefined,
      (error: unknown) => error,
    )
    const ms = Math.round(performance.now() - startedAt)
    if (refusal instanceof WrongAddress) {
      return fail(
        refusal.remedy,
        'set LAGO_API_URL to the address of the API, with or without /api/v1',
      )
    }
    if (refusal instanceof ApiError && refusal.status === 404) {
      return fail(
        `LAGO_API_URL is ${config.lago.url}, and there is no API of Lago there (404)`,
        'set it to the address of the API, with or without /api/v1',
      )
    }
    if (refusal instanceof ApiError && refusal.status === undefined) throw refusal
    await lago.release.known()
    const release = lago.release.number() ?? 'of unknown release'
    return ok(`${config.lago.url} answers in ${ms} ms, Lago ${release}`)
  },
}

export const lagoKey: Check = {
  id: 'lago.key',
  needs: ['lago.reach'],
  async run({ organization }) {
    const { name, lago_id } = await organization()
    return ok(`organisation ${name ?? 'without a name'} (${lago_id})`)
  },
}

export const lagoPermissions: Check = {
  id: 'lago.permissions',
  needs: ['lago.key'],
  async run({ installation, lago }) {
    const permissions = (Object.keys(WITHOUT) as Permission[]).filter(
      (name) => name !== 'payment_request' || lago.can('payment_requests'),
    )
    const refused = await Promise.all(
      permissions.map(async (name) => {
        const error: unknown = await installation.tryList(name).then(
          () => undefined,
          (thrown: unknown) => thrown,
        )
        const isDenied = error instanceof ApiError && error.status === 403
        return isDenied ? [{ name, why: explainRefusal(error) }] : []
      }),
    ).then((all) => all.flat())
    if (refused.length === 0) return ok(`reads ${permissions.map(plural).join(', ')}`)
    const evidence = refused.map(({ name }) => `may not read ${plural(name)}: ${WITHOUT[name]}`)
    return warn(
      evidence.join('\n'),
      'give LAGO_API_KEY that permission in Lago > Developers > API keys',
    )
  },
}

const plural = (name: string) => `${name.replaceAll('_', ' ')}s`
