import process from 'node:process'

/** Asked to stop while all of it is still being read in: there is nothing to bring to an end. */
const endAtOnce = () => process.exit(0)
process.on('SIGTERM', endAtOnce).on('SIGINT', endAtOnce)

const { explainFailure, runServer } = await import('./run.ts')

try {
  await runServer(() => process.off('SIGTERM', endAtOnce).off('SIGINT', endAtOnce))
} catch (error) {
  process.stderr.write(`${explainFailure('could not start', error)}\n`)
  process.exit(1)
}
