import { expect, test } from 'bun:test'
import { parseSync } from 'oxc-parser'

import { findGuards } from '../../proof/mutation/guards.ts'
import { PLANTED } from '../../proof/mutation/planted.ts'
import { fuzz } from '../../proof/suites/fuzz.ts'
import { createLuck, inTime } from '../../proof/suites/suite.ts'

const SECONDS_MS = 5_000

test('every route takes bytes that nobody should send, with no 5xx, no effect and no secret in sight', async () => {
  const { found, runs } = await fuzz({
    seed: 1,
    isQuick: true,
    forMs: SECONDS_MS,
    say: () => undefined,
    tick: () => undefined,
  })

  expect(found).toEqual([])
  expect(runs).toBeGreaterThan(0)
}, 120_000)

test('the guards of the core are found in its syntax, and what is left without one is still a program', async () => {
  const file = 'src/collect/act/attempts.ts'
  const guards = await findGuards(file)
  const text = await Bun.file(file).text()

  expect(new Set(guards.map(({ kind }) => kind))).toEqual(new Set(['leave', 'condition', 'fence']))
  for (const { start, end, replacement } of guards) {
    const without = text.slice(0, start) + replacement + text.slice(end)
    expect(parseSync(file, without).errors).toEqual([])
  }
})

test.each(PLANTED.map((bug) => [bug.rule, bug.what, bug] as const))(
  'a bug that breaks %s can be planted: %s',
  async (_rule, _what, { file, find }) => {
    // What is not there any more would be planted nowhere, and be taken for seen.
    expect((await Bun.file(file).text()).split(find)).toHaveLength(2)
  },
)

test('a suite that has no time left says so, and finishes what it has begun', async () => {
  const done: number[] = []

  const ran = await inTime([1, 2, 3], { forMs: 0, tick: () => undefined }, async (item) => {
    await Bun.sleep(1)
    done.push(item)
  })

  expect(ran.isCut).toBe(true)
  expect(done).toHaveLength(ran.runs)
  expect(createLuck(7).shuffled([1, 2, 3, 4])).toEqual(createLuck(7).shuffled([1, 2, 3, 4]))
})
