import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'

import { readConfig, readSettings, SECRET_NAMES, VARIABLE_NAMES } from '../../src/config.ts'

const page = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
const [settings = '', secrets = ''] = page.split('\n## Secrets\n')

const rows = Array.from(
  settings.matchAll(/^\| `([A-Z_]+)` \| (.*?) \| `(.*?)` \| (.*) \|$/gm),
  ([, name = '', standard = '', example = '', meaning = '']) => ({
    name,
    standard,
    example,
    meaning,
  }),
)
/** What each example needs beside it. */
const REQUIRED = {
  PUBLIC_URL: 'https://bridge.example',
  LAGO_API_KEY: 'a-key',
  LAGO_WEBHOOK_HMAC_KEY: 'a-token',
  DODO_API_KEY: 'a-key',
  DODO_WEBHOOK_SECRET: 'whsec_b3RoZXItYnJpZGdlLXRlc3Qtc2VjcmV0LTAwMDAwMDE=',
}
const { PUBLIC_URL: _given, ...REQUIRED_ALONE } = REQUIRED

const examples = Object.fromEntries(rows.map(({ name, example }) => [name, example]))
const exampleOf = (...names: string[]) =>
  Object.fromEntries(names.map((name) => [name, examples[name] ?? '']))
/** What a variable is of no effect without, by the beginning of its name. */
const BESIDE: readonly (readonly [RegExp, () => Record<string, string>])[] = [
  [/^VIEWER_TOKEN$/, () => exampleOf('ADMIN_TOKEN')],
  [
    /^ALERT_(?!WEBHOOK_URL)/,
    () => ({ ALERT_WEBHOOK_URL: 'https://alerts.example', ALERT_SUMMARY_AT: '06:00' }),
  ],
  [/^CUSTOMER_EMAILS$/, () => exampleOf('SMTP_URL', 'MAIL_FROM')],
  [/^LAGO_JWT_ISSUER$/, () => ({ LAGO_WEBHOOK_SIGNATURE: 'jwt' })],
  [
    /^DODO_TEST_/,
    () => ({
      DODO_ENVIRONMENT: 'live',
      DODO_TEST_API_KEY: 'another-key',
      DODO_TEST_WEBHOOK_SECRET: REQUIRED.DODO_WEBHOOK_SECRET,
    }),
  ],
  [/^OPENFRONT_/, () => ({ OPENFRONT_API_KEYS: 'shop:another-secret-0123' })],
  [
    /^HIGHLEVEL_/,
    () => ({
      ...exampleOf('HIGHLEVEL_CLIENT_SECRET', 'HIGHLEVEL_SECRET', 'HIGHLEVEL_LOCATIONS'),
      HIGHLEVEL_CLIENT_ID: 'another-app',
    }),
  ],
]
function besideOf(name: string): Record<string, string> {
  const beside = BESIDE.find(([names]) => names.test(name))?.[1]() ?? {}
  // The example itself must make the difference.
  const others: Record<string, string> = {
    HIGHLEVEL_CLIENT_SECRET: 'another-secret',
    HIGHLEVEL_SECRET: 'another-secret-0123456789abcdef-0123456789',
    HIGHLEVEL_LOCATIONS: 'loc_other',
  }
  const other = others[name]
  return other === undefined ? beside : { ...beside, [name]: other }
}

describe('docs/configuration.md', () => {
  test('tells of every variable, in order and once', () => {
    expect(rows.map(({ name }) => name)).toEqual(VARIABLE_NAMES)
    expect(rows.filter(({ meaning }) => meaning.length < 20)).toEqual([])
  })

  test('says what each is when it is not set', () => {
    const stated = rows.flatMap(({ name, standard }) => {
      const value = /^`(.*)`$/.exec(standard)?.[1]
      return value === undefined ? [] : [[name, value.replace('$PORT', '3000')]]
    })
    const without = rows.filter(({ standard }) => standard.startsWith('none'))

    expect(readConfig({ ...Object.fromEntries(stated), ...REQUIRED_ALONE })).toEqual(
      readConfig(REQUIRED_ALONE),
    )
    expect(without.map(({ name }) => name)).toEqual([
      'HOST',
      'DATABASE_URL',
      'COLLECT_SINCE',
      'ADMIN_TOKEN',
      'VIEWER_TOKEN',
      'ALERT_WEBHOOK_URL',
      'ALERT_WEBHOOK_SECRET',
      'ALERT_EVENTS',
      'ALERT_SUMMARY_AT',
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
      'DODO_TEST_API_KEY',
      'OPENFRONT_API_KEYS',
      'OPENFRONT_URLS',
      'OPENFRONT_TOKENS',
      'HIGHLEVEL_CLIENT_ID',
      'HIGHLEVEL_CLIENT_SECRET',
      'HIGHLEVEL_SECRET',
      'HIGHLEVEL_LOCATIONS',
      'HIGHLEVEL_SSO_SECRET',
    ])
  })

  test('calls required what the bridge does not start without', () => {
    const required = rows.filter(({ standard }) => standard.startsWith('required'))

    expect(required.map(({ name }) => name)).toEqual(Object.keys(REQUIRED_ALONE))
  })

  test.each(rows)('has an example of $name that is taken, and makes a difference', (row) => {
    const { name, example } = row
    const beside = besideOf(name)
    const settled = readSettings({ ...REQUIRED, ...beside, [name]: example })
    const { PUBLIC_URL: _url, ...others } = { ...REQUIRED, ...beside }

    const before = readConfig(name === 'PUBLIC_URL' ? others : { ...REQUIRED, ...beside })
    expect(settled.config).not.toEqual(before)
    expect(settled.doubts).toEqual([])
  })

  test('names as secrets what may be in a file, and each file', () => {
    const named = Array.from(
      secrets.matchAll(/^\| `([A-Z_]+)` \| `([A-Z_]+)` \|/gm),
      ([, name, file]) => [name, file],
    )

    expect(named).toEqual(SECRET_NAMES.map((name) => [name, `${name}_FILE`]))
  })
})
