import { z } from 'zod'

import { findBadUrls } from './private-address.ts'
import { apiKey, isStandardWebhooksSecret, list, webUrl } from './values.ts'

type Environment = Record<string, string | undefined>

const TEST_URL = 'https://test.dodopayments.com'

/** A second Dodo account, of test mode, beside the live one: for sandbox stores and HighLevel's test mode. */
export const DODO_TEST_VARIABLES = {
  DODO_TEST_API_KEY: apiKey('Dodo Payments > test mode > Developer > API keys').optional(),
  /** Any of them may sign. */
  DODO_TEST_WEBHOOK_SECRET: list
    .refine(
      (secrets) => secrets.length > 0 && secrets.every(isStandardWebhooksSecret),
      'each secret starts with whsec_ and goes on in base64',
    )
    .optional(),
  /** For a sandbox. */
  DODO_TEST_API_URL: webUrl(TEST_URL).optional(),
}

export const DODO_TEST_SECRET_NAMES = ['DODO_TEST_API_KEY', 'DODO_TEST_WEBHOOK_SECRET'] as const

/** A test account beside a test account would be asked for the same money as the first. */
export function findDodoTestContradictions(env: Environment): string[] {
  const given = Object.keys(DODO_TEST_VARIABLES).filter((name) => env[name] !== undefined)
  if (given.length === 0) return []
  if ((env['DODO_ENVIRONMENT'] ?? 'test') === 'test') {
    return given.map((name) => `${name}: is for DODO_ENVIRONMENT=live only: leave it out`)
  }
  const problems = findBadUrls(env, 'DODO_TEST_API_URL')
  if (!given.includes('DODO_TEST_API_KEY')) {
    problems.push(`DODO_TEST_API_KEY: is required with ${given.join(' and ')}`)
  }
  if (!given.includes('DODO_TEST_WEBHOOK_SECRET')) {
    problems.push('DODO_TEST_WEBHOOK_SECRET: is required with DODO_TEST_API_KEY')
  }
  return problems
}

type Values = z.infer<z.ZodObject<typeof DODO_TEST_VARIABLES>>

/** The second account; undefined when there is none. */
export function toDodoTestConfig(env: Values) {
  if (!env.DODO_TEST_API_KEY) return undefined
  return {
    environment: 'test' as const,
    url: env.DODO_TEST_API_URL ?? TEST_URL,
    apiKey: env.DODO_TEST_API_KEY,
    webhookSecrets: env.DODO_TEST_WEBHOOK_SECRET ?? [],
  }
}
