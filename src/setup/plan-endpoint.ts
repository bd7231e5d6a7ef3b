/** An endpoint that a service already has, and what of it is not as it has to be, in words. */
export type FoundEndpoint = {
  id: string
  url: string
  /** `ours` and `anothers` were written by some bridge; a person, or an older Lago, leaves none. */
  mark: 'ours' | 'anothers' | 'none'
  differences: string[]
}

/** What becomes of the endpoints of one service, so that exactly one leads to this bridge. */
export type EndpointPlan = {
  /** The one to go on with; without one, one is created. */
  base: FoundEndpoint | undefined
  /** What is changed of it; nothing: it is kept as it is. */
  changes: string[]
  /** Others of ours, removed once the one is right. */
  remove: FoundEndpoint[]
  /** They look like a bridge's, and nobody knows whose. */
  leave: FoundEndpoint[]
}

type Address = {
  publicUrl: string
  path: '/webhooks/lago' | '/webhooks/dodo' | '/webhooks/dodo/test'
}

/** Where a service is to send events. */
export const endpointUrl = ({ publicUrl, path }: Address) => `${publicUrl}${path}`

/**
 * Finds our own among all endpoints: those at our address, also where it is written another way, and those that
 * carry our mark. One at another address without a mark is ours only where it is the only one, and `mayAdopt`.
 */
export function planEndpoint(
  found: readonly FoundEndpoint[],
  address: Address,
  { mayAdopt }: { mayAdopt: boolean },
): EndpointPlan {
  const url = endpointUrl(address)
  const alike = found.filter((one) => pathOf(one.url).endsWith(address.path))
  const exact = found.find((one) => one.url === url)
  const here = alike.filter((one) => one !== exact && placeOf(one.url) === placeOf(url))
  const elsewhere = alike.filter((one) => one !== exact && !here.includes(one))
  const marked = elsewhere.filter(({ mark }) => mark === 'ours')
  const unmarked = elsewhere.filter(({ mark }) => mark === 'none')
  const adopted = mayAdopt && unmarked.length === 1 ? unmarked[0] : undefined
  const base = exact ?? here[0] ?? marked[0] ?? adopted

  const changes = base
    ? [...(base.url === url ? [] : [`was ${base.url}`]), ...base.differences]
    : []
  return {
    base,
    changes,
    // Whatever else is said of it: the one that is gone on with is never removed.
    remove: [...here, ...marked].filter(({ id }) => id !== base?.id),
    leave: unmarked.filter((one) => one !== base),
  }
}

/** Host and path, as far as they tell one bridge from another: not the scheme, nor a slash too many. */
const placeOf = (url: string) => `${URL.parse(url)?.host ?? ''}${pathOf(url)}`

const pathOf = (url: string) =>
  (URL.parse(url)?.pathname ?? '').replaceAll(/\/{2,}/g, '/').replace(/\/$/, '')
