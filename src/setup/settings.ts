import { ConfigError, readSettings } from '../config.ts'

type Environment = Record<string, string | undefined>

/** Neither is known before `setup` has run; what stands in for them signs nothing. */
const UNKNOWN_YET = {
  LAGO_WEBHOOK_HMAC_KEY: 'not-known-yet',
  DODO_WEBHOOK_SECRET: 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
} as const

/**
 * The configuration for `setup`, which fetches a secret itself and so cannot be asked for it. Throws one ConfigError
 * that names every variable that is wrong.
 */
export function readSetupSettings(environment: Environment, found: readonly string[] = []) {
  const isGiven = (name: string) =>
    Boolean(environment[name]?.trim() || environment[`${name}_FILE`]?.trim())
  const missing = Object.entries(UNKNOWN_YET).filter(([name]) => !isGiven(name))
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
  }
}
