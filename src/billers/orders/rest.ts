import { and, eq, isNotNull } from 'drizzle-orm'

import type { ReceivableRow } from '../../collect/load.ts'
import type { Standing } from '../../collect/receivable.ts'
import { note } from '../../collect/timeline.ts'
import { receivables } from '../../db/schema.ts'
import type { Deps } from '../../collect/deps.ts'
import type { OrderRow } from './order.ts'
import type { OrderSource } from './source.ts'

type Resting = { source: OrderSource; order: OrderRow; row: ReceivableRow }
type Rest = { standing: Standing; isPayable?: boolean; wakeAt?: Date | undefined }

/** Nothing is left to do for now: writes down where the order stands, and that the wish that came before was looked at. */
export async function rest(
  { db, now }: Pick<Deps, 'db' | 'now'>,
  { source, order, row: { receivableId, state: before, reason: why, requestedAt } }: Resting,
  { standing, isPayable = false, wakeAt }: Rest,
) {
  const { state, reason, code } = standing
  const at = now()
  await db.transaction(async (tx) => {
    await tx
      .update(receivables)
      .set({
        state,
        reason,
        reasonCode: state === 'attention' ? (code ?? null) : null,
        isPayable,
        nextWakeAt: wakeAt ?? null,
        lastError: null,
        lastErrorAt: null,
        nextRunAt: null,
        settledAt: at,
      })
      .where(eq(receivables.receivableId, receivableId))
    if (requestedAt)
      await tx
        .update(receivables)
        .set({ requestedAt: null, requestedBy: null })
        .where(
          and(
            eq(receivables.receivableId, receivableId),
            isNotNull(receivables.requestedAt),
            eq(receivables.requestedAt, requestedAt),
          ),
        )
    if (before !== state) await note(tx, receivableId, `${state}: ${reason}`, at)
    if (before !== state || why !== reason) await source.onState?.(tx, order, standing, at)
  })
}
