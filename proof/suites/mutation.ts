import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Glob } from 'bun'

import { SERVER_OF_THE_RUN, startServer } from '../../test/support/database.ts'
import { findGuards, without, type Guard } from '../mutation/guards.ts'
import { findReached, type Asked } from '../mutation/reach.ts'
import { copyTree, ROOT, type Tree } from '../mutation/tree.ts'
import { createLuck, inTime, type Suite } from './suite.ts'

const CORE = 'src/{collect,billers}/**/*.ts'
/** What is pure answers in seconds. */
const PURE = 'test/domain/*.test.ts'
/** The flows that walk past most guards. */
const FLOWS = [
  'test/flows/story.test.ts',
  'test/flows/once.test.ts',
  'test/flows/lost-answers.test.ts',
  'test/flows/duplicates.test.ts',
  'test/flows/refund.test.ts',
  'test/flows/lago-refunds.test.ts',
  'test/flows/refund-books.test.ts',
  'test/flows/automatic.test.ts',
  'test/flows/bundles.test.ts',
  'test/flows/organisations.test.ts',
  'test/flows/openfront.test.ts',
  'test/flows/orders.test.ts',
  'test/flows/completed-carts.test.ts',
  'test/flows/record.test.ts',
  'test/proof/bystanders.test.ts',
]
const QUICK = 5
/** Looking which test comes past which guard may take this part of the time. */
const LOOKING = 0.4
/** So many tests are asked about a guard, the quickest of those that come past it first. */
const ASKED_AT_MOST = 4
const GUARD_MS = 150_000

/** What most of the money hangs on comes first. */
const OF_MONEY =
  /amount|currency|organi[sz]ation|\bdue\b|repeatable|status|isLive|claimed|superseded|refund|paid|Id\b/i

/** Takes the guards of the core away, one at a time, and names those that no test misses which comes past them. */
export const mutation: Suite = async ({ seed, isQuick, forMs, say, tick }) => {
  const untilMs = performance.now() + forMs
  process.env[SERVER_OF_THE_RUN] ??= await startServer()
  const files = [...new Glob(CORE).scanSync(ROOT)].toSorted()
  const guards = (await Promise.all(files.map(findGuards))).flat()
  const tests = [...new Glob(PURE).scanSync(ROOT)].toSorted()
  const tree = await copyTree()
  try {
    const asked = await findReached(tree, guards, {
      tests: isQuick ? tests.slice(0, 3) : [...tests, ...FLOWS],
      untilMs: performance.now() + forMs * LOOKING,
      say,
    })
    const reached = guards.filter(({ id }) => asked.some((one) => one.reached.has(id)))
    const chosen = inOrder(reached, seed).slice(0, isQuick ? QUICK : undefined)
    say(`${guards.length} guards, ${reached.length} of them within reach of ${asked.length} tests`)
    const outcomes = { killed: 0, 'killed by being slow': 0, survived: 0 }
    const found: string[] = []
    const leftMs = untilMs - performance.now()
    const ran = await inTime(chosen, { forMs: leftMs, tick }, async (guard) => {
      const { outcome, by } = await takeAway(tree, guard, asked)
      outcomes[outcome] += 1
      if (outcome !== 'survived') return
      const told = `${guard.file}:${guard.line} ${guard.kind}: ${guard.text} (asked: ${by.join(', ')})`
      found.push(told)
      say(`survived: ${told}`)
    })
    const kinds = Map.groupBy(guards, ({ kind }) => kind)
    const counts = {
      'guards found': guards.length,
      ...Object.fromEntries([...kinds].map(([kind, all]) => [`of them ${kind}`, all.length])),
      'guards within reach': reached.length,
      'guards taken away': ran.runs,
      ...outcomes,
    }
    return { ...ran, counts, found }
  } finally {
    await tree.remove()
  }
}

const isLess = ({ text, kind }: Guard) => (kind === 'fence' || OF_MONEY.test(text) ? 0 : 1)

/** The same order for a seed; what most of the money hangs on first. */
function inOrder(guards: readonly Guard[], seed: number): Guard[] {
  return createLuck(seed)
    .shuffled(guards)
    .toSorted((one, other) => isLess(one) - isLess(other))
}

/** Asks the tests that come past a guard, until one misses it. */
async function takeAway(tree: Tree, guard: Guard, asked: readonly Asked[]) {
  const text = await readFile(join(ROOT, guard.file), 'utf8')
  const mend = await tree.write(guard.file, without(text, guard))
  const untilMs = performance.now() + GUARD_MS
  const by: string[] = []
  try {
    const able = asked
      .filter(({ reached }) => reached.has(guard.id))
      .toSorted((one, other) => one.tookMs - other.tookMs)
    for (const { test, patienceMs } of able.slice(0, ASKED_AT_MOST)) {
      if (by.length > 0 && performance.now() > untilMs) break
      by.push(test)
      const { isRed, isSlow } = await tree.test([test], { patienceMs })
      if (isSlow) return { outcome: 'killed by being slow' as const, by }
      if (isRed) return { outcome: 'killed' as const, by }
    }
    return { outcome: 'survived' as const, by }
  } finally {
    await mend()
  }
}
