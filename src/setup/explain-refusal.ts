import { ApiError, Later, reasonOf, WrongAddress, type Service } from '../errors.ts'

const KEY_OF = { Lago: 'LAGO_API_KEY', Dodo: 'DODO_API_KEY' } as const
/** lago-api `app/controllers/concerns/api_errors.rb`: what a key without that permission is told. */
const NOT_ALLOWED = /^(read|write)_action_not_allowed_for_(\w+)$/
const NEW_KEY = {
  Lago: 'copy one from Lago > Developers > API keys of this organisation',
  Dodo: 'create one in Dodo > Developer > API keys, in the mode that DODO_ENVIRONMENT names',
} as const

/** Only these two are set up. */
const isAsked = (service: Service): service is keyof typeof KEY_OF => service in KEY_OF

/**
 * What a service refused, and what to do about it, in a sentence. `hasRead`: the same key was taken for a read, so
 * that a 401 is about what it may do (Dodo answers a key that may only read like a wrong one).
 */
export function explainRefusal(error: unknown, { hasRead = false } = {}): string {
  if (error instanceof Later) return `${error.message}: try again in a minute`
  if (error instanceof WrongAddress) return error.remedy
  if (!(error instanceof ApiError)) return reasonOf(error)

  const { service, status, code } = error
  if (!isAsked(service)) return reasonOf(error)
  const key = KEY_OF[service]
  const [, access, resource] = NOT_ALLOWED.exec(code ?? '') ?? []
  if (resource) {
    return `${key} may not ${access} ${resource.replaceAll('_', ' ')}s: give it that permission in Lago > Developers > API keys`
  }
  if (status === 401 && service === 'Dodo' && hasRead) {
    return 'DODO_API_KEY may only read: create one with write access in Dodo > Developer > API keys'
  }
  if (status === 401) return `${service} refuses ${key} (401): ${NEW_KEY[service]}`
  if (code === 'MERCHANT_NOT_LIVE') return 'Dodo has not approved this account for live mode yet'
  if (status === undefined && error.outcome === 'refused') {
    return `${service} cannot be reached: ${error.detail}: is its address right, and may this machine go there?`
  }
  return reasonOf(error)
}
