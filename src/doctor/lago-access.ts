import { ApiError, WrongAddress } from '../errors.ts'
import { explainRefusal } from '../setup/explain-refusal.ts'
import { fail, ok, warn, type Check } from './check.ts'
import { areExchanged, EXCHANGED } from './exchanged.ts'

const WITHOUT = {
  invoice: 'no invoice is collected',
  customer: 'no customer is known',
  payment: 'no payment is recorded',
  credit_note: 'no refund is credited, and no credit note refunded',
  payment_request: 'payment requests are not collected',
  webhook_endpoint: 'neither `setup` nor this can look at the webhooks',
} as const
type Permission = keyof typeof WITHOUT

const ADDRESS = 'set LAGO_API_URL to the address of the API, with or without /api/v1'

const isOfDodo = (url: string, dodoUrl: string) => {
  const { host, hostname } = new URL(url)
  return host === new URL(dodoUrl).host || /(?:^|\.)dodopayments\.com$/.test(hostname)
}

export const lagoReach: Check = {
  id: 'lago.reach',
  async run({ lago, config, organization }) {
    const startedAt = performance.now()
    const refusal = await organization().then(
      () => undefined,
      (error: unknown) => error,
    )
    const ms = Math.round(performance.now() - startedAt)
    const { url } = config.lago
    if (refusal instanceof WrongAddress) return fail(refusal.remedy, ADDRESS)
    if (refusal !== undefined && isOfDodo(url, config.dodo.url))
      return fail(`LAGO_API_URL is ${url}, which is Dodo`, ADDRESS)
    if (refusal instanceof ApiError && refusal.status === 404)
      return fail(`LAGO_API_URL is ${url}, and there is no API of Lago there (404)`, ADDRESS)
    if (refusal instanceof ApiError && refusal.status === undefined) {
      const { detail } = refusal
      return fail(
        `Lago cannot be reached at ${url}: ${detail}`,
        'is LAGO_API_URL right, and may this machine go there?',
      )
    }
    await lago.release.known()
    const release = lago.release.number() ?? 'of unknown release'
    return ok(`${config.lago.url} answers in ${ms} ms, Lago ${release}`)
  },
}

export const lagoKey: Check = {
  id: 'lago.key',
  needs: ['lago.reach'],
  async run({ config, organization }) {
    try {
      const { name, lago_id } = await organization()
      return ok(`organisation ${name ?? 'without a name'} (${lago_id})`)
    } catch (error) {
      const isRefused = error instanceof ApiError && error.status === 401
      if (!isRefused || !areExchanged(config)) throw error
      return fail('Lago refuses LAGO_API_KEY (401)', EXCHANGED)
    }
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
