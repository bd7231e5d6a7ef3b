import { meaningOf } from './refusals.ts'
import { PermanentError, reasonOf, type ApiError } from './errors.ts'
import type { Refusal } from './collect/unknown-outcome.ts'

const KEYS = {
  Dodo: 'check the key, its write access and DODO_ENVIRONMENT',
  Lago: 'check the key, and that it is one of this Lago',
} as const

/**
 * What a person must mend in the settings before any such call can succeed, in words; undefined when the refusal
 * is about something else.
 */
export function explainSettings(refusal: Refusal): PermanentError | undefined {
  const { service, status, code } = refusal
  const meaning = meaningOf(refusal)
  const key = service === 'Dodo' ? 'DODO_API_KEY' : 'LAGO_API_KEY'
  if (meaning === 'permission') {
    return new PermanentError(
      `Lago does not let LAGO_API_KEY do this (${code ?? status}): give the key that permission in Lago > Developers > API keys`,
      { code: 'lago_key_refused' },
    )
  }
  if (meaning !== 'settings') return undefined
  if (code === 'MERCHANT_NOT_LIVE')
    return new PermanentError('Dodo has not approved this account for live payments yet', {
      code: 'dodo_not_live',
    })
  if (status === 401 || status === 403) {
    return new PermanentError(`${service} refuses ${key} (${status}): ${KEYS[service]}`, {
      code: service === 'Dodo' ? 'dodo_key_refused' : 'lago_key_refused',
    })
  }
  return new PermanentError(reasonOf(refusal), { cause: refusal, code: codeOf(refusal) })
}

/** The reason code of a refusal that nothing more is known about. */
export const codeOf = ({ service }: ApiError) =>
  service === 'Dodo' ? 'dodo_refused' : 'lago_refused'
