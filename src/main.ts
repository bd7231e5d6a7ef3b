import { explainFailure, runServer } from './run.ts'

try {
  await runServer()
} catch (error) {
  process.stderr.write(`${explainFailure('could not start', error)}\n`)
  process.exit(1)
}
