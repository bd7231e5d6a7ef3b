import type { Biller } from '../../collect/receivable.ts'
import type { Deps } from '../../deps.ts'
import { findOrder, isOrderId } from './order.ts'

/** Openfront's orders as the core knows them. The shop keeps no books of money, so the ledger itself is what holds. */
export const createOpenfrontBiller = ({ db }: Pick<Deps, 'db'>): Biller => ({
  name: 'Openfront',
  named(metadata) {
    const named = metadata['bridge_order']
    return named !== undefined && isOrderId(named) ? named : null
  },
  isOfSeveral: () => false,
  payerNamed: () => undefined,
  // Several bridges may share an account: an order that this ledger does not have is another's.
  async isForeign(metadata) {
    const named = metadata['bridge_order']
    return named !== undefined && !(await findOrder(db, named))
  },
  mark: async () => ({}),
  describePayer: () => ({}),
  describeCreditNote: (requestId) => ({ bridge_refund_request: requestId }),
  holds: async () => false,
  findPayer: async () => undefined,
})
