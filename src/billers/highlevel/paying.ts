import type { Accounts } from '../../accounts.ts'
import type { Deps } from '../../collect/deps.ts'
import type { Fetch } from '../../vendor-fetch.ts'
import type { HighlevelDeps } from './deps.ts'
import type { HighlevelAccess } from './install/open.ts'
import { createPlug } from './install/plug.ts'
import { createLocations } from './locations.ts'

/** What the paying half of HighLevel works with. */
export function createPaying(
  deps: Pick<Deps, 'config' | 'db' | 'queue' | 'log' | 'now'> & {
    accounts: Accounts
    onAccount: HighlevelDeps['onAccount']
  },
  access: HighlevelAccess,
  { fetch, stop }: { fetch: Fetch; stop: AbortSignal },
): HighlevelDeps {
  const { config, db, queue, log, now, onAccount } = deps
  return {
    config,
    db,
    queue,
    log,
    now,
    onAccount,
    locations: createLocations(deps, access),
    // Events go to an address of their own, and no location's limit holds there.
    tellFetch: createPlug({ fetch, now, stop })('events', 'live'),
  }
}
