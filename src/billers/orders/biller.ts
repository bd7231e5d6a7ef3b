import { and, eq } from 'drizzle-orm'

import type { Biller } from '../../collect/receivable.ts'
import { orders } from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import { isOrderId } from './ids.ts'
import type { OrderSource, Sources } from './source.ts'

/**
 * The orders of one Dodo account as the core knows them. Their sources keep no books of money, so the ledger itself is
 * what holds. With `own`, as one source's.
 */
export function createOrdersBiller(
  { db }: Pick<Deps, 'db'>,
  account: string,
  sources: Sources,
  own?: OrderSource,
): Biller {
  const ofPayer = (payerKey: string) =>
    sources.find(({ name }) => payerKey.startsWith(`${name}:`))?.describePayer?.(payerKey)
  return {
    name: own?.title ?? 'the shop',
    named(metadata) {
      const named = metadata['bridge_order']
      return named !== undefined && isOrderId(named) ? named : null
    },
    isOfSeveral: () => false,
    payerNamed: (metadata) =>
      sources.map((one) => one.payerNamed?.(metadata, account)).find((key) => key !== undefined),
    // Several bridges may share an account, and an order has one account: any other one is another's.
    async isForeign(metadata) {
      const named = metadata['bridge_order']
      if (named === undefined) return false
      const [known] = await db
        .select({ orderId: orders.orderId })
        .from(orders)
        .where(and(eq(orders.orderId, named), eq(orders.account, account)))
      return !known
    },
    mark: async () => ({}),
    describePayer: (payerKey) => ofPayer(payerKey) ?? {},
    describeCreditNote: (requestId) => ({ bridge_refund_request: requestId }),
    holds: async () => false,
    findPayer: async () => undefined,
  }
}
