import { runModel } from '../model/run.ts'
import type { Suite } from './suite.ts'

const QUICK_RUNS = 10
const RUNS = 2_000
const FAILURES_AT_MOST = 5

/** Random stories of all actors against a running bridge. */
export const model: Suite = async ({ seed, isQuick, forMs, say, tick }) => {
  const runs = isQuick ? QUICK_RUNS : RUNS
  const untilMs = performance.now() + forMs
  const { wholeRuns, failures, counts } = await runModel({
    seed,
    runs,
    untilMs,
    onStory: tick,
    stopAtFailures: FAILURES_AT_MOST,
    onFailure: (failure) => say(`PROOF_SEED=${failure.seed}\n${failure.story}`),
  })
  const found = failures.map((failure) => `seed ${failure.seed}\n${failure.story}`)
  return { runs: wholeRuns, planned: runs, isCut: wholeRuns < runs, counts, found }
}
