import { expect, test } from 'bun:test'

import { runModel } from '../../proof/model/run.ts'

/** Every run of the suite tells other stories; the seed of one that fails is printed with it. */
const seed = Number(process.env['PROOF_SEED'] ?? Date.now() % 1_000_000_000)
const RUNS = 12
/** No story begins later than that; one that has begun is told to its end. */
const ENOUGH_MS = 30_000

test('whatever customers, merchants, operators, services, the network and the clock do, no invariant breaks', async () => {
  const { wholeRuns, failures } = await runModel({
    seed,
    runs: RUNS,
    untilMs: performance.now() + ENOUGH_MS,
  })

  expect(failures).toEqual([])
  // A machine that is too slow for a single one has proven nothing.
  expect(wholeRuns).toBeGreaterThan(0)
}, 300_000)
