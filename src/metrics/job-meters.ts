import { listFinished } from '../collect/finish-deliveries.ts'
import { Later } from '../errors.ts'
import type { JobKind } from '../jobs.ts'
import type { Handler } from '../queue/queue.ts'
import type { ProcessMetrics } from './process.ts'

type Instruments = Pick<ProcessMetrics, 'runs' | 'runDuration' | 'lag'>

/** Measures the runs of jobs, and how long after it came a webhook was read. */
export function createJobMeters({ runs, runDuration, lag }: Instruments) {
  /** The same handler, each run of which is counted. */
  function meter(kind: JobKind, handler: Handler, onDone: OnDone = () => {}): Handler {
    return async function metered(key, data, priority) {
      const startedMs = performance.now()
      try {
        const finished = await listFinished(() => handler(key, data, priority))
        runs.inc({ kind, result: 'done' })
        onDone(kind, key)
        for (const { source, receivedAt } of finished)
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
