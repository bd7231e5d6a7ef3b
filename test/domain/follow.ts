import { decide } from '../../src/billers/lago/decide/decide.ts'
import type { Step } from '../../src/billers/lago/decide/steps.ts'
import { apply, type Case } from './world-model.ts'

const MAX_STEPS = 30

export const decideOn = ({ invoice, ledger, policy, now }: Case) =>
  decide(invoice, ledger, policy, now)

/** Takes steps until nothing is left to do, and shows every state on the way. */
export function follow(about: Case, look: (about: Case, step: Step) => void = () => undefined) {
  // What was read since it began is fresh enough to give money back on.
  let current = { ...about, policy: { ...about.policy, startedAt: about.now } }
  for (let taken = 0; taken <= MAX_STEPS; taken += 1) {
    const step = decideOn(current)
    look(current, step)
    if (step.do === 'rest') return { end: current, standing: step.standing, rest: step }
    const after = apply(current, step)
    // No two things happen at the same time.
    current = { ...after, now: new Date(after.now.getTime() + 1) }
  }
  throw new Error(`still not at rest after ${MAX_STEPS} steps`)
}
