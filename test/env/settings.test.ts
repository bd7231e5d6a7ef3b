import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { ConfigError, readConfig, readSettings, SECRET_NAMES } from '../../src/config.ts'

const REQUIRED = {
  PUBLIC_URL: 'https://bridge.example',
  LAGO_API_KEY: 'lago-key-0d9c1c62',
  LAGO_WEBHOOK_HMAC_KEY: 'hmac-key-4f3f0b7e',
  DODO_API_KEY: 'dodo-key-7c7c9a10',
  DODO_WEBHOOK_SECRET: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
}
const LIVE = { ...REQUIRED, DODO_ENVIRONMENT: 'live' }

function complaintAbout(environment: Record<string, string | undefined>): string {
  try {
    readConfig(environment)
    return ''
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
}
const doubtsAbout = (changes: Record<string, string | undefined>) =>
  readSettings({ ...REQUIRED, ...changes }).doubts

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bridge-secrets-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe('a secret in a file of its own', () => {
  const VALUES: Record<(typeof SECRET_NAMES)[number], string> = {
    DATABASE_URL: 'postgres://u:p@db/bridge',
    ADMIN_TOKEN: 'Tr0ub4dor9$horse#battery',
    VIEWER_TOKEN: 'only-to-be-looked-with',
    ALERT_WEBHOOK_URL: 'https://hooks.slack.com/services/T0/B0/x',
    ALERT_WEBHOOK_SECRET: REQUIRED.DODO_WEBHOOK_SECRET,
    SMTP_URL: 'smtp://user:password@mail.example:587',
    LAGO_API_KEY: REQUIRED.LAGO_API_KEY,
    LAGO_WEBHOOK_HMAC_KEY: REQUIRED.LAGO_WEBHOOK_HMAC_KEY,
    DODO_API_KEY: REQUIRED.DODO_API_KEY,
    DODO_WEBHOOK_SECRET: REQUIRED.DODO_WEBHOOK_SECRET,
    DODO_TEST_API_KEY: 'dodo-test-key-5d1e',
    DODO_TEST_WEBHOOK_SECRET: 'whsec_c2FuZGJveC13ZWJob29rLXNlY3JldC0wMDAwMDAwMDE=',
    OPENFRONT_API_KEYS: 'shop:0123456789abcdef',
    OPENFRONT_TOKENS: 'shop:of_0123456789',
    HIGHLEVEL_CLIENT_SECRET: 'client-secret',
    HIGHLEVEL_SECRET: '0123456789abcdef0123456789abcdef',
    HIGHLEVEL_SSO_SECRET: 'shared-secret',
  }
  const OTHERS = {
    ...LIVE,
    HIGHLEVEL_CLIENT_ID: 'app-1',
    HIGHLEVEL_LOCATIONS: 'loc_demo_1',
  }

  test.each([...SECRET_NAMES])('%s is read from it', async (name) => {
    const file = join(folder, name)
    await writeFile(file, `\uFEFF${VALUES[name]}\r\n`)
    const others: Record<string, string> = { ...OTHERS, ...VALUES }
    delete others[name]

    expect(readConfig({ ...others, [`${name}_FILE`]: `${file}\r` })).toEqual(
      readConfig({ ...OTHERS, ...VALUES }),
    )
  })

  test('several keys stand on several lines', async () => {
    const file = join(folder, 'keys')
    await writeFile(file, 'new-key\nold-key\n')

    const config = readConfig({
      ...REQUIRED,
      LAGO_WEBHOOK_HMAC_KEY: '',
      LAGO_WEBHOOK_HMAC_KEY_FILE: file,
    })

    expect(config.lago.hmacKeys).toEqual(['new-key', 'old-key'])
  })

  test('beside the variable itself is an error', () => {
    const told = complaintAbout({ ...REQUIRED, LAGO_API_KEY_FILE: '/run/secrets/lago' })

    expect(told).toContain('LAGO_API_KEY: is set, and LAGO_API_KEY_FILE as well')
    expect(told).not.toContain(REQUIRED.LAGO_API_KEY)
  })

  test.each([
    ['is missing', undefined, 'ENOENT'],
    ['is empty', ' \n', 'is empty'],
    ['is UTF-16', Buffer.from('\uFEFFkey\n', 'utf16le'), 'UTF-16'],
    ['is no secret', 'x'.repeat(100_000), 'too large'],
  ])('that %s is named, with its variable and nothing else', async (_what, content, word) => {
    const file = join(folder, `wrong-${word}`)
    if (content !== undefined) await writeFile(file, content)

    const told = complaintAbout({ ...REQUIRED, DODO_API_KEY: undefined, DODO_API_KEY_FILE: file })

    const lines = told.split('\n').slice(1)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toStartWith(`  DODO_API_KEY_FILE: ${file} `)
    expect(lines[0]).toContain(word)
  })
})

describe('what was probably not meant is said', () => {
  test('nothing is said of an environment that is as it should be', () => {
    expect(doubtsAbout({ HOME: '/root', PATH: '/bin', HOST: 'x', LAGO_PORT: 'tcp://x' })).toEqual(
      [],
    )
  })

  test.each([
    ['DODO_WEBHOOK_SECRETS', 'DODO_WEBHOOK_SECRETS (DODO_WEBHOOK_SECRET?)'],
    ['LAGO_URL', 'LAGO_URL (LAGO_API_URL?)'],
    ['LAGO_HMAC_KEY', 'LAGO_HMAC_KEY (LAGO_WEBHOOK_HMAC_KEY?)'],
    ['LAGO_FRONT_URL', 'LAGO_FRONT_URL'],
    ['OPENFRONT_KEYS', 'OPENFRONT_KEYS (OPENFRONT_API_KEYS?)'],
    ['HIGHLEVEL_KEY', 'HIGHLEVEL_KEY (HIGHLEVEL_WEBHOOK_PUBLIC_KEY?)'],
    ['DATABASE_URI', 'DATABASE_URI (DATABASE_URL?)'],
    ['RETRY_SHEDULE', 'RETRY_SHEDULE (RETRY_SCHEDULE?)'],
    ['PUBLIC_URL_FILE', 'PUBLIC_URL_FILE (PUBLIC_URL?)'],
    ['DATA_DIRECTORY', undefined],
    ['API_KEY', undefined],
  ])('of %s the start says: %s', (name, told) => {
    const doubts = doubtsAbout({ [name]: 'x' })

    expect(doubts).toEqual(told === undefined ? [] : [`the bridge knows no ${told}`])
  })

  test('what is missing may be there under a wrong name, which is said in the same breath', () => {
    const { LAGO_WEBHOOK_HMAC_KEY: key, ...others } = REQUIRED

    expect(() => readConfig({ ...others, LAGO_HMAC_KEY: key })).toThrow(
      /LAGO_WEBHOOK_HMAC_KEY: is required[^]*knows no LAGO_HMAC_KEY \(LAGO_WEBHOOK_HMAC_KEY\?\)/,
    )
  })

  test.each([
    [{ PUBLIC_URL: undefined }, 'localhost'],
    [{ LAGO_WEBHOOK_HMAC_KEY: REQUIRED.LAGO_API_KEY }, 'is the API key'],
    [{ ADMIN_TOKEN: 'a-long-token # for ops' }, 'belongs to the value'],
    [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, 'anybody can pose'],
    [{ DODO_API_KEY: 'dodo_live_key' }, 'live mode'],
  ])('%j', (changes, word) => {
    const doubts = doubtsAbout(changes)

    expect(doubts).toHaveLength(1)
    expect(doubts[0]).toContain(word)
  })

  test('a comment behind a key is refused', () => {
    expect(complaintAbout({ ...REQUIRED, LAGO_API_KEY: 'key # of Lago' })).toContain('LAGO_API_KEY')
    expect(complaintAbout({ ...REQUIRED, DODO_API_KEY: '“key”' })).toContain('DODO_API_KEY')
  })
})

describe('with live money', () => {
  test.each([
    ['LAGO_API_URL', 'http://lago.example'],
    ['LAGO_API_URL', 'http://8.8.8.8'],
    ['LAGO_API_URL', 'http://10.0.0.5.example.com'],
    ['LAGO_API_URL', 'http://[2001:db8::1]'],
    ['DODO_API_URL', 'http://dodo.example'],
    ['DODO_API_URL', 'https://test.dodopayments.com'],
    ['PUBLIC_URL', 'http://bridge.example'],
    ['NODE_TLS_REJECT_UNAUTHORIZED', '0'],
  ])('%s=%s is refused by its name', (name, value) => {
    const lines = complaintAbout({ ...LIVE, [name]: value })
      .split('\n')
      .slice(1)

    expect(lines).toHaveLength(1)
    expect(lines[0]).toStartWith(`  ${name}: `)
    expect(
      complaintAbout({ ...REQUIRED, [name]: name === 'DODO_API_URL' ? 'http://x' : value }),
    ).toBe('')
  })

  test.each([
    ['LAGO_API_URL', 'https://lago.example'],
    ['LAGO_API_URL', 'http://127.0.0.1:3000'],
    ['LAGO_API_URL', 'http://[::1]:3000'],
    ['LAGO_API_URL', 'http://10.1.2.3'],
    ['LAGO_API_URL', 'http://172.20.0.3'],
    ['LAGO_API_URL', 'http://lago-api:3000'],
    ['LAGO_API_URL', 'http://lago.default.svc.cluster.local'],
    ['DODO_API_URL', 'http://localhost:4000'],
    ['DODO_API_URL', 'https://live.dodopayments.com'],
  ])('%s=%s is accepted', (name, value) => {
    expect(complaintAbout({ ...LIVE, [name]: value })).toBe('')
  })

  test('the live address is refused in test mode', () => {
    const DODO_API_URL = 'https://live.dodopayments.com'

    expect(complaintAbout({ ...REQUIRED, DODO_API_URL })).toContain('DODO_API_URL: ')
  })
})

test('a host is written in small letters and as DNS knows it, and without the port that is meant anyway', () => {
  const { publicUrl } = readConfig({ ...REQUIRED, PUBLIC_URL: 'HTTPS://Bücher.Example:443/Pay' })

  expect(publicUrl).toBe('https://xn--bcher-kva.example/Pay')
})

test('a path in PUBLIC_URL is kept, and its trailing slash is not', () => {
  const { publicUrl } = readConfig({ ...REQUIRED, PUBLIC_URL: 'https://example.com/billing/' })

  expect(publicUrl).toBe('https://example.com/billing')
  expect(complaintAbout({ ...REQUIRED, PUBLIC_URL: 'https://example.com/?x=1' })).toContain(
    'PUBLIC_URL',
  )
})
