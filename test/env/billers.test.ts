import { describe, expect, test } from 'bun:test'

import { ConfigError, readConfig, readSettings } from '../../src/config.ts'

const SECRET = 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx'
const DODO = { DODO_API_KEY: 'dodo-key-7c7c9a10', DODO_WEBHOOK_SECRET: SECRET }
const LAGO = { LAGO_API_KEY: 'lago-key-0d9c1c62', LAGO_WEBHOOK_HMAC_KEY: 'hmac-key-4f3f0b7e' }
const SHOP = { OPENFRONT_API_KEYS: 'shop:0123456789abcdef' }
const APP = {
  HIGHLEVEL_CLIENT_ID: '66aa11bb22cc-lx0k9',
  HIGHLEVEL_CLIENT_SECRET: '7d1f2a',
  HIGHLEVEL_SECRET: '0123456789abcdef0123456789abcdef',
  HIGHLEVEL_LOCATIONS: 'loc_demo_1, company:cmp_demo_1',
}
const LIVE = { DODO_ENVIRONMENT: 'live', PUBLIC_URL: 'https://bridge.example' }
const MINUTE_MS = 60_000

/** Each line of what the operator is told, without the heading. */
function complaints(environment: Record<string, string | undefined>): string[] {
  try {
    readConfig(environment)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message
      .split('\n')
      .slice(1)
      .map((line) => line.trim())
  }
}

describe('Lago', () => {
  test.each([
    ['nothing else is', {}, true],
    ['Openfront is on', SHOP, false],
    ['HighLevel is on', APP, false],
    ['only its address is left over', { ...SHOP, LAGO_API_URL: 'https://lago.example' }, false],
    ['its HMAC key is set', { ...SHOP, LAGO_WEBHOOK_HMAC_KEY: 'key' }, true],
    ['its API key is set', { ...SHOP, LAGO_API_KEY: 'key' }, true],
    ['its issuer is set', { ...SHOP, LAGO_JWT_ISSUER: 'https://lago.example' }, true],
    ['only a part of HighLevel is there', { HIGHLEVEL_CLIENT_ID: 'app-1' }, true],
  ])('when %s, is required: %j', (_when, others, isRequired) => {
    const told = complaints({ ...DODO, ...others }).join('\n')

    expect(/LAGO_(API_KEY|WEBHOOK_HMAC_KEY): is required/.test(told)).toBe(isRequired)
  })

  test('is off beside another biller, and on with both', () => {
    expect(readConfig({ ...DODO, ...SHOP }).lago.isOn).toBe(false)
    expect(readConfig({ ...DODO, ...SHOP, ...LAGO }).lago.isOn).toBe(true)
    expect(readConfig({ ...DODO, ...LAGO }).lago.isOn).toBe(true)
  })
})

describe('the second Dodo account', () => {
  const SECOND = { DODO_TEST_API_KEY: 'test-key', DODO_TEST_WEBHOOK_SECRET: `${SECRET},${SECRET}` }

  test('is of test mode, at the address of test mode', () => {
    const { dodoTest } = readConfig({ ...DODO, ...LAGO, ...LIVE, ...SECOND })

    expect(dodoTest).toEqual({
      environment: 'test',
      url: 'https://test.dodopayments.com',
      apiKey: 'test-key',
      webhookSecrets: [SECRET, SECRET],
    })
  })

  test.each([
    [{ ...SECOND, DODO_ENVIRONMENT: 'test' }, ['DODO_TEST_API_KEY', 'DODO_TEST_WEBHOOK_SECRET']],
    [{ ...LIVE, DODO_TEST_API_KEY: 'key' }, ['DODO_TEST_WEBHOOK_SECRET']],
    [{ ...LIVE, DODO_TEST_WEBHOOK_SECRET: SECRET }, ['DODO_TEST_API_KEY']],
    [{ ...LIVE, ...SECOND, DODO_TEST_WEBHOOK_SECRET: 'x' }, ['DODO_TEST_WEBHOOK_SECRET']],
    [{ ...LIVE, ...SECOND, DODO_TEST_API_URL: 'http://dodo.example' }, ['DODO_TEST_API_URL']],
  ])('with %j is refused by name', (changes, names) => {
    const told = complaints({ ...DODO, ...LAGO, ...changes })

    expect(told.map((line) => line.split(':')[0] ?? '')).toEqual(names)
  })
})

describe('Openfront', () => {
  test('knows each store by its secrets, and what belongs to it', () => {
    const { openfront } = readConfig({
      ...DODO,
      OPENFRONT_API_KEYS:
        'shop:new:secret-0123456789,shop:old-secret-01234567,two:0123456789abcdef',
      OPENFRONT_RETURN_URLS: 'shop:https://shop.example:8443/checkout/{cartId}?back=1',
      OPENFRONT_URLS: 'shop:https://shop.example/api/graphql',
      OPENFRONT_TOKENS: 'shop:of_abc',
    })

    expect(openfront).toEqual({
      stores: [
        {
          name: 'shop',
          apiKeys: ['new:secret-0123456789', 'old-secret-01234567'],
          returnUrl: 'https://shop.example:8443/checkout/{cartId}?back=1',
          url: 'https://shop.example/api/graphql',
          token: 'of_abc',
        },
        {
          name: 'two',
          apiKeys: ['0123456789abcdef'],
          returnUrl: undefined,
          url: undefined,
          token: undefined,
        },
      ],
      completeAfterMs: 2 * MINUTE_MS,
      takesRefunds: true,
    })
  })

  test.each([
    ['OPENFRONT_API_KEYS', 'shop:short'],
    ['OPENFRONT_API_KEYS', '0123456789abcdef'],
    ['OPENFRONT_API_KEYS', 'Shop:0123456789abcdef'],
    ['OPENFRONT_API_KEYS', ':0123456789abcdef'],
    ['OPENFRONT_API_KEYS', `${'s'.repeat(33)}:0123456789abcdef`],
    ['OPENFRONT_API_KEYS', ','],
    ['OPENFRONT_RETURN_URLS', 'shop:shop.example'],
    ['OPENFRONT_RETURN_URLS', 'other:https://shop.example'],
    ['OPENFRONT_RETURN_URLS', 'shop:https://a.example,shop:https://b.example'],
    ['OPENFRONT_URLS', 'https://shop.example/api/graphql'],
    ['OPENFRONT_TOKENS', 'shop:abc'],
    ['OPENFRONT_COMPLETE_AFTER', '2'],
    ['OPENFRONT_REFUNDS', 'no'],
  ])('%s=%s is refused by its name, and not repeated', (name, value) => {
    const told = complaints({ ...DODO, ...LAGO, ...SHOP, [name]: value })

    expect(told).toHaveLength(1)
    expect(told[0]).toStartWith(`${name}: `)
    expect(told[0]).not.toContain('0123456789abcdef')
  })

  test('is spoken to in clear only at private addresses, when money is live', () => {
    const at = (url: string) =>
      complaints({ ...DODO, ...LIVE, ...SHOP, OPENFRONT_URLS: `shop:${url}` })

    expect(at('http://shop.example/api/graphql')).toHaveLength(1)
    expect(at('http://shop:3000/api/graphql')).toEqual([])
    expect(at('https://shop.example/api/graphql')).toEqual([])
  })

  test('a secret of two stores is doubted', () => {
    const OPENFRONT_API_KEYS = 'one:0123456789abcdef,two:0123456789abcdef'
    const { doubts } = readSettings({
      ...DODO,
      PUBLIC_URL: 'https://b.example',
      OPENFRONT_API_KEYS,
    })

    expect(doubts).toHaveLength(1)
    expect(doubts[0]).toContain('one and two have the same secret')
    expect(doubts[0]).not.toContain('0123456789abcdef')
  })
})

describe('HighLevel', () => {
  test('has the defaults of the contract', () => {
    const { highlevel } = readConfig({ ...DODO, ...APP })

    expect(highlevel).toEqual({
      clientId: '66aa11bb22cc-lx0k9',
      clientSecret: '7d1f2a',
      secrets: ['0123456789abcdef0123456789abcdef'],
      allowedLocations: ['loc_demo_1'],
      allowedCompanies: ['cmp_demo_1'],
      accounts: 'shared',
      payments: 'one-time',
      ssoSecret: undefined,
      tellAfterMs: MINUTE_MS,
      appId: '66aa11bb22cc',
      name: 'Dodo Payments',
      url: 'https://services.leadconnectorhq.com',
      eventsUrl: 'https://backend.leadconnectorhq.com/payments/custom-provider/webhook',
      marketplaceUrl: 'https://marketplace.gohighlevel.com',
      webhookPublicKey: 'MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=',
    })
  })

  test('an app id is up to the last dash of the client id, or what is said', () => {
    const appId = (changes: Record<string, string>) =>
      readConfig({ ...DODO, ...APP, ...changes }).highlevel?.appId

    expect(appId({ HIGHLEVEL_CLIENT_ID: 'a-b-c' })).toBe('a-b')
    expect(appId({ HIGHLEVEL_CLIENT_ID: 'abc' })).toBe('abc')
    expect(appId({ HIGHLEVEL_APP_ID: 'other' })).toBe('other')
  })

  test.each(Object.keys(APP))('without %s, and with the others, it is asked for', (name) => {
    const told = complaints({ ...DODO, ...LAGO, ...APP, [name]: undefined })

    expect(told).toHaveLength(1)
    expect(told[0]).toStartWith(`${name}: is required with `)
  })

  test.each([
    [
      'as PEM',
      (base64: string) => `-----BEGIN PUBLIC KEY-----\n${base64}\n-----END PUBLIC KEY-----`,
    ],
    [
      'as PEM on one line',
      (base64: string) => `-----BEGIN PUBLIC KEY-----\\n${base64}\\n-----END PUBLIC KEY-----`,
    ],
    ['as base64', (base64: string) => base64],
  ])('takes another public key %s', (_how, write) => {
    const base64 = 'MCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw='
    const { highlevel } = readConfig({
      ...DODO,
      ...APP,
      HIGHLEVEL_WEBHOOK_PUBLIC_KEY: write(base64),
    })

    expect(highlevel?.webhookPublicKey).toBe(base64)
  })

  test.each([
    ['HIGHLEVEL_SECRET', '0123456789abcdef0123456789abcdef,short'],
    ['HIGHLEVEL_LOCATIONS', ','],
    ['HIGHLEVEL_LOCATIONS', 'agency:cmp_1'],
    ['HIGHLEVEL_ACCOUNTS', 'both'],
    ['HIGHLEVEL_PAYMENTS', 'off-session'],
    ['HIGHLEVEL_TELL_AFTER', '60'],
    ['HIGHLEVEL_API_URL', 'services'],
    ['HIGHLEVEL_WEBHOOK_PUBLIC_KEY', 'AAAA'],
  ])('%s=%s is refused by its name', (name, value) => {
    const told = complaints({ ...DODO, ...LAGO, ...APP, [name]: value })

    expect(told).toHaveLength(1)
    expect(told[0]).toStartWith(`${name}: `)
  })

  test('its tokens do not travel in clear, when money is live', () => {
    const HIGHLEVEL_API_URL = 'http://services.example'

    expect(complaints({ ...DODO, ...LIVE, ...APP, HIGHLEVEL_API_URL })).toHaveLength(1)
    expect(complaints({ ...DODO, ...APP, HIGHLEVEL_API_URL })).toEqual([])
  })
})

test('what several billers have wrong is told at once', () => {
  const told = complaints({
    ...LAGO,
    DODO_API_KEY: 'key',
    DODO_TEST_API_KEY: 'key',
    OPENFRONT_TOKENS: 'shop:of_1',
    HIGHLEVEL_CLIENT_ID: 'app-1',
  })

  expect(told.map((line) => line.split(':')[0] ?? '').toSorted()).toEqual([
    'DODO_TEST_API_KEY',
    'DODO_WEBHOOK_SECRET',
    'HIGHLEVEL_CLIENT_SECRET',
    'HIGHLEVEL_LOCATIONS',
    'HIGHLEVEL_SECRET',
    'OPENFRONT_TOKENS',
  ])
})
