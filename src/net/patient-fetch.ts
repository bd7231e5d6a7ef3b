import { Later } from '../errors.ts'

/** More than a service that is merely busy makes us wait in a row. */
const MAX_WAITS = 30

/**
 * A fetch for work that nobody waits for: what a service puts off is asked again when it said, so that a long
 * reading goes on where it is. Only a read is repeated.
 */
export function createPatientFetch(
  fetch: typeof globalThis.fetch,
  { now, stop }: { now: () => Date; stop: AbortSignal },
): typeof globalThis.fetch {
  async function patientFetch(input: string | URL | Request, init: RequestInit = {}) {
    const method = init.method ?? (input instanceof Request ? input.method : 'GET')
    for (let waited = 0; ; waited += 1) {
      try {
        return await fetch(input, init)
      } catch (error) {
        const isOver = method !== 'GET' || waited >= MAX_WAITS || stop.aborted
        if (!(error instanceof Later) || isOver) throw error
        await Bun.sleep(Math.max(error.at.getTime() - now().getTime(), 0))
      }
    }
  }
  return patientFetch as typeof globalThis.fetch
}
