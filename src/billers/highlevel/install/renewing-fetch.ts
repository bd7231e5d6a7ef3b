/** A token that was never given a scope is not mended by another one of the same installation. */
const ABOUT_SCOPE = /scope/i

/**
 * The same fetch, that answers a rejected token with a new one, once. A 401 says that nothing was done, so any request
 * may be made again.
 */
export function createRenewingFetch({
  fetch,
  renew,
  onAnswer,
}: {
  fetch: typeof globalThis.fetch
  /** A token other than the rejected one. */
  renew: (rejected: string) => Promise<string>
  onAnswer: () => void
}): typeof globalThis.fetch {
  async function renewingFetch(input: string | URL | Request, init: RequestInit = {}) {
    const response = await fetch(input, init)
    if (response.status !== 401) {
      onAnswer()
      return response
    }
    if (ABOUT_SCOPE.test(await response.clone().text())) return response
    const headers = new Headers(init.headers)
    const rejected = headers.get('Authorization')?.slice('Bearer '.length) ?? ''
    headers.set('Authorization', `Bearer ${await renew(rejected)}`)
    return fetch(input, { ...init, headers: Object.fromEntries(headers) })
  }
  return renewingFetch as typeof globalThis.fetch
}
