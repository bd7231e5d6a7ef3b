import { messageOf } from '../errors.ts'
import { addressOf } from './source.ts'
import type { Take } from './webhooks.ts'

/** What comes by the thousand. */
type Direct = 'lago' | 'dodo'
type Fetch<Env> = (request: Request, env?: Env) => Response | Promise<Response>
type Failed = { failure: Error; requestIP: (request: Request) => ReturnType<typeof addressOf> }

const ACKNOWLEDGED = {
  new: '{"received":true,"duplicate":false}',
  duplicate: '{"received":true,"duplicate":true}',
}

/**
 * The short way for what comes by the thousand: a webhook at its exact address is taken without looking for routes.
 * Its answer has the headers that the long way gives, which is gone once to learn them, and whenever something fails;
 * `onTaken` hears of the others, which nothing else measures.
 */
export function openDoor<Env>(
  take: Partial<Pick<Take, Direct>>,
  goTheLongWay: Fetch<Env | Failed>,
  onTaken: (route: string, seconds: number) => void,
): Fetch<Env> {
  let headers: Record<string, string> | undefined

  async function enter(
    request: Request,
    [source, receive]: readonly [Direct, Take[Direct]],
    env?: Env,
  ) {
    const startedMs = performance.now()
    try {
      const { duplicate } = await receive(request)
      onTaken(`/webhooks/${source}`, (performance.now() - startedMs) / 1_000)
      return new Response(
        duplicate ? ACKNOWLEDGED.duplicate : ACKNOWLEDGED.new,
        headers && { headers },
      )
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(messageOf(error))
      return goTheLongWay(request, { failure, requestIP: (of) => addressOf(env, of) })
    }
  }

  async function learn(request: Request, env?: Env) {
    const response = await goTheLongWay(request, env)
    if (response.status === 200) headers ??= Object.fromEntries(response.headers)
    return response
  }

  return function fetch(request, env) {
    const source = request.method === 'POST' ? sourceOf(request.url) : undefined
    const receive = source && take[source]
    if (!source || !receive) return goTheLongWay(request, env)
    return headers ? enter(request, [source, receive], env) : learn(request, env)
  }
}

function sourceOf(url: string): Direct | undefined {
  if (url.endsWith('/webhooks/lago') && url.indexOf('/', 8) === url.length - 14) return 'lago'
  if (url.endsWith('/webhooks/dodo') && url.indexOf('/', 8) === url.length - 14) return 'dodo'
  return undefined
}
