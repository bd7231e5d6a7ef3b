import type { World } from './world.ts'

/** What stands between the bridge and a service: it may answer itself, spoil an answer, or hold a request back. */
export type Tap = (request: Request, go: () => Promise<Response>) => Promise<Response>

/**
 * Puts a tap on one of the services of a world, in front of those that are there already. What it returns closes
 * it, the last that was put on first.
 */
export function tap(world: World, service: 'lago' | 'dodo', act: Tap) {
  const side = world[service] as unknown as { fetch: (request: Request) => Promise<Response> }
  const real = side.fetch
  side.fetch = (request) => act(request, () => real(request))
  return () => {
    side.fetch = real
  }
}

export const isCall = (request: Request, method: string, path: RegExp) =>
  request.method === method && path.test(new URL(request.url).pathname)

/** Spoils the first request of the second sort that comes after one of the first sort was carried out. */
export function spoilAfter(
  world: World,
  service: 'lago' | 'dodo',
  [first, second]: readonly [readonly [string, RegExp], readonly [string, RegExp]],
  answer: () => Response = () => Response.json({ code: 'X' }, { status: 503 }),
) {
  let isDone = false
  let isSpoiled = false
  tap(world, service, async (request, go) => {
    if (isDone && !isSpoiled && isCall(request, ...second)) {
      isSpoiled = true
      return answer()
    }
    const response = await go()
    if (isCall(request, ...first)) isDone = true
    return response
  })
  return { isSpoiled: () => isSpoiled }
}

/**
 * A service that is slower than our patience: the first request of this sort gets no answer, and is carried out
 * when the test says so.
 */
export function holdBack(world: World, service: 'lago' | 'dodo', method: string, path: RegExp) {
  let carryOut: (() => Promise<unknown>) | undefined
  tap(world, service, (request, go) => {
    if (carryOut || !isCall(request, method, path)) return go()
    const { url, headers } = request
    const side = world[service] as unknown as { fetch: (request: Request) => Promise<Response> }
    const body = request.clone().text()
    carryOut = async () => side.fetch(new Request(url, { method, headers, body: await body }))
    return Promise.reject(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }))
  })
  return { isHeld: () => carryOut !== undefined, carryOut: async () => carryOut?.() }
}
