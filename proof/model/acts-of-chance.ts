import { isCall, tap } from '../../test/support/tap.ts'
import type { World } from '../../test/support/world.ts'
import { sweep } from './acts-at-lago.ts'
import type { Doing, Story } from './acts.ts'

/** A service that has not answered may be at work for so long; what is later than that, the bridge may not wait for. */
const AT_WORK_MS = 60_000
const SECONDS_MS = 10_000
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
/** Signatures are refused at five. */
const ALMOST_FIVE_MINUTES_MS = 4.5 * MINUTE_MS

/** What happens between the bridge and the services, and to time. */
export const OF_CHANCE = {
  'Dodo loses its next answer': ({ world }: Doing) =>
    world.dodo.faults.add({ kind: 'after_drop', match: { method: 'POST' }, times: 1 }),
  'Lago loses its next answer': ({ world }: Doing) =>
    world.lago.faults.add({ kind: 'after_drop', match: { method: 'POST' }, times: 1 }),
  'Dodo answers 500 to what it did': ({ world }: Doing) =>
    world.dodo.faults.add({
      kind: 'after_status',
      status: 500,
      match: { method: 'POST' },
      times: 1,
    }),
  'Dodo answers 500': ({ world }: Doing) =>
    world.dodo.faults.add({ kind: 'status', status: 500, times: 1 }),
  'Dodo refuses the next charge for what it is about': ({ world }: Doing) =>
    world.dodo.faults.add({
      kind: 'status',
      status: 422,
      times: 1,
      match: { method: 'POST', path: '/charge$' },
    }),
  'Lago answers 429': ({ world }: Doing) =>
    world.lago.faults.add({ kind: 'status', status: 429, times: 1 }),
  'Lago loses the next change of an invoice': ({ world }: Doing) =>
    world.lago.faults.add({ kind: 'after_drop', match: { method: 'PUT' }, times: 1 }),
  'Dodo is too slow to answer, and does it later': ({ world, story }: Doing) =>
    holdNext(world, 'dodo', story),
  'Lago is too slow to answer, and does it later': ({ world, story }: Doing) =>
    holdNext(world, 'lago', story),
  'what was slow is done': ({ story, world }: Doing) => carryOut(world, story),
  'webhooks are lost from now on': ({ world }: Doing) => turn(world, 'lose'),
  'webhooks are doubled from now on': ({ world }: Doing) => turn(world, 'double'),
  'webhooks overtake each other from now on': ({ world }: Doing) => turn(world, 'reorder'),
  'webhooks are late from now on'({ world }: Doing) {
    for (const { courier } of [world.lago, world.dodo]) courier.switches.delayMs = 300
  },
  'webhooks arrive again': ({ world }: Doing) => wellAgain(world),
  async 'an old webhook arrives once more'({ world, amount }: Doing) {
    const { heard } = world
    const old = heard[amount % Math.max(1, heard.length)]
    if (old)
      await world.get(new URL(old.url).pathname, {
        method: 'POST',
        headers: old.headers,
        body: old.body,
      })
  },
  async 'some seconds pass'({ world, story }: Doing) {
    story.slowMs += SECONDS_MS
    if (story.slowMs > AT_WORK_MS) await carryOut(world, story)
    world.advance(SECONDS_MS)
  },
  'two minutes pass': ({ world, story }: Doing) => pass(world, story, 2 * MINUTE_MS),
  'two hours pass': ({ world, story }: Doing) => pass(world, story, 2 * HOUR_MS),
  'four days pass': ({ world, story }: Doing) => pass(world, story, 96 * HOUR_MS),
  'the bridge’s clock is five minutes ahead': ({ world }: Doing) =>
    world.skew(ALMOST_FIVE_MINUTES_MS),
  'the bridge’s clock is five minutes behind': ({ world }: Doing) =>
    world.skew(-ALMOST_FIVE_MINUTES_MS),
  async 'the bridge’s clock jumps an hour ahead'({ world, story }: Doing) {
    await carryOut(world, story)
    world.skew(HOUR_MS)
  },
  async 'the bridge’s clock jumps an hour back'({ world, story }: Doing) {
    await carryOut(world, story)
    world.skew(-HOUR_MS)
  },
  'the bridge’s clock is right': ({ world }: Doing) => world.skew(0),
  'all comes to rest': ({ world }: Doing) => world.quiet(),
}

const CREATING = [
  ['POST', /^\/(checkouts|refunds|customers|products)$/],
  ['POST', /^\/subscriptions\/[^/]+\/charge$/],
  ['POST', /^\/api\/v1\/(payments|credit_notes)$/],
] as const

/** The next call that creates something gets no answer, and is carried out when the story says so. */
function holdNext(world: World, service: 'lago' | 'dodo', story: Story) {
  let isHeld = false
  const off = tap(world, service, (request, go) => {
    if (isHeld || !CREATING.some((one) => isCall(request, ...one))) return go()
    isHeld = true
    story.slow.push(copyForLater(world, service, request))
    return Promise.reject(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }))
  })
  story.taps.push(off)
}

/** The same request, to be carried out when the bridge has given it up. */
export function copyForLater(world: World, service: 'lago' | 'dodo', request: Request) {
  const { url, method, headers } = request
  const body = method === 'GET' ? undefined : request.clone().text()
  return async () => {
    const side = world[service] as unknown as { fetch: (one: Request) => Promise<Response> }
    const sent = await body
    await side.fetch(
      new Request(url, { method, headers, ...(sent !== undefined && { body: sent }) }),
    )
  }
}

/** What was slow is done now. */
export async function carryOut(world: World, story: Story) {
  story.slowMs = 0
  for (const act of story.slow.splice(0)) await act().catch(() => undefined)
  world.watch.look()
}

/** Time passes, and what it woke is looked at. */
export async function pass(world: World, story: Story, ms: number) {
  await carryOut(world, story)
  world.advance(ms)
  await sweep(world)
}

/** The network is well again. */
export function wellAgain({ lago, dodo }: World) {
  for (const { courier } of [lago, dodo])
    Object.assign(courier.switches, { lose: false, double: false, reorder: false, delayMs: 0 })
}

function turn({ lago, dodo }: World, what: 'lose' | 'double' | 'reorder') {
  for (const { courier } of [lago, dodo]) courier.switches[what] = true
}
