import { describe, expect, test } from 'bun:test'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { z } from 'zod'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const Manifest = z.object({
  engines: z.object({ bun: z.string() }),
  scripts: z.record(z.string(), z.string()),
})

describe('what is written down for others', () => {
  const manifest = Manifest.parse(JSON.parse(read('package.json')))
  const readme = read('README.md')

  test.each(['README.md', 'Dockerfile', '.ci/run'])('%s pins the same Bun', (path) => {
    const versions = Array.from(read(path).matchAll(/bun@([\d.]+)/g), ([, one]) => one)

    expect(new Set(versions)).toEqual(new Set([manifest.engines.bun]))
  })

  test('every script that the README names is there', () => {
    const named = Array.from(
      readme.matchAll(/\bbun(?:@[\d.]+)? run ([a-z]+)/g),
      ([, name = '']) => name,
    )

    expect(named.length).toBeGreaterThan(4)
    expect(named.filter((name) => manifest.scripts[name] === undefined)).toEqual([])
  })

  test.each(['README.md', 'docs/how-it-works.md', 'docs/operations.md'])(
    'no link in %s leads nowhere',
    (path) => {
      const text = read(path)
      const targets = Array.from(text.matchAll(/\]\((?!https?:)([^)#\s]+)/g), ([, one = '']) => one)
      const folder = dirname(fileURLToPath(new URL(`../../${path}`, import.meta.url)))
      const broken = targets.filter((target) => !existsSync(join(folder, target)))

      expect(broken).toEqual([])
    },
  )

  test('the README is short enough to be read', () => {
    expect(readme.split('\n').length).toBeLessThan(200)
  })
})
