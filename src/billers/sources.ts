import type { Config } from '../config.ts'
import type { HighlevelDeps } from './highlevel/deps.ts'
import { createHighlevelSource } from './highlevel/source.ts'
import type { Completing } from './openfront/complete.ts'
import { createOpenfrontSource } from './openfront/source.ts'
import type { Sources } from './orders/source.ts'

/** All sources of orders that are switched on: one line each. */
export function createSources({
  config,
  highlevel,
  completing,
}: {
  config: Config
  highlevel: HighlevelDeps | undefined
  completing: Completing
}): Sources {
  const sources = [
    config.openfront && createOpenfrontSource(config.openfront, completing),
    highlevel && createHighlevelSource(highlevel),
  ]
  return sources.filter((one) => one !== undefined)
}
