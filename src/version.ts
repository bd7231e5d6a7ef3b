import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import manifest from '../package.json' with { type: 'json' }
import { ROOT } from './root.ts'

/** The release of the bridge. */
export const VERSION: string = manifest.version
/** What it was made from: the build of an image writes it down, and a working copy does not know. */
export const REVISION: string = readRevision()
/** Both, for people. */
export const BUILD = REVISION === 'unknown' ? VERSION : `${VERSION} (${REVISION.slice(0, 7)})`

function readRevision(): string {
  try {
    return readFileSync(join(ROOT, 'REVISION'), 'utf8').trim() || 'unknown'
  } catch {
    return 'unknown'
  }
}
