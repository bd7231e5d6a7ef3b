import { SERVER_OF_THE_RUN, startServer } from '../../test/support/database.ts'
import { runPlanted } from '../mutation/run-planted.ts'
import type { Suite } from './suite.ts'

/** Bugs that somebody might write, one for each invariant at least: the oracle must name the rule that each breaks. */
export const planted: Suite = async ({ isQuick, forMs, say, tick }) => {
  const untilMs = performance.now() + forMs
  process.env[SERVER_OF_THE_RUN] ??= await startServer()
  const results = await runPlanted({
    isWanted: (rule) => !isQuick || rule === 'I9',
    untilMs,
    onResult: ({ rule, what, isNamed, isRed }) => {
      const how = isNamed ? 'named' : isRed ? 'red, and not named' : 'not seen'
      say(`${rule} ${how}: ${what}`)
    },
    tick,
  })
  const { planned, done } = results
  const unnamed = done.filter(({ isNamed }) => !isNamed)
  const found = unnamed.map(
    ({ rule, what, isRed }) =>
      `${rule} ${isRed ? 'is red, and the oracle does not name it' : 'is not seen'}: ${what}`,
  )
  const counts = { planted: done.length, named: done.length - unnamed.length }
  return { runs: done.length, planned, isCut: done.length < planned, counts, found }
}
