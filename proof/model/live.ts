import { GOOD_DAY } from '../../sandbox/dodo/store/world.ts'
import type { World } from '../../test/support/world.ts'
import { countWorld, nothingCounted } from '../count.ts'
import { calm as calmAgency } from './acts-at-agency.ts'
import { calm as calmShop } from './acts-at-shop.ts'
import { carryOut, pass, wellAgain } from './acts-of-chance.ts'
import { newStory, perform, type Act, type Story } from './acts.ts'
import { openPlace, type Place, type Setting } from './places.ts'

const MINUTES_MS = 3 * 60_000
const HOURS_MS = 3 * 3_600_000
const BEHIND_AT_MOST_MS = 70 * 60_000
const GOOD = 'the books agree'

/** A world of each setting, which stories share until one of them breaks it. */
export function createStage() {
  const places = new Map<string, Place>()
  const counts = {
    stories: 0,
    acts: 0,
    'acts refused': 0,
    ...nothingCounted(),
  }

  async function placeOf(setting: Setting) {
    const name = JSON.stringify(setting)
    const known = places.get(name)
    if (known) return known
    const place = await openPlace(setting)
    // The bridge goes by the database's clock, which no story can set: one that is behind it, which never is in life, would
    // find whatever it puts off due at once.
    place.world.advance(BEHIND_AT_MOST_MS)
    places.set(name, place)
    return place
  }

  async function end(setting: Setting) {
    const name = JSON.stringify(setting)
    const place = places.get(name)
    places.delete(name)
    if (!place) return
    countWorld(counts, place.world)
    await place.world.close()
  }

  /** Lives through a story; what was broken stays broken, so each failure leaves its world behind. */
  async function live(
    setting: Setting,
    acts: readonly Act[],
    prepare: (world: World, story: Story) => void = () => undefined,
  ): Promise<string> {
    const place = await placeOf(setting)
    const { world } = place
    const story = newStory()
    const told: string[] = [JSON.stringify(setting)]
    counts.stories += 1
    try {
      Object.assign(world.dodo.behaviour, { ...GOOD_DAY, chargesOf: {} })
      prepare(world, story)
      story.sales.push(await place.begin())
      await world.quiet()
      for (const act of acts) {
        const isAllowed = await perform(place, story, act)
        counts.acts += 1
        counts['acts refused'] += isAllowed ? 0 : 1
        const who = `sale ${Math.min(act.invoice, story.sales.length - 1) + 1}`
        told.push(`${act.name} (${who}, ${act.amount})${isAllowed ? '' : ': refused'}`)
      }
      await mend(place, story)
      await world.assertProven()
      return GOOD
    } catch (error) {
      await end(setting)
      return [...told, String(error)].join('\n')
    }
  }

  return {
    live,
    counts,
    isGood: (said: string) => said === GOOD,
    async close() {
      for (const name of places.keys()) await end(JSON.parse(name) as Setting)
    },
  }
}

/** All is well again, everything is heard of, and nothing is left to do. */
async function mend({ world, shop, agency }: Place, story: Story) {
  if (shop) calmShop(shop)
  if (agency) calmAgency(world)
  await carryOut(world, story)
  for (const off of story.taps.splice(0).toReversed()) off()
  for (const { faults } of [world.lago, world.dodo]) faults.clear()
  wellAgain(world)
  world.skew(0)
  if (world.dodo.behaviour.charges === 'lost') world.dodo.behaviour.charges = 'succeed'
  for (const ms of [MINUTES_MS, HOURS_MS]) {
    await world.quiet()
    await pass(world, story, ms)
    await world.quiet()
  }
}
