import { createBuckets } from './buckets.ts'
import type { Subject } from './pay-subject.ts'

/**
 * How often opening links may make us look at Lago and Dodo anew: each look costs a request there, or three where
 * a checkout has to be opened. Together they stay within a quarter of what Dodo allows in a minute, so that no
 * number of open links keeps anybody else waiting.
 */
const OF_A_LINK = { most: 4, everyMs: 40_000 }
const OF_A_CUSTOMER = { most: 12, everyMs: 6_000 }
const OF_ALL = { most: 20, everyMs: 1_600 }

export function createLooks(now: () => Date) {
  const links = createBuckets(OF_A_LINK, now)
  const customers = createBuckets(OF_A_CUSTOMER, now)
  const all = createBuckets(OF_ALL, now)

  /** Whether this link may be looked at now; if so, it counts. */
  return function mayLook({ kind, key, customer }: Subject): boolean {
    const link = `${kind}:${key}`
    const whose = customer ?? link
    if (links.isEmpty(link) || customers.isEmpty(whose) || all.isEmpty('')) return false
    return links.take(link) && customers.take(whose) && all.take('')
  }
}
