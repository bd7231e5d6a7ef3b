import type { World } from './world.ts'

type Tap = (request: Request, go: () => Promise<Response>) => Promise<Response>
type Side = { fetch: unknown }

function tap(side: Side, act: Tap) {
  const real = side.fetch as (request: Request) => Promise<Response>
  side.fetch = (request: Request) => act(request, () => real(request))
  return () => {
    side.fetch = real
  }
}

/** Lets a test answer, spoil or watch each request to Dodo until the tap is closed. */
export const tapDodo = (world: World, act: Tap) => tap(world.dodo, act)

export const pathOf = (request: Request) => new URL(request.url).pathname
