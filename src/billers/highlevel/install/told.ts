import { and, asc, eq, isNull } from 'drizzle-orm'

import type { Database, Executor } from '../../../db/client.ts'
import { finishedColumns, tellFinished } from '../../../collect/finish-deliveries.ts'
import { deliveries } from '../../../db/schema.ts'
import { MarketplaceEvent } from '../../../highlevel/objects.ts'
import { SAID_AGAIN } from '../../../inbox/hear-again.ts'

/** More wait for the next job, which is there: every delivery brings its own. */
const MAX_DELIVERIES = 100

/** What HighLevel said of an installation, and when, as far as it said. */
export type Told = {
  deliveryId: string
  type: string
  receivedAt: Date
  appId: string | undefined
  companyId: string | undefined
  at: Date | undefined
  /** Said once before, in the same bytes, which name no time: HighLevel itself knows whether it is so. */
  isSaidAgain: boolean
}

/** What was said and nobody has looked at, in the order in which it happened, as far as that is known. */
export async function listTold(db: Database, key: string): Promise<Told[]> {
  const rows = await db
    .select({
      deliveryId: deliveries.deliveryId,
      type: deliveries.eventType,
      receivedAt: deliveries.receivedAt,
      outcome: deliveries.outcome,
      body: deliveries.body,
    })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.source, 'highlevel'),
        eq(deliveries.wakes, 'installation'),
        eq(deliveries.wakesKey, key),
        isNull(deliveries.processedAt),
      ),
    )
    .orderBy(asc(deliveries.receivedAt))
    .limit(MAX_DELIVERIES)
  const all = rows.map(({ body, outcome, ...row }) => {
    return { ...row, ...read(body), isSaidAgain: outcome === SAID_AGAIN }
  })
  return all.every(({ at }) => at) ? all.toSorted(byTime) : all
}

const byTime = (one: Told, other: Told) => (one.at?.getTime() ?? 0) - (other.at?.getTime() ?? 0)

/** Of a delivery that was emptied nothing is left to read. */
function read(body: Buffer): Pick<Told, 'appId' | 'companyId' | 'at'> {
  if (body.length === 0) return { appId: undefined, companyId: undefined, at: undefined }
  const event = MarketplaceEvent.parse(JSON.parse(body.toString('utf8')))
  const at = new Date(event.timestamp ?? '')
  return {
    appId: event.appId,
    companyId: event.companyId,
    at: Number.isNaN(at.getTime()) ? undefined : at,
  }
}

/** Says what became of a delivery. */
export async function finishTold(
  db: Executor,
  { deliveryId }: Told,
  { at, outcome }: { at: Date; outcome: string },
) {
  const rows = await db
    .update(deliveries)
    .set({ processedAt: at, outcome })
    .where(and(eq(deliveries.source, 'highlevel'), eq(deliveries.deliveryId, deliveryId)))
    .returning(finishedColumns)
  tellFinished(rows)
}
