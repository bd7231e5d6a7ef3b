import { tap } from '../../test/support/tap.ts'
import type { World } from '../../test/support/world.ts'
import { copyForLater } from '../model/acts-of-chance.ts'
import type { Story } from '../model/acts.ts'
import { createStage } from '../model/live.ts'
import { WALKS, type Walk } from '../walks.ts'
import { SECOND_WAYS, WAY_NAMES, WAYS, type Way } from '../ways.ts'
import { createLuck, inTime, within, type Suite } from './suite.ts'

/** A call as a kind: its method, and its path with what is anybody's id left out. */
type Kind = string
type Trial = {
  walk: Walk
  kind: Kind
  way: Way
  /** What becomes of the call after it. */
  second: Way | undefined
  /** How far the bridge's clock is off. */
  skewMs: number
}

/** Signatures are refused at five minutes. */
const SKEWS_MS = [0, 0, 4.5 * 60_000, -4.5 * 60_000] as const
/** A story takes seconds; on a machine with ten times the work a minute. */
const STORY_MS = 240_000
/** What takes longer is told, to be looked at. */
const SLOW_SECONDS = 30

const ID = /\/(?:[a-z]{2,4}_[A-Za-z0-9]+|(?:acct_)?[0-9a-f]{8}-[0-9a-f-]{27})(?=\/|$)/g

const kindOf = (service: string, { method, url }: Request): Kind =>
  `${service} ${method} ${new URL(url).pathname.replaceAll(ID, '/:id')}`

/** Every call, every way: alone, and together with the next call after it. */
export const calls: Suite = async ({ seed, isQuick, forMs, say, tick }) => {
  const untilMs = performance.now() + forMs
  const luck = createLuck(seed)
  const stage = createStage()
  const found: string[] = []
  const tried = new Set<string>()
  const seen = await seeCalls(stage, isQuick ? WALKS.slice(0, 1) : WALKS)
  say(`${seen.length} calls seen: ${seen.map(({ kind }) => kind).join(', ')}`)
  const trials = inOrder(seen, { luck, isQuick })
  const leftMs = untilMs - performance.now()
  const ran = await inTime(trials, { forMs: leftMs, tick }, async (trial) => {
    const { walk, kind, way, second, skewMs } = trial
    const telling = stage.live(walk.setting, walk.acts, (world, story) => {
      world.skew(skewMs)
      spoil(world, story, trial)
    })
    const startedMs = performance.now()
    const said = await within(STORY_MS, walk.name, telling).catch(String)
    const seconds = Math.round((performance.now() - startedMs) / 1_000)
    tried.add(`${kind} ${way}`)
    const next = second ? `, and the next call ${second}` : ''
    if (seconds > SLOW_SECONDS)
      say(`${seconds} s: ${kind} was ${way}${next} (${walk.name}, ${skewMs})`)
    if (stage.isGood(said)) return
    const what = `${walk.name}, its clock ${skewMs / 60_000} minutes off: ${kind} was ${way}${next}`
    found.push(`${what}\n${said}`)
    say(`${what}\n${said}`)
  })
  await stage.close()
  const counts = { calls: seen.length, combinations: tried.size, ...stage.counts }
  return { ...ran, counts, found }
}

/** What changes something first, and each by itself before the pairs. */
function inOrder(
  seen: readonly Pick<Trial, 'walk' | 'kind'>[],
  { luck, isQuick }: { luck: ReturnType<typeof createLuck>; isQuick: boolean },
): Trial[] {
  const clock = () => SKEWS_MS[luck.below(SKEWS_MS.length)] ?? 0
  const alone = seen.flatMap((one) =>
    WAY_NAMES.map((way): Trial => ({ ...one, way, second: undefined, skewMs: clock() })),
  )
  const pairs = seen.flatMap((one) =>
    WAY_NAMES.flatMap((way) =>
      SECOND_WAYS.map((second): Trial => ({ ...one, way, second, skewMs: clock() })),
    ),
  )
  const isRead = ({ kind }: Trial) => (kind.includes(' GET ') ? 1 : 0)
  return [alone, isQuick ? [] : pairs].flatMap((all) =>
    luck.shuffled(all).toSorted((one, other) => isRead(one) - isRead(other)),
  )
}

/** The calls that a story makes when nothing is wrong. */
async function seeCalls(stage: ReturnType<typeof createStage>, walks: readonly Walk[]) {
  const seen = new Map<Kind, { walk: Walk; kind: Kind }>()
  for (const walk of walks) {
    const said = await stage.live(walk.setting, walk.acts, (world, story) => {
      for (const service of ['lago', 'dodo'] as const)
        story.taps.push(
          tap(world, service, (request, go) => {
            const kind = kindOf(service, request)
            if (!seen.has(kind)) seen.set(kind, { walk, kind })
            return go()
          }),
        )
    })
    if (!stage.isGood(said)) throw new Error(`the walk itself is no good: ${said}`)
  }
  return [...seen.values()]
}

/** Spoils the first call of a kind, and the one that comes next. */
function spoil(world: World, story: Story, { kind, way, second }: Omit<Trial, 'walk'>) {
  const queue: (Way | undefined)[] = [way, second]
  let isBegun = false
  for (const service of ['lago', 'dodo'] as const) {
    const off = tap(world, service, (request, go) => {
      isBegun ||= kindOf(service, request) === kind
      const next = isBegun ? queue.shift() : undefined
      if (next === undefined) return go()
      if (next === 'carried out after it was given up')
        story.slow.push(copyForLater(world, service, request))
      return WAYS[next](request, go)
    })
    story.taps.push(off)
  }
}
