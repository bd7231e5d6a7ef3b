import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { Hono } from 'hono'

import { ROOT } from '../root.ts'

/** Their address changes with what they hold. */
const FOR_EVER = 'public, max-age=31536000, immutable'

const TYPES = {
  'style.css': 'text/css; charset=utf-8',
  'enhance.js': 'text/javascript; charset=utf-8',
  'customer.js': 'text/javascript; charset=utf-8',
} as const
export type AssetName = keyof typeof TYPES

/** Without what only whoever writes it needs. */
const squeeze = (css: string) =>
  css
    .replaceAll(/\/\*.*?\*\//gs, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/([{};,]) /g, '$1')
    .replaceAll(' }', '}')

const read = (name: AssetName) => {
  const source = readFileSync(join(ROOT, 'src/http/assets', name), 'utf8')
  const text = name.endsWith('.css') ? squeeze(source) : source
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { text, type: TYPES[name], path: `/assets/${name}?v=${hash}` }
}
const ASSETS: ReadonlyMap<string, ReturnType<typeof read>> = new Map(
  (['style.css', 'enhance.js', 'customer.js'] as const).map((name) => [name, read(name)]),
)

/** Where a page finds one of our files, below the path of `PUBLIC_URL`. */
export const assetPath = (name: AssetName) => ASSETS.get(name)?.path ?? ''

const OF_CUSTOMERS = ['customer.js']

/** The stylesheets and scripts of our pages; the dashboard's only where there is one. They tell nothing. */
export function assets({ hasDashboard }: { hasDashboard: boolean }) {
  return new Hono().get('/:name', (c) => {
    const name = c.req.param('name')
    const asset = ASSETS.get(name)
    if (!asset || (!hasDashboard && !OF_CUSTOMERS.includes(name))) return c.notFound()
    return c.body(asset.text, 200, { 'Content-Type': asset.type, 'Cache-Control': FOR_EVER })
  })
}
