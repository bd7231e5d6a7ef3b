import { openIndoors, type Indoors, type Service } from '../orders/indoors.ts'
import { STORIES } from '../orders/stories.ts'
import { proveTold } from '../orders/told.ts'
import { SECOND_WAYS, WAY_NAMES, WAYS, type Way } from '../ways.ts'
import { createLuck, inTime, within, type Suite } from './suite.ts'

type Name = keyof typeof STORIES
type Trial = {
  story: Name
  kind: string
  way: Way
  /** What becomes of the call after it. */
  second: Way | undefined
}

const NAMES = Object.keys(STORIES) as Name[]
const STORY_MS = 360_000
const SLOW_SECONDS = 40
const ID = /\/(?:[a-z]{2,4}_[A-Za-z0-9]+|[0-9a-f]{24})(?=\/|$)/g

/** A call as a kind: a shop has one address for all that it is asked. */
async function kindOf(service: Service, request: Request): Promise<string> {
  const { pathname } = new URL(request.url)
  const text = service === 'openfront' ? await request.clone().text() : ''
  const asked = /(?:query|mutation)[^{]*\{\s*(\w+)/.exec(text.replaceAll('\\n', ' '))?.[1]
  return `${service} ${request.method} ${asked ?? pathname.replaceAll(ID, '/:id')}`
}

/** Every call that is made for shops and HighLevel, every way: alone, and together with the next call after it. */
export const orders: Suite = async ({ seed, isQuick, forMs, say, tick }) => {
  const untilMs = performance.now() + forMs
  const luck = createLuck(seed)
  const found: string[] = []
  const tried = new Set<string>()
  const counts: Record<string, number> = {}
  let indoors: Indoors | undefined = await openIndoors()
  const seen = await seeCalls(indoors, isQuick ? NAMES.slice(0, 1) : NAMES)
  say(`${seen.length} calls seen: ${seen.map(({ kind }) => kind).join(', ')}`)
  const trials = inOrder(seen, luck, isQuick)
  const leftMs = untilMs - performance.now()
  const ran = await inTime(trials, { forMs: leftMs, tick }, async (trial) => {
    const { story, kind, way, second } = trial
    indoors ??= await openIndoors()
    const startedMs = performance.now()
    const what = `${story}: ${kind} was ${way}${second ? `, and the next call ${second}` : ''}`
    const off = spoil(indoors, trial)
    try {
      await within(STORY_MS, story, tell(indoors, story))
    } catch (error) {
      found.push(`${what}\n${String(error)}`)
      say(`${what}\n${String(error)}`)
      // What was broken stays broken.
      await end(indoors, counts)
      indoors = undefined
    } finally {
      off()
    }
    tried.add(`${kind} ${way}`)
    const seconds = Math.round((performance.now() - startedMs) / 1_000)
    if (seconds > SLOW_SECONDS) say(`${seconds} s: ${what}`)
  })
  if (indoors) await end(indoors, counts)
  return { ...ran, counts: { calls: seen.length, combinations: tried.size, ...counts }, found }
}

async function tell({ place, world }: Indoors, story: Name) {
  const told = await STORIES[story](place)
  await world.quiet()
  await proveTold(place, [told])
}

async function end({ world, close }: Indoors, counts: Record<string, number>) {
  const { requests, creations, unanswered } = world.watch.counts
  const add = (what: string, many: number) => (counts[what] = (counts[what] ?? 0) + many)
  add('calls of the bridge', requests)
  add('calls that create something', creations)
  add('calls spoilt or not answered', unanswered)
  await close()
}

/** What changes something first, and each by itself before the pairs. */
function inOrder(
  seen: readonly Pick<Trial, 'story' | 'kind'>[],
  luck: ReturnType<typeof createLuck>,
  isQuick: boolean,
): Trial[] {
  const alone = seen.flatMap((one) =>
    WAY_NAMES.map((way): Trial => ({ ...one, way, second: undefined })),
  )
  const pairs = seen.flatMap((one) =>
    WAY_NAMES.flatMap((way) => SECOND_WAYS.map((second): Trial => ({ ...one, way, second }))),
  )
  const isRead = ({ kind }: Trial) => (/ GET /.test(kind) ? 1 : 0)
  return [alone, isQuick ? [] : pairs].flatMap((all) =>
    luck.shuffled(all).toSorted((one, other) => isRead(one) - isRead(other)),
  )
}

/** The calls that each story makes when nothing is wrong. */
async function seeCalls(indoors: Indoors, names: readonly Name[]) {
  const seen: Pick<Trial, 'story' | 'kind'>[] = []
  for (const story of names) {
    const kinds = new Set<string>()
    const see = () => async (request: Request, go: () => Promise<Response>) => {
      kinds.add(await kindOf(serviceOf(request), request))
      return go()
    }
    indoors.taps.add(see)
    await tell(indoors, story)
    indoors.taps.delete(see)
    seen.push(...[...kinds].map((kind) => ({ story, kind })))
  }
  return seen
}

const serviceOf = ({ url }: Request): Service => {
  const { host } = new URL(url)
  if (host === 'shop.test') return 'openfront'
  return host === 'highlevel.test' ? 'highlevel' : 'dodo'
}

/** Spoils the first call of a kind, and the one that comes next. */
function spoil({ taps }: Indoors, { kind, way, second }: Trial) {
  const queue: (Way | undefined)[] = [way, second]
  let isBegun = false
  const find = (service: Service) => async (request: Request, go: () => Promise<Response>) => {
    isBegun ||= (await kindOf(service, request)) === kind
    const next = isBegun ? queue.shift() : undefined
    if (next === undefined) return go()
    // What was given up is carried out a moment later.
    if (next === 'carried out after it was given up') {
      setTimeout(() => void go().catch(() => undefined), LATE_MS)
      return WAYS[next]()
    }
    return WAYS[next](request, go)
  }
  taps.add(find)
  return () => taps.delete(find)
}

const LATE_MS = 1_000
