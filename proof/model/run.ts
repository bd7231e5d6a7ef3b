import * as fc from 'fast-check'

import { within } from '../suites/suite.ts'
import { anyActAt, type Act } from './acts.ts'
import { createStage } from './live.ts'
import type { Biller, Setting } from './places.ts'

export type ModelResult = {
  seed: number
  wholeRuns: number
  isCut: boolean
  failures: { seed: number; story: string }[]
  counts: ReturnType<typeof createStage>['counts']
}

const ACTS_AT_MOST = 12
/** A story is told with as few acts as can be found in this time. */
const SHRINKING_MS = 120_000
/** It takes seconds; on a machine with ten times the work a minute. */
const STORY_MS = 240_000

/** How often each of them. */
const BILLERS: Record<Biller, number> = { lago: 2, openfront: 1, highlevel: 1 }

const anySettingOf = (biller: Biller): fc.Arbitrary<Setting> =>
  fc.record({
    biller: fc.constant(biller),
    collection: fc.constantFrom('checkout', 'automatic'),
    duplicates: fc.constantFrom('refund', 'hold'),
    isFree: fc.constantFrom(false, false, false, true),
  })

const anyStoryOf = (biller: Biller) =>
  fc.record({
    setting: anySettingOf(biller),
    acts: fc.array(anyActAt(biller), { minLength: 3, maxLength: ACTS_AT_MOST }),
  })

const anyStory = (billers: readonly Biller[]) =>
  fc.oneof(...billers.map((biller) => ({ weight: BILLERS[biller], arbitrary: anyStoryOf(biller) })))

/**
 * Lives through random stories, one after the other, each of them to its end: no new one begins after `untilMs` of
 * `performance.now()`, and how many were whole is said. The nth has the seed `seed + n`, by which it is had again.
 */
export async function runModel({
  seed,
  runs,
  untilMs,
  onFailure = () => undefined,
  onStory = () => undefined,
  stopAtFailures = 1,
  billers = Object.keys(BILLERS) as Biller[],
}: {
  seed: number
  runs: number
  untilMs: number
  onFailure?: (failure: { seed: number; story: string }) => void
  onStory?: (whole: number, runs: number) => void
  stopAtFailures?: number
  billers?: readonly Biller[]
}): Promise<ModelResult> {
  const stage = createStage()
  const failures: ModelResult['failures'] = []
  let wholeRuns = 0
  try {
    while (wholeRuns < runs && performance.now() < untilMs && failures.length < stopAtFailures) {
      const story = await tell(stage, anyStory(billers), seed + wholeRuns)
      wholeRuns += 1
      onStory(wholeRuns, runs)
      if (story === undefined) continue
      const failure = { seed: seed + wholeRuns - 1, story }
      failures.push(failure)
      onFailure(failure)
    }
  } finally {
    await stage.close()
  }
  return {
    seed,
    wholeRuns,
    isCut: wholeRuns < runs && failures.length === 0,
    failures,
    counts: stage.counts,
  }
}

/** One story, and if it breaks an invariant the shortest that does so too. */
async function tell(
  stage: ReturnType<typeof createStage>,
  story: fc.Arbitrary<{ setting: Setting; acts: Act[] }>,
  seed: number,
): Promise<string | undefined> {
  let shortest: { setting: Setting; acts: readonly Act[]; said: string } | undefined
  let giveUpAt = Number.POSITIVE_INFINITY
  const rule = fc.asyncProperty(story, async ({ setting, acts }) => {
    // Shrinking that takes too long finds nothing shorter any more.
    if (performance.now() > giveUpAt) return true
    const said = await within(STORY_MS, 'the story', stage.live(setting, acts)).catch(String)
    if (stage.isGood(said)) return true
    if (!shortest) giveUpAt = performance.now() + SHRINKING_MS
    if (!shortest || acts.length <= shortest.acts.length) shortest = { setting, acts, said }
    return false
  })
  await fc.check(rule, { numRuns: 1, seed, endOnFailure: false })
  return shortest?.said
}
