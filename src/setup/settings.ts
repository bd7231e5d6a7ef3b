import { ConfigError, readSettings } from '../config.ts'

type Environment = Record<string, string | undefined>

/** None is known before `setup` has run; what stands in for them signs nothing. */
const UNKNOWN_YET = {
  LAGO_WEBHOOK_HMAC_KEY: 'not-known-yet',
  DODO_WEBHOOK_SECRET: 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  DODO_TEST_WEBHOOK_SECRET: 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
} as const

/** What turns another source on. */
const OTHERS = ['OPENFRONT_API_KEYS', 'HIGHLEVEL_CLIENT_ID'] as const

/**
 * The configuration for `setup`, which fetches a secret itself and so cannot be asked for it. Throws one ConfigError
 * that names every variable that is wrong.
 */
export function readSetupSettings(environment: Environment, found: readonly string[] = []) {
  const isGiven = (name: string) =>
    Boolean(environment[name]?.trim() || environment[`${name}_FILE`]?.trim())
  // A key that stands in for Lago's would turn Lago on where only others are served.
  const isWanted = (name: string) => {
    if (name === 'DODO_TEST_WEBHOOK_SECRET') return isGiven('DODO_TEST_API_KEY')
    return name !== 'LAGO_WEBHOOK_HMAC_KEY' || isGiven('LAGO_API_KEY') || !OTHERS.some(isGiven)
  }
  const missing = Object.entries(UNKNOWN_YET).filter(([name]) => !isGiven(name) && isWanted(name))
  const { config, doubts, isPublicUrlGiven } = readSettings(
    { ...environment, ...Object.fromEntries(missing) },
    found,
  )
  if (!isPublicUrlGiven) {
    throw new ConfigError(
      'PUBLIC_URL: is required: where Lago, Dodo and customers reach the bridge, like https://bridge.example',
    )
  }
  return {
    config,
    doubts,
    hasHmacKey: isGiven('LAGO_WEBHOOK_HMAC_KEY'),
    hasSecret: isGiven('DODO_WEBHOOK_SECRET'),
    hasTestSecret: isGiven('DODO_TEST_WEBHOOK_SECRET'),
  }
}
