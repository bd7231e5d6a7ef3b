import * as fc from 'fast-check'

import { OpenfrontRefusal } from '../../sandbox/openfront/store/refusal.ts'
import type { World } from '../../test/support/world.ts'
import { AT_AGENCY } from './acts-at-agency.ts'
import { AT_DODO } from './acts-at-dodo.ts'
import { AT_LAGO } from './acts-at-lago.ts'
import { AT_SHOP } from './acts-at-shop.ts'
import { OF_CHANCE } from './acts-of-chance.ts'
import type { Biller, Place, Sale } from './places.ts'

/** What somebody does: by name, so that a failure reads as a story, on which of what is owed, and for how much. */
export type Act = { name: ActName; invoice: number; amount: number }
type ActName = keyof typeof ACTS

/** What an act may touch. */
export type Doing = {
  place: Place
  world: World
  /** Of the invoice, or of the order: what its payments are found by. */
  sale: Sale
  amount: number
  story: Story
}

/** What one story has so far. */
export type Story = {
  sales: Sale[]
  /** Calls that were not answered, and are still to be carried out. */
  slow: (() => Promise<unknown>)[]
  /** How long they have been at it, by the clock of the story. */
  slowMs: number
  /** How to take away what was put between the bridge and a service. */
  taps: (() => void)[]
}

export const newStory = (): Story => ({ sales: [], slow: [], slowMs: 0, taps: [] })

/** What customers, merchants, operators, both services, the network and the clock do. What is impossible is refused, as in life. */
const ACTS = { ...AT_LAGO, ...AT_SHOP, ...AT_AGENCY, ...AT_DODO, ...OF_CHANCE }

const namesOf = (acts: object) => Object.keys(acts) as ActName[]

const OWN: Record<Biller, readonly ActName[]> = {
  lago: namesOf(AT_LAGO),
  openfront: namesOf(AT_SHOP),
  highlevel: namesOf(AT_AGENCY),
}

/** Without rest and customers who pay there is little that could go wrong. */
const USUAL: Record<Biller, readonly ActName[]> = {
  lago: ['the customer pays', 'all comes to rest', 'Lago bills the same customer again'],
  openfront: ['the customer pays', 'all comes to rest', 'the shopper comes back'],
  highlevel: ['the customer pays', 'all comes to rest', 'HighLevel asks whether it is paid'],
}

export const anyActAt = (biller: Biller): fc.Arbitrary<Act> =>
  fc.record({
    name: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom(...namesOf(AT_DODO), ...namesOf(OF_CHANCE)) },
      { weight: 2, arbitrary: fc.constantFrom(...OWN[biller]) },
      { weight: 2, arbitrary: fc.constantFrom(...USUAL[biller]) },
    ),
    invoice: fc.nat({ max: 1 }),
    amount: fc.constantFrom(1, 700, 5_000),
  })

/** Does one act; whether the services allowed it. */
export async function perform(place: Place, story: Story, act: Act): Promise<boolean> {
  const sale = story.sales[act.invoice] ?? story.sales[0]
  const { world } = place
  try {
    if (sale) await ACTS[act.name]({ place, world, sale, amount: act.amount, story })
    return true
  } catch (error) {
    if (isRefusal(error)) return false
    throw error
  } finally {
    world.watch.look()
  }
}

/** The sandboxes refuse with errors of their own; anything else is a fault of the bridge, or of the test. */
const isRefusal = (error: unknown) =>
  error instanceof Error &&
  ('status' in error ||
    error instanceof OpenfrontRefusal ||
    /^(queryUrl answered \d+|fetch failed)$/.test(error.message))
