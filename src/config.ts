import { z } from 'zod'

import { refuseBadDatabaseUrl } from './db/database-url.ts'
import { alertUrl } from './env/alert-url.ts'
import { clean } from './env/clean.ts'
import { ConfigError } from './env/config-error.ts'
import { CUSTOMER_VARIABLES, toCustomersConfig } from './env/customers.ts'
import {
  DODO_TEST_SECRET_NAMES,
  DODO_TEST_VARIABLES,
  findDodoTestContradictions,
  toDodoTestConfig,
} from './env/dodo-test.ts'
import {
  findHighlevelContradictions,
  HIGHLEVEL_SECRET_NAMES,
  HIGHLEVEL_VARIABLES,
  isHighlevelOn,
  toHighlevelConfig,
} from './env/highlevel.ts'
import {
  findMailContradictions,
  MAIL_SECRET_NAMES,
  MAIL_VARIABLES,
  toMailConfig,
} from './env/mail.ts'
import { findDoubts, findStrangers, findUnsafe } from './env/judge.ts'
import {
  findOpenfrontContradictions,
  isOpenfrontOn,
  OPENFRONT_SECRET_NAMES,
  OPENFRONT_VARIABLES,
  toOpenfrontConfig,
} from './env/openfront.ts'
import { readSecretFiles } from './env/secret-files.ts'
import { ALERT_TYPES, alertTypesOf } from './alert-types.ts'
import {
  apiKey,
  collectSince,
  duration,
  durations,
  isStandardWebhooksSecret,
  list,
  rateLimit,
  secret,
  webUrl,
} from './env/values.ts'

export { ConfigError } from './env/config-error.ts'

const WHERE_LAGO_KEYS_ARE = 'Lago > Developers > API keys'

/** Every environment variable of the bridge, with what it means and how it is checked. */
const Environment = z.object({
  /** Where the bridge listens. 0 picks a free port. */
  PORT: z.coerce.number('write a port number').int().min(0).max(65_535).default(3000),
  /** The address it listens on; without one, all of this machine's. */
  HOST: z.string().trim().min(1).optional(),
  /** Where customers and the two services reach the bridge. */
  PUBLIC_URL: webUrl('https://bridge.example').optional(),
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
  LAGO_API_URL: webUrl('https://api.getlago.com')
    .default('https://api.getlago.com')
    .transform((url) => url.replace(/\/api\/v1$/, '')),
  LAGO_API_KEY: apiKey(WHERE_LAGO_KEYS_ARE).optional(),
  /** How Lago signs its webhooks; chosen here, never by a header of the request. */
  LAGO_WEBHOOK_SIGNATURE: z.enum(['hmac', 'jwt'], 'write hmac or jwt').default('hmac'),
  /** Any of them may sign. */
  LAGO_WEBHOOK_HMAC_KEY: list.optional(),
  LAGO_JWT_ISSUER: z.string().optional(),
  /** How long an answer of Lago to a read is waited for: an invoice of thousands of fees takes a while. */
  LAGO_TIMEOUT: z.string().default('15s').pipe(duration(1_000, 120_000)),
  /** Which write-back the Lago installation allows. */
  LAGO_LICENSE: z.enum(['auto', 'premium', 'free'], 'write auto, premium or free').default('auto'),
  DODO_ENVIRONMENT: z.enum(['test', 'live'], 'write test or live').default('test'),
  /** For a sandbox. */
  DODO_API_URL: webUrl('https://test.dodopayments.com').optional(),
  DODO_API_KEY: apiKey('Dodo Payments > Developer > API keys'),
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
  /** Invoices that Lago issued before it are not collected; `all` collects whatever is unpaid. */
  COLLECT_SINCE: collectSince.optional(),
  /** What all replicas together may ask of Dodo. */
  DODO_RATE_LIMIT: z.string().default('36/s,230/m').pipe(rateLimit),
  /** The same for Lago. */
  LAGO_RATE_LIMIT: z.string().default('45/s').pipe(rateLimit),
  /** How long bodies of deliveries and names of customers are kept after all is done; off: for ever. */
  RETENTION: z
    .string()
    .default('off')
    .transform((text) => (text === 'off' ? undefined : text))
    .pipe(duration(3_600_000).optional()),
  /** Without it /api, /dashboard and /metrics answer 404. */
  ADMIN_TOKEN: z
    .string()
    .min(8, 'use at least 8 characters')
    .regex(/^[\x20-\x7e]+$/, 'use letters, digits and signs of ASCII: it is sent in a header')
    .optional(),
  /** May look at /api, /dashboard and /metrics, and change nothing. */
  VIEWER_TOKEN: z
    .string()
    .min(8, 'use at least 8 characters')
    .regex(/^[\x20-\x7e]+$/, 'use letters, digits and signs of ASCII: it is sent in a header')
    .optional(),
  /** Who is told what is wrong: a chat, or a program. */
  ALERT_WEBHOOK_URL: alertUrl.optional(),
  /** Signs what is told, as Standard Webhooks say. */
  ALERT_WEBHOOK_SECRET: z
    .string()
    .refine(isStandardWebhooksSecret, 'it starts with whsec_ and goes on in base64')
    .optional(),
  /** Of what; all but daily_summary where it is not set. */
  ALERT_EVENTS: list
    .pipe(z.array(z.enum(ALERT_TYPES, `write some of ${ALERT_TYPES.join(', ')}`)))
    .optional(),
  /** What a chat shows, or what a program reads; `auto` goes by the host. */
  ALERT_FORMAT: z
    .enum(['auto', 'standard', 'slack'], 'write auto, standard or slack')
    .default('auto'),
  /** When the day is summed up, in UTC. */
  ALERT_SUMMARY_AT: z
    .string()
    .regex(/^(?:[01]\d|2[0-3]):[0-5]\d$/, 'write a time of day in UTC, like 07:30')
    .optional(),
  LOG_LEVEL: z
    .enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], 'write a pino level')
    .default('info'),
  ...CUSTOMER_VARIABLES,
  ...MAIL_VARIABLES,
  ...DODO_TEST_VARIABLES,
  ...OPENFRONT_VARIABLES,
  ...HIGHLEVEL_VARIABLES,
})

/** The names of all variables, as `.env.example` and the README must list them. */
export const VARIABLE_NAMES = Object.keys(Environment.shape)

/** Variables that may also be given as `NAME_FILE`, the path of a file that holds the value. */
export const SECRET_NAMES = [
  'DATABASE_URL',
  'LAGO_API_KEY',
  'LAGO_WEBHOOK_HMAC_KEY',
  'DODO_API_KEY',
  'DODO_WEBHOOK_SECRET',
  'ADMIN_TOKEN',
  'VIEWER_TOKEN',
  'ALERT_WEBHOOK_URL',
  'ALERT_WEBHOOK_SECRET',
  ...MAIL_SECRET_NAMES,
  ...DODO_TEST_SECRET_NAMES,
  ...OPENFRONT_SECRET_NAMES,
  ...HIGHLEVEL_SECRET_NAMES,
] as const satisfies readonly (keyof typeof Environment.shape)[]

/** All names that are looked for in an environment. */
export const SETTING_NAMES: readonly string[] = [
  ...VARIABLE_NAMES,
  ...SECRET_NAMES.map((name) => `${name}_FILE`),
]

const LAGO_WISHES = ['LAGO_API_KEY', 'LAGO_WEBHOOK_HMAC_KEY', 'LAGO_JWT_ISSUER'] as const

/**
 * Lago is served when somebody wants it, or when nobody else is. An address alone is a template left over, not a
 * wish.
 */
const isLagoOn = (env: Record<string, unknown>) =>
  LAGO_WISHES.some((name) => env[name] !== undefined) ||
  !(isOpenfrontOn(env as Environment) || isHighlevelOn(env as Environment))

type Environment = Record<string, string | undefined>

/** What no single variable can tell: found also when others are wrong, so that all is said at once. */
function findContradictions(env: Environment): string[] {
  return [
    ...(isLagoOn(env) ? findMissingLago(env) : []),
    ...findMailContradictions(env),
    ...findDodoTestContradictions(env),
    ...findOpenfrontContradictions(env),
    ...findHighlevelContradictions(env),
    ...findUnsafe(env),
  ]
}

function findMissingLago(env: Environment): string[] {
  const problems: string[] = []
  if (env['LAGO_API_KEY'] === undefined) {
    problems.push(`LAGO_API_KEY: is required: ${WHERE_LAGO_KEYS_ARE}`)
  }
  const needsKey = (env['LAGO_WEBHOOK_SIGNATURE'] ?? 'hmac') === 'hmac'
  if (needsKey && !list.parse(env['LAGO_WEBHOOK_HMAC_KEY'] ?? '').length) {
    problems.push(
      'LAGO_WEBHOOK_HMAC_KEY: is required: Lago > Developers > Webhooks > HMAC signature token',
    )
  }
  return problems
}

/** Where Dodo is, by mode. */
export const DODO_API_URLS = {
  test: 'https://test.dodopayments.com',
  live: 'https://live.dodopayments.com',
} as const

/** The whole configuration, checked and in the units the code uses. */
export type Config = ReturnType<typeof toConfig> & {
  /** Nobody has said where the bridge is reached: no link is written anywhere. */
  isPublicUrlGuessed?: boolean
}

/** Reads the environment. Throws one ConfigError that names every variable that is wrong. */
export const readConfig = (environment: Record<string, string | undefined>) =>
  readSettings(environment).config

/**
 * The configuration, and what in the environment is probably not what somebody meant. `found` are problems that
 * were found before, on the way here.
 */
export function readSettings(
  environment: Record<string, string | undefined>,
  found: readonly string[] = [],
) {
  const { given, problems } = unpack(environment)
  const parsed = Environment.safeParse(given)
  const all = [...found, ...problems, ...findContradictions(given)]
  if (!parsed.success || all.length > 0) {
    const problem = describeProblems(parsed.error?.issues ?? [], all)
    // What is missing may be there under a name that is slightly wrong.
    throw new ConfigError([problem, ...findStrangers(given, SETTING_NAMES)].join('\n  '))
  }
  return {
    config: toConfig(parsed.data),
    isPublicUrlGiven: parsed.data.PUBLIC_URL !== undefined,
    doubts: findDoubts(given, SETTING_NAMES),
  }
}

function toConfig(env: z.infer<typeof Environment>) {
  return {
    port: env.PORT,
    host: env.HOST,
    publicUrl: env.PUBLIC_URL ?? `http://localhost:${env.PORT}`,
    databaseUrl: env.DATABASE_URL,
    databaseConnections: env.DATABASE_CONNECTIONS,
    dataDir: env.DATA_DIR,
    lago: {
      url: env.LAGO_API_URL,
      /** Off: nothing of Lago is asked, and nothing of it is taken. */
      isOn: isLagoOn(env),
      /** Empty while it is off. */
      apiKey: env.LAGO_API_KEY ?? '',
      signature: env.LAGO_WEBHOOK_SIGNATURE,
      hmacKeys: env.LAGO_WEBHOOK_HMAC_KEY ?? [],
      jwtIssuer: env.LAGO_JWT_ISSUER ?? new URL(env.LAGO_API_URL).origin,
      license: env.LAGO_LICENSE,
      readTimeoutMs: env.LAGO_TIMEOUT,
    },
    dodo: {
      environment: env.DODO_ENVIRONMENT,
      url: env.DODO_API_URL ?? DODO_API_URLS[env.DODO_ENVIRONMENT],
      apiKey: env.DODO_API_KEY,
      webhookSecrets: env.DODO_WEBHOOK_SECRET,
    },
    dodoTest: toDodoTestConfig(env),
    openfront: toOpenfrontConfig(env),
    highlevel: toHighlevelConfig(env),
    collection: env.COLLECTION,
    retryScheduleMs: env.RETRY_SCHEDULE,
    duplicatePayments: env.DUPLICATE_PAYMENTS,
    voidPayments: env.VOID_PAYMENTS,
    reconcileEveryMs: env.RECONCILE_EVERY,
    collectSince: env.COLLECT_SINCE,
    rateLimits: { Dodo: env.DODO_RATE_LIMIT, Lago: env.LAGO_RATE_LIMIT },
    retentionMs: env.RETENTION,
    adminToken: env.ADMIN_TOKEN,
    viewerToken: env.VIEWER_TOKEN,
    alerts: {
      url: env.ALERT_WEBHOOK_URL,
      secret: env.ALERT_WEBHOOK_SECRET,
      types: alertTypesOf(env.ALERT_EVENTS, env.ALERT_SUMMARY_AT),
      format: env.ALERT_FORMAT,
      summaryAt: env.ALERT_SUMMARY_AT,
    },
    customers: toCustomersConfig(env),
    mail: toMailConfig(env),
    logLevel: env.LOG_LEVEL,
  }
}

/**
 * The environment without what its values brought along from a file, and with the secrets that are in files of
 * their own. `NAME=` means unset, but for RETRY_SCHEDULE, where empty means no retry.
 */
function unpack(environment: Record<string, string | undefined>) {
  const given: Record<string, string> = {}
  const problems: string[] = []
  for (const [name, raw = ''] of Object.entries(environment)) {
    const cleaned = clean(raw)
    if ('problem' in cleaned) {
      if (SETTING_NAMES.includes(name)) problems.push(`${name}: ${cleaned.problem}`)
    } else if (cleaned.value !== '' || (name === 'RETRY_SCHEDULE' && name in environment)) {
      given[name] = cleaned.value
    }
  }
  const files = readSecretFiles(given, SECRET_NAMES)
  return { given: files.values, problems: [...problems, ...files.problems] }
}

/** One line for each problem; of a variable that could not even be taken, nothing else is said. */
function describeProblems(issues: z.core.$ZodIssue[], found: readonly string[]): string {
  const lines = issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
  const taken = new Set(found.map(nameIn))
  const untaken = lines.filter((line) => !taken.has(nameIn(line)))
  const problems = [...new Set([...untaken, ...found])]
  const isWanting = problems.some((line) => line.includes(': is required'))
  const heading = `The configuration is ${isWanting ? 'not complete' : 'wrong'}:`
  return [heading, ...problems.map((line) => `  ${line}`)].join('\n')
}

const nameIn = (line: string) => line.split(':')[0]?.replace(/_FILE$/, '')
