import { meaningOf } from '../refusals.ts'
import { PermanentError, reasonOf, type ApiError } from '../errors.ts'
import { isRefused, type Refusal } from './unknown-outcome.ts'

const KEYS = {
  Dodo: 'check the key, its write access and DODO_ENVIRONMENT',
  Lago: 'check the key, and that it is one of this Lago',
  Openfront: 'check the token of the store in OPENFRONT_TOKENS, and its scope read_orders',
  HighLevel: 'install the app again in this location',
} as const

const SETTINGS = {
  Dodo: 'DODO_API_KEY',
  Lago: 'LAGO_API_KEY',
  Openfront: 'OPENFRONT_TOKENS',
  HighLevel: 'the token of the location',
} as const

/**
 * What a person must mend in the settings before any such call can succeed, in words; undefined when the refusal
 * is about something else.
 */
export function explainSettings(refusal: Refusal): PermanentError | undefined {
  const { service, status, code, askedWith } = refusal
  const meaning = meaningOf(refusal)
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
    const advice = askedWith ? 'check it, its write access and its mode' : KEYS[service]
    return new PermanentError(
      `${service} refuses ${askedWith ?? SETTINGS[service]} (${status}): ${advice}`,
      {
        code: service === 'Dodo' ? 'dodo_key_refused' : 'lago_key_refused',
      },
    )
  }
  return new PermanentError(reasonOf(refusal), { cause: refusal, code: codeOf(refusal) })
}

/** What ended a look, as a person has to mend it: a refusal of Lago's or Dodo's that is about the settings is told as one. */
export function asMended(error: unknown): unknown {
  const isOurs = isRefused(error) && (error.service === 'Lago' || error.service === 'Dodo')
  return (isOurs && explainSettings(error)) || error
}

/** The reason code of a refusal that nothing more is known about. */
export const codeOf = ({ service }: ApiError) =>
  service === 'Dodo' ? 'dodo_refused' : 'lago_refused'
