import type { Deps } from '../../../collect/deps.ts'
import type { HighlevelAccess } from './open.ts'

/** What installations are settled with. */
export type Installing = Pick<Deps, 'config' | 'db' | 'queue' | 'log' | 'now'> & {
  highlevel: HighlevelAccess
}
