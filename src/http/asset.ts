import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { extname, join } from 'node:path'

import type { Context } from 'hono'

import { ROOT } from '../root.ts'

/** Their address changes with what they hold. */
export const FOR_EVER = 'public, max-age=31536000, immutable'

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
}

export type Asset = { text: string; type: string; path: string }

/** A stylesheet or script of `folder`, below `src/http`, as it is served at `at`. */
export function readAsset(folder: string, name: string, at: string): Asset {
  const ending = extname(name)
  const source = readFileSync(join(ROOT, 'src/http', folder, name), 'utf8')
  const text = ending === '.css' ? squeeze(source) : source
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 16)
  return { text, type: TYPES[ending] ?? '', path: `${at}/${name}?v=${hash}` }
}

/** Without what only whoever writes it needs. */
const squeeze = (css: string) =>
  css
    .replaceAll(/\/\*.*?\*\//gs, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/([{};,]) /g, '$1')
    .replaceAll(' }', '}')

export const answerAsset = (c: Context, { text, type }: Asset) =>
  c.body(text, 200, { 'Content-Type': type, 'Cache-Control': FOR_EVER })
