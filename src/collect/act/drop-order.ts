import { and, eq } from 'drizzle-orm'

import { refundOrders } from '../../db/schema.ts'
import type { Deps } from '../deps.ts'
import type { RefundOrder } from '../ledger.ts'

/** Dodo did nothing about a refund that waits for it, so nothing is remembered: it is decided anew, on what is true by now. */
export async function dropOrder({ db }: Pick<Deps, 'db'>, { id }: RefundOrder): Promise<void> {
  await db
    .delete(refundOrders)
    .where(and(eq(refundOrders.id, id), eq(refundOrders.status, 'waiting')))
}
