import { describe, expect, test } from 'bun:test'

import { allow } from '../../src/collect/sweep/progress.ts'
import { isRead, openStretch, readStretch, type Stretch } from '../../src/collect/sweep/slices.ts'

const HOUR_MS = 3_600_000
const PAGE_SIZE = 100

/** A list like Dodo's, in no order, whose pages past the thirtieth are cut off. */
function listOf(moments: readonly number[]) {
  const asked: number[] = []
  const readPage = (taken: Set<number>) => async (from: Date, until: Date, page: number) => {
    asked.push(page)
    const rows = moments
      .map((at, index) => ({ at, index }))
      .filter(({ at }) => at >= from.getTime() && at <= until.getTime())
      .slice(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
    if (page >= 30) throw new Error('too deep')
    for (const { index } of rows) taken.add(index)
    return rows.length
  }
  return { asked, readPage }
}

const shuffled = (count: number, spanMs: number) =>
  Array.from({ length: count }, (_, index) => (index * 7_919_777) % spanMs)

async function readAll(stretch: Stretch, moments: readonly number[], pagesEach = Infinity) {
  const { asked, readPage } = listOf(moments)
  const taken = new Set<number>()
  let saved = stretch
  let turns = 0
  while (!isRead(saved)) {
    turns += 1
    await readStretch(saved, {
      readPage: readPage(taken),
      save: async (further) => {
        saved = further
      },
      allowance: allow(pagesEach, () => false),
    })
  }
  return { taken, asked, turns, saved }
}

describe('readStretch', () => {
  test('what is little is read with one request', async () => {
    const { asked, taken } = await readAll(openStretch(0, 48 * HOUR_MS), shuffled(99, 48 * HOUR_MS))

    expect(asked).toEqual([0])
    expect(taken.size).toBe(99)
  })

  test('what is much is read whole, in slices that fit, with few requests too many', async () => {
    const count = 15_000

    const { asked, taken, saved } = await readAll(
      openStretch(0, 48 * HOUR_MS),
      shuffled(count, 48 * HOUR_MS),
    )

    expect(taken.size).toBe(count)
    expect(asked.length).toBeLessThan((count / PAGE_SIZE) * 1.5)
    expect(Math.max(...asked)).toBeLessThan(20)
    const again = await readAll(openStretch(0, 48 * HOUR_MS, saved), shuffled(count, 48 * HOUR_MS))
    expect(again.asked.length).toBeLessThan((count / PAGE_SIZE) * 1.15)
  })

  test('it goes on where it ended, and comes to its end', async () => {
    const { taken, turns } = await readAll(
      openStretch(0, 48 * HOUR_MS),
      shuffled(20_000, 48 * HOUR_MS),
      50,
    )

    expect(taken.size).toBe(20_000)
    expect(turns).toBeWithin(3, 8)
  })

  test('the fewest pages at a time suffice, however many too many there were at first', async () => {
    const { taken } = await readAll(openStretch(0, 48 * HOUR_MS), shuffled(20_000, 48 * HOUR_MS), 1)

    expect(taken.size).toBe(20_000)
  })

  test('a burst that nobody can divide is read all the same', async () => {
    const burst = Array.from({ length: 2_500 }, () => 30 * HOUR_MS)

    const { taken } = await readAll(openStretch(0, 48 * HOUR_MS), burst)

    expect(taken.size).toBe(2_500)
  })
})
