import { DEFAULT_ACCOUNT } from '../account-key.ts'
import type { Biller } from '../collect/receivable.ts'
import type { Deps } from '../deps.ts'
import { createOrdersBiller } from './orders/biller.ts'
import type { Sources } from './orders/source.ts'

/**
 * Whom something at Dodo is for, by the account that says so. Lago is collected by the deployment's own account only;
 * without a source of orders all of that account is Lago's, and without Lago it is the orders'.
 */
export function createBillers({
  db,
  lago,
  sources,
}: Pick<Deps, 'db'> & { lago: Biller | undefined; sources: Sources }) {
  return function billerOf(account: string): Biller {
    const ofOrders = createOrdersBiller({ db }, account, sources)
    if (account !== DEFAULT_ACCOUNT || !lago) return ofOrders
    return sources.length > 0 ? combine(lago, ofOrders) : lago
  }
}

/** What says to be an order of ours is one; about all else `main` is asked, whose answers are as if it were alone. */
const combine = (main: Biller, ofOrders: Biller): Biller => {
  const ask = (metadata: Record<string, string>) =>
    metadata['bridge_order'] === undefined ? main : ofOrders
  return {
    ...main,
    named: (metadata) => ask(metadata).named(metadata),
    isOfSeveral: (metadata) => ask(metadata).isOfSeveral(metadata),
    payerNamed: (metadata) => ask(metadata).payerNamed(metadata),
    isForeign: (metadata) => ask(metadata).isForeign(metadata),
  }
}
