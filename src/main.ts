import process from 'node:process'

import { findCompiled } from './install/compiled.ts'

/** Asked to stop while all of it is still being read in: there is nothing to bring to an end. */
const endAtOnce = () => process.exit(0)
process.on('SIGTERM', endAtOnce).on('SIGINT', endAtOnce)

const compiled = findCompiled()
const { explainFailure, runServer } = compiled
  ? ((await import(compiled)) as typeof import('./run.ts'))
  : await import('./run.ts')

try {
  await runServer(() => process.off('SIGTERM', endAtOnce).off('SIGINT', endAtOnce))
} catch (error) {
  process.stderr.write(`${explainFailure('could not start', error)}\n`)
  process.exit(1)
}
