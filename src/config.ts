import { z } from 'zod'

import { refuseBadDatabaseUrl } from './db/database-url.ts'

/** The configuration is wrong. The message lists every problem and how to mend each. */
export class ConfigError extends Error {
  override name = 'ConfigError' as const
}

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const MAX_DURATION_MS = 366 * UNIT_MS.d

function readDurationMs(text: string): number | undefined {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(text)
  if (!match) return undefined
  const durationMs = Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS]
  return durationMs <= MAX_DURATION_MS ? durationMs : undefined
}

const DURATION_HELP = 'write a duration like 500ms, 30s, 5m, 2h or 3d (at most a year)'

const duration = (minMs: number) =>
  z.string().transform((text, context) => {
    const durationMs = readDurationMs(text)
    if (durationMs !== undefined && durationMs >= minMs) return durationMs
    const least = durationMs === undefined ? '' : `; at least ${minMs}ms`
    context.addIssue({ code: 'custom', message: `${DURATION_HELP}${least}` })
    return z.NEVER
  })

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
)

const durations = list.transform((parts, context) => {
  const waits = parts.map(readDurationMs)
  if (waits.every((wait) => wait !== undefined)) return waits
  context.addIssue({ code: 'custom', message: `comma-separated; ${DURATION_HELP}` })
  return z.NEVER
})

const webUrl = z
  .url({ protocol: /^https?$/, message: 'write a full URL, like https://bridge.example' })
  .transform((text) => text.replace(/\/+$/, ''))

const secret = (where: string) =>
  z
    .string({ error: `is required: ${where}` })
    .trim()
    .min(1)

/** The prefix, then base64 with its padding: anything else makes the verifier throw later. */
const isStandardWebhooksSecret = (text: string) =>
  /^whsec_(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text) &&
  text !== 'whsec_'

/** Every environment variable of the bridge, with what it means and how it is checked. */
const Environment = z.object({
  /** Where the bridge listens. 0 picks a free port. */
  PORT: z.coerce.number('write a port number').int().min(0).max(65_535).default(3000),
  /** Where customers and the two services reach the bridge. */
  PUBLIC_URL: webUrl.optional(),
  /** Postgres 14 or newer. Without it the bridge runs its own under DATA_DIR. */
  DATABASE_URL: z.string().superRefine(refuseBadDatabaseUrl).optional(),
  /** How many connections a server process takes at most. */
  DATABASE_CONNECTIONS: z.coerce
    .number('write a number from 5 to 100')
    .int()
    .min(5, 'write a number from 5 to 100')
    .max(100, 'write a number from 5 to 100')
    .default(12),
  /** The embedded Postgres lives here. */
  DATA_DIR: z.string().default('./data'),
  /** With or without /api/v1. */
  LAGO_API_URL: webUrl
    .default('https://api.getlago.com')
    .transform((url) => url.replace(/\/api\/v1$/, '')),
  LAGO_API_KEY: secret('Lago > Developers > API keys'),
  /** How Lago signs its webhooks; chosen here, never by a header of the request. */
  LAGO_WEBHOOK_SIGNATURE: z.enum(['hmac', 'jwt'], 'write hmac or jwt').default('hmac'),
  /** Any of them may sign. */
  LAGO_WEBHOOK_HMAC_KEY: list.optional(),
  LAGO_JWT_ISSUER: z.string().optional(),
  /** Which write-back the Lago installation allows. */
  LAGO_LICENSE: z.enum(['auto', 'premium', 'free'], 'write auto, premium or free').default('auto'),
  DODO_ENVIRONMENT: z.enum(['test', 'live'], 'write test or live').default('test'),
  /** For a sandbox. */
  DODO_API_URL: webUrl.optional(),
  DODO_API_KEY: secret('Dodo Payments > Developer > API keys'),
  /** Any of them may sign. */
  DODO_WEBHOOK_SECRET: secret('Dodo Payments > Developer > Webhooks > your endpoint')
    .pipe(list)
    .refine(
      (secrets) => secrets.length > 0 && secrets.every(isStandardWebhooksSecret),
      'each secret starts with whsec_ and goes on in base64',
    ),
  COLLECTION: z.enum(['checkout', 'automatic'], 'write checkout or automatic').default('checkout'),
  /** Waits between collection attempts after a decline; empty means no retry. */
  RETRY_SCHEDULE: z.string().default('3d,7d,7d').pipe(durations),
  DUPLICATE_PAYMENTS: z.enum(['refund', 'hold'], 'write refund or hold').default('refund'),
  VOID_PAYMENTS: z.enum(['refund', 'hold'], 'write refund or hold').default('hold'),
  /** How often both ledgers are swept for what webhooks missed. */
  RECONCILE_EVERY: z.string().default('5m').pipe(duration(1_000)),
  /** Without it /api, /dashboard and /metrics answer 404. */
  ADMIN_TOKEN: z.string().min(8, 'use at least 8 characters').optional(),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'write a pino level')
    .default('info'),
})

/** The names of all variables, as `.env.example` and the README must list them. */
export const VARIABLE_NAMES = Object.keys(Environment.shape)

/** What no single variable can tell: found also when others are wrong, so that all is said at once. */
function findContradictions(env: Record<string, string | undefined>): string[] {
  const needsKey = (env['LAGO_WEBHOOK_SIGNATURE'] ?? 'hmac') === 'hmac'
  const problems: string[] = []
  if (needsKey && !list.parse(env['LAGO_WEBHOOK_HMAC_KEY'] ?? '').length) {
    problems.push(
      'LAGO_WEBHOOK_HMAC_KEY: is required: Lago > Developers > Webhooks > HMAC signature token',
    )
  }
  if (env['DODO_ENVIRONMENT'] === 'live' && !env['PUBLIC_URL']?.startsWith('https://')) {
    problems.push('PUBLIC_URL: must be an https URL when DODO_ENVIRONMENT=live')
  }
  return problems
}

const DODO_API_URLS = {
  test: 'https://test.dodopayments.com',
  live: 'https://live.dodopayments.com',
} as const

/** The whole configuration, checked and in the units the code uses. */
export type Config = ReturnType<typeof readConfig>

/** Reads the environment. Throws one ConfigError that names every variable that is wrong. */
export function readConfig(environment: Record<string, string | undefined>) {
  const given = withoutBlanks(environment)
  const parsed = Environment.safeParse(given)
  const contradictions = findContradictions(given)
  if (!parsed.success || contradictions.length > 0) {
    throw new ConfigError(describeProblems(parsed.error?.issues ?? [], contradictions))
  }
  const env = parsed.data
  return {
    port: env.PORT,
    publicUrl: env.PUBLIC_URL ?? `http://localhost:${env.PORT}`,
    databaseUrl: env.DATABASE_URL,
    databaseConnections: env.DATABASE_CONNECTIONS,
    dataDir: env.DATA_DIR,
    lago: {
      url: env.LAGO_API_URL,
      apiKey: env.LAGO_API_KEY,
      signature: env.LAGO_WEBHOOK_SIGNATURE,
      hmacKeys: env.LAGO_WEBHOOK_HMAC_KEY ?? [],
      jwtIssuer: env.LAGO_JWT_ISSUER ?? new URL(env.LAGO_API_URL).origin,
      license: env.LAGO_LICENSE,
    },
    dodo: {
      url: env.DODO_API_URL ?? DODO_API_URLS[env.DODO_ENVIRONMENT],
      apiKey: env.DODO_API_KEY,
      webhookSecrets: env.DODO_WEBHOOK_SECRET,
    },
    collection: env.COLLECTION,
    retryScheduleMs: env.RETRY_SCHEDULE,
    duplicatePayments: env.DUPLICATE_PAYMENTS,
    voidPayments: env.VOID_PAYMENTS,
    reconcileEveryMs: env.RECONCILE_EVERY,
    adminToken: env.ADMIN_TOKEN,
    logLevel: env.LOG_LEVEL,
  }
}

/** `NAME=` in an env file means unset, but for RETRY_SCHEDULE, where empty means no retry. */
function withoutBlanks(environment: Record<string, string | undefined>) {
  return Object.fromEntries(
    Object.entries(environment).filter(
      ([name, value]) => name === 'RETRY_SCHEDULE' || (value ?? '').trim() !== '',
    ),
  )
}

function describeProblems(issues: z.core.$ZodIssue[], contradictions: string[]): string {
  const lines = issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  const problems = [...new Set([...lines, ...contradictions])]
  return ['The configuration is not complete:', ...problems.map((line) => `  ${line}`)].join('\n')
}
