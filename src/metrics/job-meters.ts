import { and, eq, isNull } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import { deliveries } from '../db/schema.ts'
import { Later } from '../errors.ts'
import { DELIVERY_KINDS, type JobKind } from '../jobs.ts'
import type { Handler } from '../queue/queue.ts'
import type { ProcessMetrics } from './process.ts'

type Instruments = Pick<ProcessMetrics, 'runs' | 'runDuration' | 'lag'>

/** More deliveries than are read in one run are not worth counting. */
const MAX_TIMED = 200

/** Measures the runs of jobs, and how long after it came a webhook was read. */
export function createJobMeters({ runs, runDuration, lag }: Instruments) {
  /** The same handler, each run of which is counted. */
  function meter(
    db: Database,
    kind: JobKind,
    handler: Handler,
    onDone: OnDone = () => {},
  ): Handler {
    return async function metered(key, data, priority) {
      const startedMs = performance.now()
      // Asked beside the work, which takes a request to a service at least: it is no slower for it.
      const told = mayBeTold(kind, data) ? listTold(db, kind, key) : Promise.resolve([])
      try {
        await handler(key, data, priority)
        runs.inc({ kind, result: 'done' })
        onDone(kind, key)
        for (const { source, receivedAt } of await told)
          lag.observe({ source }, Math.max(Date.now() - receivedAt.getTime(), 0) / 1_000)
      } catch (error) {
        runs.inc({ kind, result: error instanceof Later ? 'later' : 'again' })
        throw error
      } finally {
        runDuration.observe({ kind }, (performance.now() - startedMs) / 1_000)
      }
    }
  }

  return { meter, countBuried: (kind: JobKind) => runs.inc({ kind, result: 'buried' }) }
}

type OnDone = (kind: JobKind, key: string) => void

/** Jobs that a delivery caused carry no cause of their own. */
const mayBeTold = (kind: JobKind, data: Record<string, unknown>) =>
  data['cause'] === undefined && DELIVERY_KINDS.some((one) => one === kind)

const listTold = (db: Database, kind: JobKind, key: string) =>
  db
    .select({ source: deliveries.source, receivedAt: deliveries.receivedAt })
    .from(deliveries)
    .where(
      and(
        eq(deliveries.wakes, kind as (typeof DELIVERY_KINDS)[number]),
        eq(deliveries.wakesKey, key),
        isNull(deliveries.processedAt),
      ),
    )
    .limit(MAX_TIMED)
    .catch(() => [])
