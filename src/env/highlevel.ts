import { createPublicKey } from 'node:crypto'

import { z } from 'zod'

import { findBadUrls } from './private-address.ts'
import { apiKey, duration, list, webUrl } from './values.ts'

type Environment = Record<string, string | undefined>

const MIN_SECRET_LENGTH = 32
const API_URL = 'https://services.leadconnectorhq.com'
const EVENTS_URL = 'https://backend.leadconnectorhq.com/payments/custom-provider/webhook'
const MARKETPLACE_URL = 'https://marketplace.gohighlevel.com'
/** The key of HighLevel's marketplace webhooks, from its developer documentation. */
const WEBHOOK_KEY = 'MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg='

/** An Ed25519 key, as PEM, also on one line, or as the base64 of its SPKI. */
const publicKey = z.string().transform((text, context): string => {
  const base64 = text.replaceAll(/-----[A-Z ]+-----|\\n|\s/g, '')
  try {
    const key = createPublicKey({
      key: Buffer.from(base64, 'base64'),
      format: 'der',
      type: 'spki',
    })
    if (key.asymmetricKeyType === 'ed25519') return base64
  } catch {
    // What is no key at all is told in the same words.
  }
  context.addIssue({
    code: 'custom',
    message: 'write an Ed25519 public key, as PEM or as the base64 of its SPKI',
  })
  return z.NEVER
})

/** What turns HighLevel on, and how its locations are served. */
export const HIGHLEVEL_VARIABLES = {
  HIGHLEVEL_CLIENT_ID: apiKey('the marketplace app > Client keys').optional(),
  HIGHLEVEL_CLIENT_SECRET: apiKey('the marketplace app > Client keys').optional(),
  /** Keys are made and secrets encrypted with the first; all are understood. */
  HIGHLEVEL_SECRET: list
    .refine(
      (secrets) => secrets.length > 0 && secrets.every(({ length }) => length >= MIN_SECRET_LENGTH),
      `each one has ${MIN_SECRET_LENGTH} characters or more`,
    )
    .optional(),
  /** Location ids, or `company:<id>`. */
  HIGHLEVEL_LOCATIONS: list
    .refine(
      (parts) => parts.length > 0 && parts.every((part) => /^(?:company:)?[\w-]+$/.test(part)),
      'write location ids, or company:<id> for all of an agency',
    )
    .optional(),
  HIGHLEVEL_ACCOUNTS: z.enum(['shared', 'own'], 'write shared or own').default('shared'),
  HIGHLEVEL_PAYMENTS: z
    .enum(['one-time', 'recurring'], 'write one-time or recurring')
    .default('one-time'),
  /** The app's shared secret, for its custom page. */
  HIGHLEVEL_SSO_SECRET: z.string().optional(),
  /** How long HighLevel has to verify a payment before it is told. */
  HIGHLEVEL_TELL_AFTER: z.string().default('60s').pipe(duration(0)),
  HIGHLEVEL_APP_ID: z.string().optional(),
  HIGHLEVEL_NAME: z.string().default('Dodo Payments'),
  HIGHLEVEL_API_URL: webUrl(API_URL).default(API_URL),
  HIGHLEVEL_WEBHOOK_URL: webUrl(EVENTS_URL).default(EVENTS_URL),
  HIGHLEVEL_MARKETPLACE_URL: webUrl(MARKETPLACE_URL).default(MARKETPLACE_URL),
  HIGHLEVEL_WEBHOOK_PUBLIC_KEY: publicKey.optional(),
}

export const HIGHLEVEL_SECRET_NAMES = [
  'HIGHLEVEL_CLIENT_SECRET',
  'HIGHLEVEL_SECRET',
  'HIGHLEVEL_SSO_SECRET',
] as const

const TOGETHER = [
  'HIGHLEVEL_CLIENT_ID',
  'HIGHLEVEL_CLIENT_SECRET',
  'HIGHLEVEL_SECRET',
  'HIGHLEVEL_LOCATIONS',
] as const

/** Addresses that HighLevel's tokens are sent to. */
const ADDRESSES = [
  'HIGHLEVEL_API_URL',
  'HIGHLEVEL_WEBHOOK_URL',
  'HIGHLEVEL_MARKETPLACE_URL',
] as const

export const isHighlevelOn = (env: Environment) => TOGETHER.every((name) => env[name] !== undefined)

/** The four that turn HighLevel on are set together or not at all. */
export function findHighlevelContradictions(env: Environment): string[] {
  const given = TOGETHER.filter((name) => env[name] !== undefined)
  if (given.length === 0) return []
  const missing = TOGETHER.filter((name) => env[name] === undefined)
  return [
    ...missing.map((name) => `${name}: is required with ${given.join(', ')}`),
    ...ADDRESSES.flatMap((name) => findBadUrls(env, name)),
  ]
}

type Values = z.infer<z.ZodObject<typeof HIGHLEVEL_VARIABLES>>

const isCompany = (part: string) => part.startsWith('company:')

/** What the bridge knows of the marketplace app; undefined while HighLevel is off. */
export function toHighlevelConfig(env: Values) {
  const { HIGHLEVEL_CLIENT_ID: clientId, HIGHLEVEL_CLIENT_SECRET: clientSecret } = env
  const { HIGHLEVEL_SECRET: secrets, HIGHLEVEL_LOCATIONS: allowed } = env
  if (!clientId || !clientSecret || !secrets || !allowed) return undefined
  return {
    clientId,
    clientSecret,
    secrets,
    allowedLocations: allowed.filter((part) => !isCompany(part)),
    allowedCompanies: allowed.filter(isCompany).map((part) => part.slice('company:'.length)),
    accounts: env.HIGHLEVEL_ACCOUNTS,
    payments: env.HIGHLEVEL_PAYMENTS,
    ssoSecret: env.HIGHLEVEL_SSO_SECRET,
    tellAfterMs: env.HIGHLEVEL_TELL_AFTER,
    appId: env.HIGHLEVEL_APP_ID ?? clientId.replace(/-[^-]*$/, ''),
    name: env.HIGHLEVEL_NAME,
    url: env.HIGHLEVEL_API_URL,
    eventsUrl: env.HIGHLEVEL_WEBHOOK_URL,
    marketplaceUrl: env.HIGHLEVEL_MARKETPLACE_URL,
    /** The base64 of its SPKI. */
    webhookPublicKey: env.HIGHLEVEL_WEBHOOK_PUBLIC_KEY ?? WEBHOOK_KEY,
  }
}
