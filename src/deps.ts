import type { Sources } from './billers/orders/source.ts'
import type { Deps as CoreDeps } from './collect/deps.ts'
import type { Lago } from './lago/client.ts'

/** What collecting needs, and what the billers know besides. */
export type Deps = CoreDeps & {
  lago: Lago
  /** The Lago organisation that we serve. What is marked as another's is not ours to touch. */
  organizationId: () => Promise<string>
  /** The sources of orders that are switched on. */
  sources: Sources
}
