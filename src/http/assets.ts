import { Hono } from 'hono'

import { answerAsset, readAsset, type Asset } from './asset.ts'

const NAMES = ['style.css', 'enhance.js', 'customer.js'] as const
export type AssetName = (typeof NAMES)[number]

const ASSETS: ReadonlyMap<string, Asset> = new Map(
  NAMES.map((name) => [name, readAsset('assets', name, '/assets')]),
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
    return answerAsset(c, asset)
  })
}
