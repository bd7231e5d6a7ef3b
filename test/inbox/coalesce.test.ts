import { describe, expect, test } from 'bun:test'

import { createCoalescer } from '../../src/inbox/coalesce.ts'

const ROOMY = { maxItems: 100, maxBytes: 1_000_000 }

/** Commits when told to, and remembers what went together. */
function openCommits() {
  const batches: string[][] = []
  const gates: PromiseWithResolvers<void>[] = []
  const commit = async (items: string[]) => {
    batches.push(items)
    const gate = Promise.withResolvers<void>()
    gates.push(gate)
    await gate.promise
    return items.map((item) => `${item}!`)
  }
  const release = async () => {
    gates.shift()?.resolve()
    await Bun.sleep(0)
  }
  return { batches, commit, release }
}

describe('createCoalescer', () => {
  test('an idle caller waits for nobody, and who comes meanwhile goes together', async () => {
    const { batches, commit, release } = openCommits()
    const add = createCoalescer(commit, ROOMY)

    const answers = ['a', 'b', 'c', 'd'].map((item) => add(item, 1))
    expect(batches).toEqual([['a']])
    await release()
    expect(batches).toEqual([['a'], ['b', 'c', 'd']])
    await release()

    expect(await Promise.all(answers)).toEqual(['a!', 'b!', 'c!', 'd!'])
  })

  test('nobody is answered before the commit has returned', async () => {
    const { commit, release } = openCommits()
    const add = createCoalescer(commit, ROOMY)
    let isAnswered = false

    const answer = add('a', 1).then(() => (isAnswered = true))
    await Bun.sleep(5)
    expect(isAnswered).toBe(false)
    await release()
    await answer
    expect(isAnswered).toBe(true)
  })

  test.each([
    ['items', { maxItems: 2, maxBytes: 1_000 }, 1, [['a'], ['b', 'c'], ['d', 'e'], ['f']]],
    ['bytes', { maxItems: 100, maxBytes: 30 }, 10, [['a'], ['b', 'c', 'd'], ['e', 'f']]],
    [
      'bytes, one too large going alone',
      { maxItems: 100, maxBytes: 5 },
      10,
      'abcdef'.split('').map((one) => [one]),
    ],
  ])('a commit is bounded in %s, and the order is kept', async (_what, limits, bytes, expected) => {
    const batches: string[][] = []
    const add = createCoalescer(async (items: string[]) => {
      batches.push(items)
      await Bun.sleep(1)
      return items
    }, limits)

    await Promise.all('abcdef'.split('').map((item) => add(item, bytes)))

    expect(batches).toEqual(expected)
  })

  test('a bad item fails alone: its neighbours are committed one by one', async () => {
    const committed: string[] = []
    const add = createCoalescer(async (items: string[]) => {
      await Bun.sleep(1)
      if (items.includes('bad')) throw new Error('not this one')
      committed.push(...items)
      return items
    }, ROOMY)

    const results = await Promise.allSettled(['a', 'b', 'bad', 'c'].map((item) => add(item, 1)))

    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(committed).toEqual(['a', 'b', 'c'])
  })

  test('when nothing can be committed all who wait are refused after one more try, and not one after the other', async () => {
    const batches: string[][] = []
    const commit = async (items: string[]): Promise<string[]> => {
      batches.push(items)
      await Bun.sleep(1)
      throw new Error('away')
    }
    const add = createCoalescer(commit, { ...ROOMY, isOfOne: () => false })

    const results = await Promise.allSettled(['a', 'b', 'c', 'd'].map((item) => add(item, 1)))

    expect(results.every(({ status }) => status === 'rejected')).toBe(true)
    expect(batches).toEqual([['a'], ['b', 'c', 'd'], ['b']])
  })

  test('what was refused together with a connection that broke is committed over the next one', async () => {
    let isBroken = true
    const commit = async (items: string[]) => {
      await Bun.sleep(1)
      if (items.length > 1 && isBroken) {
        isBroken = false
        throw new Error('broken')
      }
      return items
    }
    const add = createCoalescer(commit, { ...ROOMY, isOfOne: () => false })

    expect(await Promise.all(['a', 'b', 'c', 'd'].map((item) => add(item, 1)))).toEqual([
      'a',
      'b',
      'c',
      'd',
    ])
  })

  test('after a failure it goes on', async () => {
    let isBroken = true
    const add = createCoalescer(async (items: string[]) => {
      if (isBroken) throw new Error('away')
      return items
    }, ROOMY)

    expect(add('a', 1)).rejects.toThrow('away')
    await Bun.sleep(1)
    isBroken = false

    expect(await add('b', 1)).toBe('b')
  })
})
