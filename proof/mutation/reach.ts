import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { withWatches, type Guard } from './guards.ts'
import { ROOT, type Tree } from './tree.ts'

/** A test file, what it takes, and the guards that it comes past in a way in which they make a difference. */
export type Asked = {
  test: string
  tookMs: number
  /** What takes longer than this hangs. */
  patienceMs: number
  reached: ReadonlySet<string>
}

const TIMES_AS_LONG = 4
const AT_LEAST_MS = 45_000

/** Runs each test once in a copy whose guards are watched. One that fails in it, or has no time, is not asked later. */
export async function findReached(
  tree: Tree,
  guards: readonly Guard[],
  {
    tests,
    untilMs,
    say,
  }: { tests: readonly string[]; untilMs: number; say: (line: string) => void },
): Promise<Asked[]> {
  const mends: (() => Promise<void>)[] = []
  for (const [file, all] of Map.groupBy(guards, ({ file: name }) => name))
    mends.push(await tree.write(file, withWatches(await readFile(join(ROOT, file), 'utf8'), all)))
  const log = join(tree.dir, 'reached.txt')
  const asked: Asked[] = []
  for (const test of tests) {
    if (performance.now() > untilMs) {
      say(`no time to look at ${test} and those after it`)
      break
    }
    await rm(log, { force: true })
    const startedMs = performance.now()
    const { isRed, said } = await tree.test([test], {
      preload: './proof/mutation/reached.ts',
      env: { REACHED_FILE: log },
    })
    const tookMs = performance.now() - startedMs
    if (isRed) say(`${test} fails already where nothing is missing: ${said.slice(-400)}`)
    else {
      const lines = await readFile(log, 'utf8').catch(() => '')
      const patienceMs = Math.max(AT_LEAST_MS, tookMs * TIMES_AS_LONG)
      asked.push({ test, tookMs, patienceMs, reached: new Set(lines.split('\n')) })
    }
  }
  for (const mend of mends) await mend()
  return asked
}
