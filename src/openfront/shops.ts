import { createBudget } from '../budget.ts'
import type { Config } from '../config.ts'
import { createVendorFetch, type Fetch } from '../vendor-fetch.ts'
import { createOpenfront, type Openfront } from './client.ts'

/** Of one shop, by all that one process asks of it: a shop is somebody's small server. */
const LIMITS = [{ lengthMs: 1_000, most: 10 }]

/** The shops that can be asked, by the names of their stores. */
export function openShops({
  config,
  fetch,
  now,
}: {
  config: Pick<Config, 'openfront'>
  fetch: Fetch
  now: () => Date
}) {
  const stopping = new AbortController()
  const budgets: { close: () => void }[] = []
  const shops = new Map<string, Openfront>()
  for (const { name, url, token } of config.openfront?.stores ?? []) {
    if (url === undefined) continue
    const budget = createBudget('Openfront', LIMITS, now)
    budgets.push(budget)
    const plugged = createVendorFetch({
      service: 'Openfront',
      fetch,
      budget,
      urgency: 'urgent',
      stop: stopping.signal,
    })
    shops.set(name, createOpenfront({ url, token, fetch: plugged }))
  }
  return {
    find: (store: string): Openfront | undefined => shops.get(store),
    /** Gives up the calls in hand. */
    close() {
      stopping.abort()
      for (const budget of budgets) budget.close()
    },
  }
}
