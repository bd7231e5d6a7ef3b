import { refused } from './refusal.ts'
import type { Endpoint } from './store.ts'

/** Documented in 2025; whether it still holds is not known. */
export const DEFAULT_MAX_ENDPOINTS = 5
const DEFAULT_PAGE_SIZE = 100

/** Refuses one endpoint too many. */
export function assertRoom(endpoints: ReadonlyMap<string, Endpoint>, most: number): void {
  if (endpoints.size < most) return
  throw refused('UNSUPPORTED_ACTION', `at most ${most} webhook endpoints`)
}

/** One page by cursor: `iterator` is the id of the last one that was shown. */
export function pageOfEndpoints(
  endpoints: ReadonlyMap<string, Endpoint>,
  { iterator, limit }: { iterator: string | undefined; limit: string | undefined },
) {
  const all = [...endpoints.values()]
  const from = iterator ? all.findIndex(({ id }) => id === iterator) + 1 : 0
  const size = Number(limit) > 0 ? Number(limit) : DEFAULT_PAGE_SIZE
  const rows = all.slice(from, from + size)
  return { rows, iterator: rows.at(-1)?.id ?? '', done: from + size >= all.length }
}
