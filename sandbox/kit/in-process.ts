/** What a client needs of `fetch`; the global one fits, and so does an app that lives in this process. */
export type Fetch = (input: string | URL | Request, init?: RequestInit) => Promise<Response>

/**
 * A `fetch` that reaches an app without a socket, yet keeps the promise of a socket: it rejects when
 * the caller's signal fires, even if the app goes on working.
 */
export function fetchInProcess(app: {
  fetch: (request: Request) => Response | Promise<Response>
}): typeof fetch {
  const call: Fetch = async (input, init) => {
    const request =
      input instanceof Request ? new Request(input, init) : new Request(input.toString(), init)
    const { signal } = request
    signal.throwIfAborted()

    const abandoned = Promise.withResolvers<never>()
    const abandon = () => abandoned.reject(signal.reason)
    signal.addEventListener('abort', abandon, { once: true })
    try {
      return await Promise.race([app.fetch(request), abandoned.promise])
    } finally {
      signal.removeEventListener('abort', abandon)
    }
  }
  // Bun's type of `fetch` has this; there is no connection to prepare here.
  return Object.assign(call, { preconnect() {} })
}
