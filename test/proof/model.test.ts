import { afterAll, expect, test } from 'bun:test'
import * as fc from 'fast-check'

import { openWorld, type World } from '../support/world.ts'
import { type Act, anyAct, heal, perform } from './acts.ts'

const RUNS = 25
const ACTS_AT_MOST = 10
/** A slow machine does fewer of them, and not none. */
const ENOUGH_MS = 45_000

let world: World | undefined
afterAll(() => world?.close())

/** What was broken stays broken: each failure, and so each step of shrinking it, leaves its world behind. */
async function live(acts: readonly Act[]): Promise<string> {
  world ??= await openWorld()
  const open = world
  const invoices = [open.bill(5_000).lago_id]
  const told: string[] = []
  try {
    await open.quiet()
    for (const act of acts) {
      const isAllowed = await perform(open, invoices, act)
      told.push(
        `${act.name} (invoice ${act.invoice}, ${act.amount})${isAllowed ? '' : ': refused'}`,
      )
    }
    for (const { faults } of [open.lago, open.dodo]) faults.clear()
    heal(open)
    for (let sweeps = 0; sweeps < 2; sweeps += 1) {
      await open.sweep()
      await open.quiet()
    }
    await open.assertProven()
    return 'the books agree'
  } catch (error) {
    world = undefined
    await open.close()
    return [...told, String(error)].join('\n')
  }
}

test('whatever customers, merchants, services and the network do, no invariant breaks', async () => {
  const rule = fc.asyncProperty(
    fc.array(anyAct, { minLength: 3, maxLength: ACTS_AT_MOST }),
    async (acts) => {
      expect(await live(acts)).toBe('the books agree')
    },
  )
  await fc.assert(rule, { numRuns: RUNS, interruptAfterTimeLimit: ENOUGH_MS })
}, 180_000)
