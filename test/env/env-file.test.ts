import { describe, expect, test } from 'bun:test'

import { readConfig } from '../../src/config.ts'
import { clean } from '../../src/env/clean.ts'
import { ConfigError } from '../../src/env/config-error.ts'
import { parseEnvFile } from '../../src/env/env-file.ts'

const valuesOf = (text: string) => parseEnvFile(Buffer.from(text), '.env').values

describe('an env file', () => {
  test.each([
    ['Tr0ub4dor9$horse$battery'],
    ['abc#def'],
    ['abc # def'],
    ['pa$$word${HOME}'],
    ['a=b=c=='],
    ['back\\slash\\n'],
    ["it's"],
    ['żółć'],
  ])('means by %s what stands there', (value) => {
    expect(valuesOf(`ADMIN_TOKEN=${value}\n`)).toEqual({ ADMIN_TOKEN: value })
  })

  test.each([
    ['\uFEFFA=1\nB=2'],
    ['A=1\r\nB=2\r\n'],
    ['A=1\rB=2'],
    ['# a comment\n\n  # another\n  A=1\nexport B=2'],
    ['A =1\nB=0\nB=2'],
  ])('%j gives the same two variables', (text) => {
    const values = valuesOf(text)

    expect(values).toEqual({ A: '1', B: '2' })
  })

  test('says which line is none, without repeating it', () => {
    const { problems } = parseEnvFile(Buffer.from('A=1\nsecond half of a secret\n=x'), '.env')

    expect(problems).toEqual(['.env: line 2 is not NAME=value', '.env: line 3 is not NAME=value'])
  })

  test.each([
    ['UTF-16', Buffer.from('\uFEFFA=1\n', 'utf16le')],
    ['UTF-16', Buffer.from('\uFEFFA=1\n', 'utf16le').swap16()],
    ['UTF-16', Buffer.from('A=1\n', 'utf16le')],
    ['UTF-8', Buffer.from('A=caf\xe9\n', 'latin1')],
  ])('in the wrong encoding is refused in a sentence about %s', (word, bytes) => {
    expect(() => parseEnvFile(bytes, '.env')).toThrow(ConfigError)
    expect(() => parseEnvFile(bytes, '.env')).toThrow(word)
  })
})

describe('what a value brings along', () => {
  test.each([
    ['value\r'],
    ['  value \t\r\n'],
    ['"value"'],
    ["'value'\r"],
    ['`value`'],
    ['" value "'],
    ['"\'value\'"'],
    ['\uFEFFvalue\u200B'],
    ['\u00A0value\u00A0'],
  ])('%j is taken off', (raw) => {
    expect(clean(raw)).toEqual({ value: 'value' })
  })

  test.each([['"value'], ["'value' # comment"], ['"one","two"'], ['"']])(
    '%j is refused, because what was meant is not clear',
    (raw) => {
      expect(clean(raw)).toEqual({ problem: expect.stringContaining('quot') })
    },
  )

  test.each([['val"ue'], ["value'"], ['a$b#c'], ['a b']])('%j stays as it is', (raw) => {
    expect(clean(raw)).toEqual({ value: raw })
  })

  test('every variable is cleaned alike', () => {
    const plain = {
      PORT: '3001',
      PUBLIC_URL: 'https://bridge.example',
      DATABASE_URL: 'postgres://u:p@db/bridge',
      DATA_DIR: '/data',
      LAGO_API_KEY: 'lago-key',
      LAGO_WEBHOOK_HMAC_KEY: 'hmac-key',
      LAGO_JWT_ISSUER: 'https://lago.example',
      DODO_ENVIRONMENT: 'test',
      DODO_API_KEY: 'dodo-key',
      DODO_WEBHOOK_SECRET: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
      RETRY_SCHEDULE: '',
      RECONCILE_EVERY: '1m',
      ADMIN_TOKEN: 'Tr0ub4dor9$horse#battery',
      LOG_LEVEL: 'warn',
    }
    const packed = (pack: (value: string) => string) =>
      readConfig(
        Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, pack(value)])),
      )

    expect(packed((value) => `${value} \r`)).toEqual(readConfig(plain))
    expect(packed((value) => `"${value}"\r`)).toEqual(readConfig(plain))
    expect(packed((value) => `'${value}'`)).toEqual(readConfig(plain))
  })
})
