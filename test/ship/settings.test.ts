import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'

import { ConfigError, readConfig, SECRET_NAMES, VARIABLE_NAMES } from '../../src/config.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const REQUIRED = {
  LAGO_API_KEY: 'a-key',
  LAGO_WEBHOOK_HMAC_KEY: 'a-token',
  DODO_API_KEY: 'a-key',
  DODO_WEBHOOK_SECRET: 'whsec_YnJpZGdlLWRvc3NpZXItdGVzdC1zZWNyZXQtMDAwMDAx',
}
const SECRETS = [...Object.keys(REQUIRED), ...SECRET_NAMES]

describe('.env.example', () => {
  const lines = read('.env.example').trimEnd().split('\n')
  const comments = lines.filter((_, index) => index % 2 === 0)
  const assignments = lines
    .filter((_, index) => index % 2 === 1)
    .map((line) => /^([A-Z_]+)=(.*)$/.exec(line) ?? [])
  const values = Object.fromEntries(assignments.map(([, name = '', value]) => [name, value]))

  test('names exactly the variables, each after one line that says what it is', () => {
    expect(assignments.map(([, name]) => name ?? '')).toEqual(VARIABLE_NAMES)
    expect(comments.filter((line) => !line.startsWith('# '))).toEqual([])
  })

  test('holds no secret', () => {
    expect(SECRETS.filter((name) => values[name] !== '')).toEqual([])
  })

  test('copied and completed with the secrets, it means the defaults', () => {
    expect(readConfig({ ...values, ...REQUIRED })).toEqual(readConfig(REQUIRED))
  })
})

describe("the README's table of settings, and those of customers' pages and other billers", () => {
  const [, others = ''] = read('docs/configuration.md').split(
    /\n## (?:What customers see|Secrets)\n/,
  )
  const tables = `${read('README.md')}\n${others}`
  const rows = tables.matchAll(/^\| `([A-Z_]+)` \| (.*?) \| (.*)\|$/gm)
  const defaults = new Map(Array.from(rows, ([, name = '', value = '']) => [name, value]))

  test('names exactly the variables', () => {
    expect([...defaults.keys()]).toEqual(VARIABLE_NAMES)
  })

  test('says of each that has a default what it is', () => {
    const stated = [...defaults].flatMap(([name, text]) => {
      const value = /^`(.*)`$/.exec(text)?.[1]
      return value ? [[name, value.replace('$PORT', '3000')]] : []
    })

    expect(stated.length).toBeGreaterThan(10)
    expect(readConfig({ ...Object.fromEntries(stated), ...REQUIRED })).toEqual(readConfig(REQUIRED))
  })

  test('calls required what the bridge does not start without', () => {
    const required = [...defaults].filter(([, text]) => text.startsWith('required'))

    expect(required.map(([name]) => name)).toEqual(Object.keys(REQUIRED))
    for (const [name] of required) {
      expect(() => readConfig({ ...REQUIRED, [name]: '' })).toThrow(ConfigError)
    }
  })
})
