import { describe, expect, test } from 'bun:test'

import { ConfigError, readConfig, VARIABLE_NAMES } from '../src/config.ts'
import { ALERT_TYPES } from '../src/alert-types.ts'

const SECRET = 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx'
const REQUIRED = {
  LAGO_API_KEY: 'lago-key-0d9c1c62',
  LAGO_WEBHOOK_HMAC_KEY: 'hmac-key-4f3f0b7e',
  DODO_API_KEY: 'dodo-key-7c7c9a10',
  DODO_WEBHOOK_SECRET: SECRET,
}
const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

const read = (changes: Record<string, string | undefined> = {}) =>
  readConfig({ ...REQUIRED, ...changes })

/** What the operator is told, or nothing when the configuration is accepted. */
function complaintAbout(environment: Record<string, string | undefined>): string {
  try {
    readConfig(environment)
    return ''
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}
const complaint = (changes: Record<string, string | undefined>) =>
  complaintAbout({ ...REQUIRED, ...changes })

describe('COLLECT_SINCE', () => {
  test.each([
    ['all', 'all'],
    ['2026-11-01', new Date('2026-11-01T00:00:00Z')],
    ['2026-11-01T08:30:00Z', new Date('2026-11-01T08:30:00Z')],
    ['2026-11-01T08:30+02:00', new Date('2026-11-01T06:30:00Z')],
  ])('%s', (text, collectSince) => {
    expect(read({ COLLECT_SINCE: text })).toMatchObject({ collectSince })
  })
})

test('a rate limit has any number of windows', () => {
  const { rateLimits } = read({ DODO_RATE_LIMIT: '100/s, 1000/m, 50000/h' })

  expect(rateLimits.Dodo).toEqual([
    { lengthMs: SECOND_MS, most: 100 },
    { lengthMs: MINUTE_MS, most: 1_000 },
    { lengthMs: HOUR_MS, most: 50_000 },
  ])
})

describe('readConfig', () => {
  test('what is not set has the default of the README', () => {
    expect(read()).toEqual({
      port: 3_000,
      host: undefined,
      publicUrl: 'http://localhost:3000',
      databaseUrl: undefined,
      databaseConnections: 12,
      dataDir: './data',
      lago: {
        url: 'https://api.getlago.com',
        apiKey: 'lago-key-0d9c1c62',
        signature: 'hmac',
        hmacKeys: ['hmac-key-4f3f0b7e'],
        jwtIssuer: 'https://api.getlago.com',
        license: 'auto',
        readTimeoutMs: 15_000,
        isOn: true,
      },
      dodo: {
        environment: 'test',
        url: 'https://test.dodopayments.com',
        apiKey: 'dodo-key-7c7c9a10',
        webhookSecrets: [SECRET],
      },
      dodoTest: undefined,
      openfront: undefined,
      highlevel: undefined,
      collection: 'checkout',
      retryScheduleMs: [3 * DAY_MS, 7 * DAY_MS, 7 * DAY_MS],
      duplicatePayments: 'refund',
      voidPayments: 'hold',
      reconcileEveryMs: 5 * MINUTE_MS,
      collectSince: undefined,
      rateLimits: {
        Dodo: [
          { lengthMs: SECOND_MS, most: 36 },
          { lengthMs: MINUTE_MS, most: 230 },
        ],
        Lago: [{ lengthMs: SECOND_MS, most: 45 }],
      },
      retentionMs: undefined,
      customers: {
        name: undefined,
        logo: undefined,
        color: undefined,
        supportEmail: undefined,
        supportUrl: undefined,
        termsUrl: undefined,
        privacyUrl: undefined,
      },
      adminToken: undefined,
      viewerToken: undefined,
      alerts: {
        url: undefined,
        secret: undefined,
        types: ALERT_TYPES.filter((type) => type !== 'daily_summary'),
        format: 'auto',
        summaryAt: undefined,
      },
      mail: {
        smtpUrl: undefined,
        from: undefined,
        kinds: [],
        reminderDays: [],
        testTo: undefined,
        isLinkOnInvoice: false,
      },
      logLevel: 'info',
    })
  })

  test('mail that cannot be is not taken for mail that is', () => {
    const mail = { SMTP_URL: 'smtps://mail.example', MAIL_FROM: 'Acme <billing@acme.example>' }

    expect(() => read({ CUSTOMER_EMAILS: 'invoice' })).toThrow(
      /SMTP_URL: is required where CUSTOMER_EMAILS is set\n {2}MAIL_FROM: is required/,
    )
    expect(() => read({ ...mail, CUSTOMER_EMAILS: 'reminder' })).toThrow('REMINDERS: is required')
    expect(() => read({ ...mail, CUSTOMER_EMAILS: 'receipt' })).toThrow('write some of invoice')
    expect(() => read({ SMTP_URL: 'mail.example:25' })).toThrow('write smtp://user:password@host')
    expect(() => read({ MAIL_FROM: 'Acme\r\nBcc: a@b.example <b@c.example>' })).toThrow('MAIL_FROM')
    expect(() => read({ REMINDERS: '3h' })).toThrow('write days around the due date')
    expect(
      read({ ...mail, CUSTOMER_EMAILS: 'invoice, reminder', REMINDERS: '-3d,10d' }).mail,
    ).toMatchObject({ kinds: ['invoice', 'reminder'], reminderDays: [-3, 10] })
  })

  test('the variables are those of the contract', () => {
    expect(VARIABLE_NAMES.toSorted()).toEqual(
      [
        'PORT',
        'HOST',
        'PUBLIC_URL',
        'DATABASE_CONNECTIONS',
        'DATABASE_URL',
        'DATA_DIR',
        'LAGO_API_URL',
        'LAGO_API_KEY',
        'LAGO_WEBHOOK_SIGNATURE',
        'LAGO_WEBHOOK_HMAC_KEY',
        'LAGO_JWT_ISSUER',
        'LAGO_TIMEOUT',
        'LAGO_LICENSE',
        'DODO_ENVIRONMENT',
        'DODO_API_URL',
        'DODO_API_KEY',
        'DODO_WEBHOOK_SECRET',
        'COLLECTION',
        'MERCHANT_NAME',
        'MERCHANT_LOGO',
        'MERCHANT_COLOR',
        'SUPPORT_EMAIL',
        'SUPPORT_URL',
        'TERMS_URL',
        'PRIVACY_URL',
        'SMTP_URL',
        'MAIL_FROM',
        'CUSTOMER_EMAILS',
        'REMINDERS',
        'MAIL_TEST_TO',
        'PAY_LINK_ON_INVOICE',
        'RETENTION',
        'RETRY_SCHEDULE',
        'DUPLICATE_PAYMENTS',
        'VIEWER_TOKEN',
        'ALERT_WEBHOOK_URL',
        'ALERT_WEBHOOK_SECRET',
        'ALERT_EVENTS',
        'ALERT_FORMAT',
        'ALERT_SUMMARY_AT',
        'VOID_PAYMENTS',
        'RECONCILE_EVERY',
        'COLLECT_SINCE',
        'DODO_RATE_LIMIT',
        'LAGO_RATE_LIMIT',
        'ADMIN_TOKEN',
        'LOG_LEVEL',
        'DODO_TEST_API_KEY',
        'DODO_TEST_WEBHOOK_SECRET',
        'DODO_TEST_API_URL',
        'OPENFRONT_API_KEYS',
        'OPENFRONT_RETURN_URLS',
        'OPENFRONT_URLS',
        'OPENFRONT_TOKENS',
        'OPENFRONT_COMPLETE_AFTER',
        'OPENFRONT_REFUNDS',
        'HIGHLEVEL_CLIENT_ID',
        'HIGHLEVEL_CLIENT_SECRET',
        'HIGHLEVEL_SECRET',
        'HIGHLEVEL_LOCATIONS',
        'HIGHLEVEL_ACCOUNTS',
        'HIGHLEVEL_PAYMENTS',
        'HIGHLEVEL_SSO_SECRET',
        'HIGHLEVEL_TELL_AFTER',
        'HIGHLEVEL_APP_ID',
        'HIGHLEVEL_NAME',
        'HIGHLEVEL_API_URL',
        'HIGHLEVEL_WEBHOOK_URL',
        'HIGHLEVEL_MARKETPLACE_URL',
        'HIGHLEVEL_WEBHOOK_PUBLIC_KEY',
      ].toSorted(),
    )
  })

  test('the public address follows the port', () => {
    expect(read({ PORT: '8080' }).publicUrl).toBe('http://localhost:8080')
  })

  test.each([
    ['https://lago.example', 'https://lago.example'],
    ['https://lago.example/', 'https://lago.example'],
    ['https://lago.example/api/v1', 'https://lago.example'],
    ['https://lago.example/api/v1/', 'https://lago.example'],
    ['http://localhost:3001/billing/api/v1', 'http://localhost:3001/billing'],
  ])('Lago at %s is reached at %s', (given, url) => {
    expect(read({ LAGO_API_URL: given }).lago.url).toBe(url)
  })

  test("who issues Lago's tokens is the origin of its address, unless it is said", () => {
    const LAGO_API_URL = 'https://lago.example:8443/billing/api/v1'

    expect(read({ LAGO_API_URL }).lago.jwtIssuer).toBe('https://lago.example:8443')
    expect(read({ LAGO_API_URL, LAGO_JWT_ISSUER: 'http://api:3000' }).lago.jwtIssuer).toBe(
      'http://api:3000',
    )
  })

  test.each([
    [{}, 'https://test.dodopayments.com'],
    [{ DODO_ENVIRONMENT: 'test' }, 'https://test.dodopayments.com'],
    [
      { DODO_ENVIRONMENT: 'live', PUBLIC_URL: 'https://bridge.example' },
      'https://live.dodopayments.com',
    ],
    [{ DODO_API_URL: 'http://localhost:4000/' }, 'http://localhost:4000'],
  ])('with %j Dodo is at %s', (changes, url) => {
    expect(read(changes).dodo.url).toBe(url)
  })

  test('live money needs an https address', () => {
    const live = { DODO_ENVIRONMENT: 'live' }

    expect(complaint(live)).toContain('PUBLIC_URL')
    expect(complaint({ ...live, PUBLIC_URL: 'http://bridge.example' })).toContain('PUBLIC_URL')
    expect(read({ ...live, PUBLIC_URL: 'https://bridge.example/' }).publicUrl).toBe(
      'https://bridge.example',
    )
  })

  test('JWT mode needs no HMAC key', () => {
    const jwt = { LAGO_WEBHOOK_SIGNATURE: 'jwt', LAGO_WEBHOOK_HMAC_KEY: undefined }

    expect(read(jwt).lago).toMatchObject({ signature: 'jwt', hmacKeys: [] })
  })

  test('lists are separated by commas, with or without blanks', () => {
    const config = read({
      LAGO_WEBHOOK_HMAC_KEY: ' new-key , old-key,',
      DODO_WEBHOOK_SECRET: `${SECRET}, whsec_b2xkLXNlY3JldC1vZi10aGUtYnJpZGdl`,
    })

    expect(config.lago.hmacKeys).toEqual(['new-key', 'old-key'])
    expect(config.dodo.webhookSecrets).toEqual([SECRET, 'whsec_b2xkLXNlY3JldC1vZi10aGUtYnJpZGdl'])
  })

  test.each([
    ['500ms', 500],
    ['30s', 30 * SECOND_MS],
    ['5m', 5 * MINUTE_MS],
    ['2h', 2 * HOUR_MS],
    ['3d', 3 * DAY_MS],
  ])('%s is %i milliseconds', (text, ms) => {
    expect(read({ RETRY_SCHEDULE: text }).retryScheduleMs).toEqual([ms])
  })

  test('a schedule is a list of waits, and an empty one means no retry', () => {
    expect(read({ RETRY_SCHEDULE: '1h, 2d' }).retryScheduleMs).toEqual([HOUR_MS, 2 * DAY_MS])
    expect(read({ RETRY_SCHEDULE: '' }).retryScheduleMs).toEqual([])
  })

  test('a blank variable counts as not set', () => {
    const blanks = { PORT: '', PUBLIC_URL: ' ', DATABASE_URL: '', ADMIN_TOKEN: '', LOG_LEVEL: '' }

    expect(read(blanks)).toEqual(read())
  })

  test('a database may be named with several hosts', () => {
    const DATABASE_URL = 'postgres://u:p@one:5432,two:5432/bridge?target_session_attrs=read-write'

    expect(read({ DATABASE_URL }).databaseUrl).toBe(DATABASE_URL)
  })

  test('what else is in the environment is nobody’s business', () => {
    expect(read({ HOME: '/root', PATH: '/bin' })).toEqual(read())
  })
})

describe('a wrong configuration', () => {
  test.each([
    ['PORT', 'eighty'],
    ['PORT', '65536'],
    ['PORT', '-1'],
    ['PORT', '80.5'],
    ['PUBLIC_URL', 'bridge.example'],
    ['PUBLIC_URL', 'ftp://bridge.example'],
    ['DATABASE_URL', 'mysql://localhost/bridge'],
    ['LAGO_API_URL', 'lago'],
    ['LAGO_API_KEY', undefined],
    ['LAGO_API_KEY', ''],
    ['LAGO_API_KEY', '  '],
    ['LAGO_WEBHOOK_SIGNATURE', 'none'],
    ['LAGO_WEBHOOK_SIGNATURE', 'HMAC'],
    ['LAGO_WEBHOOK_HMAC_KEY', undefined],
    ['LAGO_WEBHOOK_HMAC_KEY', ','],
    ['LAGO_LICENSE', 'trial'],
    ['DODO_ENVIRONMENT', 'production'],
    ['DODO_API_URL', 'dodo'],
    ['DODO_API_KEY', undefined],
    ['DODO_WEBHOOK_SECRET', undefined],
    ['DODO_WEBHOOK_SECRET', ','],
    ['DODO_WEBHOOK_SECRET', 'secret'],
    ['DODO_WEBHOOK_SECRET', 'whsec_'],
    ['DODO_WEBHOOK_SECRET', 'whsec_not base64'],
    ['DODO_WEBHOOK_SECRET', 'whsec_abcde'],
    ['DODO_WEBHOOK_SECRET', `${SECRET},secret`],
    ['COLLECTION', 'yes'],
    ['RETRY_SCHEDULE', '3'],
    ['RETRY_SCHEDULE', '3d;7d'],
    ['RETRY_SCHEDULE', '3 days'],
    ['RETRY_SCHEDULE', '-3d'],
    ['RETRY_SCHEDULE', '1.5d'],
    ['RETRY_SCHEDULE', '400d'],
    ['DUPLICATE_PAYMENTS', 'keep'],
    ['VOID_PAYMENTS', 'keep'],
    ['RECONCILE_EVERY', '5'],
    ['RECONCILE_EVERY', '0s'],
    ['RECONCILE_EVERY', 'never'],
    ['COLLECT_SINCE', 'yesterday'],
    ['COLLECT_SINCE', '2026-13-01'],
    ['COLLECT_SINCE', '2026-02-30'],
    ['COLLECT_SINCE', '2026-11-31T08:00:00Z'],
    ['COLLECT_SINCE', '1764288000'],
    ['DODO_RATE_LIMIT', '240'],
    ['DODO_RATE_LIMIT', '0/s'],
    ['LAGO_RATE_LIMIT', '45/s,fast'],
    ['LAGO_RATE_LIMIT', ','],
    ['ADMIN_TOKEN', 'short'],
    ['LOG_LEVEL', 'loud'],
  ])('%s=%s is refused by its name', (name, value) => {
    const lines = complaint({ [name]: value })
      .split('\n')
      .slice(1)

    expect(lines).toHaveLength(1)
    expect(lines[0]).toStartWith(`  ${name}: `)
    expect(lines[0]?.length).toBeGreaterThan(`  ${name}: `.length + 8)
  })

  test('an empty environment names everything that is required, at once', () => {
    const told = complaintAbout({})

    for (const name of Object.keys(REQUIRED)) expect(told).toContain(`  ${name}: `)
  })

  test('every problem is told at once, also those that two variables make together', () => {
    const told = complaintAbout({
      PORT: 'eighty',
      LOG_LEVEL: 'loud',
      DODO_ENVIRONMENT: 'live',
      PUBLIC_URL: 'http://bridge.example',
      LAGO_API_KEY: 'key',
      DODO_WEBHOOK_SECRET: 'secret',
    })

    const named = told
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(':')[0] ?? '')
    expect(new Set(named)).toEqual(
      new Set([
        'DODO_API_KEY',
        'DODO_WEBHOOK_SECRET',
        'LAGO_WEBHOOK_HMAC_KEY',
        'LOG_LEVEL',
        'PORT',
        'PUBLIC_URL',
      ]),
    )
  })

  test('no secret is repeated in what is told', () => {
    const told = complaint({
      LAGO_API_KEY: 'lago-secret-value',
      DODO_WEBHOOK_SECRET: 'whsec-typo-secret-value',
      ADMIN_TOKEN: 'hush',
      DATABASE_URL: 'mysql://user:pass-value@host/db',
      PORT: 'eighty',
    })

    expect(told).not.toMatch(/secret-value|hush|pass-value/)
  })
})
