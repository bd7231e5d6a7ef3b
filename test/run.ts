import { availableParallelism } from 'node:os'

import { SERVER_OF_THE_RUN, startServer } from './support/database.ts'

const MAX_WORKERS = 8
/** For machines that have others to serve; on an idle one no test takes a tenth of it. */
const TEST_TIMEOUT_MS = 180_000

/**
 * Runs all tests, or those that the arguments name, as `bun test` does: several files at a time, on one Postgres.
 * TEST_WORKERS says how many files. A worker keeps its modules from one file to the next, as a serial run does.
 */
async function run(args: string[]): Promise<number> {
  const { TEST_WORKERS: workers = String(chooseWorkers()), TEST_DATABASE_URL: own } = process.env
  const env = own ? process.env : { ...process.env, [SERVER_OF_THE_RUN]: await startServer() }
  const options = ['--timeout', String(TEST_TIMEOUT_MS), `--parallel=${workers}`, '--no-isolate']
  const tests = Bun.spawn([process.execPath, 'test', ...options, ...args], {
    env,
    stdio: ['inherit', 'inherit', 'inherit'],
  })
  return tests.exited
}

/** Twice as many as there are cores, and one: each waits most of its time, for a clock or for the disk. */
function chooseWorkers(): number {
  return Math.min(2 * availableParallelism() + 1, MAX_WORKERS)
}

process.exit(await run(process.argv.slice(2)))
