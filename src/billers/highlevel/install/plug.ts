import { createBudget, type Budget, type Urgency, type Window } from '../../../budget.ts'
import { createVendorFetch, type Fetch } from '../../../vendor-fetch.ts'

/** Of the 100 that HighLevel allows in ten seconds for each app and location (its OpenAPI, `oauth.json`). */
const LIMITS: readonly Window[] = [{ lengthMs: 10_000, most: 90 }]

/**
 * The fetch for one location, or for whatever else `whose` names: within its own budget, with a deadline, no redirect,
 * and errors that say whether the effect is known.
 */
export function createPlug({
  fetch,
  now,
  stop,
}: {
  fetch: Fetch
  now: () => Date
  stop: AbortSignal
}) {
  const budgets = new Map<string, Budget>()
  stop.addEventListener('abort', () => {
    for (const budget of budgets.values()) budget.close()
  })

  return function plug(whose: string, urgency: Urgency): typeof globalThis.fetch {
    const budget = budgets.get(whose) ?? createBudget('HighLevel', LIMITS, now)
    budgets.set(whose, budget)
    return createVendorFetch({ service: 'HighLevel', fetch, budget, urgency, stop })
  }
}
