import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { z } from 'zod'

import { EVENT_TYPES } from '../../sandbox/lago/store/event-types.ts'
import { LAGO_EVENTS } from '../../src/lago/events.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const DECISIONS = 'docs/decisions'
const PAGES = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...['docs', DECISIONS].flatMap((folder) =>
    readdirSync(join(ROOT, folder))
      .filter((name) => name.endsWith('.md'))
      .map((name) => join(folder, name)),
  ),
]

/** What can be linked to in a page: its headings, as a forge names them. */
const anchorsOf = (path: string) =>
  Array.from(read(path).matchAll(/^#+ (.*)$/gm), ([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  )

const Manifest = z.object({
  engines: z.object({ bun: z.string() }),
  scripts: z.record(z.string(), z.string()),
})

describe('what is written down for others', () => {
  const manifest = Manifest.parse(JSON.parse(read('package.json')))
  const readme = read('README.md')

  test.each(['README.md', 'Dockerfile', '.ci/run', 'CONTRIBUTING.md'])(
    '%s pins the same Bun',
    (path) => {
      const versions = Array.from(read(path).matchAll(/bun@([\d.]+)/g), ([, one]) => one)

      expect(new Set(versions)).toEqual(new Set([manifest.engines.bun]))
    },
  )

  test('every script that the README names is there', () => {
    const named = Array.from(
      readme.matchAll(/\bbun(?:@[\d.]+)? run ([a-z]+)/g),
      ([, name = '']) => name,
    )

    expect(named.length).toBeGreaterThan(4)
    expect(named.filter((name) => manifest.scripts[name] === undefined)).toEqual([])
  })

  test('whoever sets up by hand is told the events that setup asks for, and each is one that Lago can send', () => {
    const [, settingUp = ''] = read('docs/operations.md').split('\n## Setting up\n')
    const wanted = Array.from(
      (settingUp.split('\n## ')[0] ?? '').matchAll(
        /`((?:invoice|credit_note|customer|payment_request|wallet_transaction)\.\w+)`/g,
      ),
      ([, name = '']) => name,
    )

    expect([...new Set(wanted)].toSorted()).toEqual(LAGO_EVENTS.toSorted())
    expect(LAGO_EVENTS.filter((name) => !EVENT_TYPES.has(name))).toEqual([])
  })

  test.each(PAGES)('no link in %s leads nowhere', (path) => {
    const links = Array.from(
      read(path).matchAll(/\]\((?!https?:)([^)]+)\)/g),
      ([, one = '']) => one,
    )
    const broken = links.filter((link) => {
      const [file = '', anchor] = link.split('#')
      const target = file === '' ? path : join(dirname(path), file)
      if (!existsSync(join(ROOT, target))) return true
      return anchor !== undefined && !anchorsOf(target).includes(anchor)
    })

    expect(broken).toEqual([])
  })

  test('the README is short enough to be read', () => {
    expect(readme.split('\n').length).toBeLessThan(200)
  })
})
