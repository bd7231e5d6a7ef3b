import type { Biller } from '../collect/receivable.ts'

/**
 * Several billers as one, for what comes from Dodo and may be about any of them. What says to be an order of ours is
 * one; about all else `main` is asked, whose answers are as if it were alone.
 */
export const combineBillers = (main: Biller, ofOrders: Biller): Biller => {
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
