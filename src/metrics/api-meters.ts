import type { Budget, Urgency, Window } from '../budget.ts'
import type { Fetch } from '../vendor-fetch.ts'
import type { Service } from '../errors.ts'
import type { ProcessMetrics } from './process.ts'

type Instruments = Pick<ProcessMetrics, 'requests' | 'requestDuration' | 'budgetWait' | 'paused'>

/** Statuses that are told apart; every other one goes by its hundred. */
const TOLD = [400, 401, 402, 403, 404, 409, 422, 429]
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']
/** What is told of the last hour, of so many requests at most. */
const HOUR_MS = 3_600_000
const MAX_RECENT = 2_000
/** Windows up to this are told as `second`. */
const SHORT_MS = 10_000

const labelOf = (service: Service) => service.toLowerCase()

/** `2xx`, a status that means something of its own, `5xx`, or `4xx` and `3xx` for the rest. */
const codeOf = (status: number) =>
  TOLD.includes(status) ? String(status) : `${Math.floor(status / 100)}xx`

/** Measures what is asked of the services, and how much of what may be asked is used. */
export function createApiMeters(
  instruments: Instruments,
  onAnswer: (service: Service, code: string) => void,
) {
  const { requests, requestDuration, budgetWait, paused } = instruments
  const recent = new Map<string, Answer[]>()
  const watched: { service: string; windows: readonly Window[]; spentAt: number[] }[] = []

  /**
   * The same fetch, each request of which is counted with its answer; `none` where there was none. What is asked with
   * somebody else's key is counted as `label`: alerts are about our own.
   */
  function meterFetch(service: Service, fetch: Fetch, label = labelOf(service)): Fetch {
    return async function metered(input, init) {
      const given = (
        init?.method ?? (input instanceof Request ? input.method : 'GET')
      ).toUpperCase()
      const labels = {
        service: label,
        method: METHODS.includes(given) ? given : 'other',
      }
      const startedMs = performance.now()
      let code = 'none'
      try {
        const response = await fetch(input, init)
        code = codeOf(response.status)
        return response
      } finally {
        requests.inc({ ...labels, code })
        noteRecent(recent, label, {
          atMs: performance.now(),
          tookMs: performance.now() - startedMs,
          isFailed: code === 'none' || code === '5xx',
        })
        onAnswer(service, code)
        requestDuration.observe(labels, (performance.now() - startedMs) / 1_000)
      }
    }
  }

  /** The same budget, whose waits and pauses are counted. */
  function meterBudget(name: Service, limits: readonly Window[], budget: Budget): Budget {
    const service = labelOf(name)
    const own = { service, windows: limits, spentAt: [] as number[] }
    let pausedUntilMs = 0
    watched.push(own)

    async function spend(urgency: Urgency) {
      const startedMs = performance.now()
      await budget.spend(urgency)
      const nowMs = performance.now()
      budgetWait.observe({ service, urgency }, (nowMs - startedMs) / 1_000)
      own.spentAt.push(nowMs)
      forget(own, nowMs)
    }
    function pause(headers: Headers) {
      const until = budget.pause(headers)
      // Several that were on their way are told the same at once: that is one pause.
      const sinceMs = Math.max(Date.now(), pausedUntilMs)
      paused.inc({ service }, Math.max(until.getTime() - sinceMs, 0) / 1_000)
      pausedUntilMs = Math.max(pausedUntilMs, until.getTime())
      return until
    }
    function resize(windows: readonly Window[]) {
      own.windows = windows
      budget.resize(windows)
    }
    return { ...budget, spend, pause, resize }
  }

  /** How much of this process's share was used in each window that is not over. */
  function budgets() {
    const nowMs = performance.now()
    return watched.flatMap(({ service, windows, spentAt }) =>
      windows.map(({ lengthMs, most }) => ({
        service,
        window: lengthMs <= SHORT_MS ? 'second' : 'minute',
        used: Math.min(spentAt.filter((at) => at > nowMs - lengthMs).length / most, 1),
      })),
    )
  }

  /** How each service answered this process within the last hour. */
  function answers() {
    const sinceMs = performance.now() - HOUR_MS
    return Array.from(recent, ([service, all]) => {
      const lately = all.filter(({ atMs }) => atMs > sinceMs)
      const took = lately.map(({ tookMs }) => tookMs).toSorted((one, other) => one - other)
      return {
        service,
        calls: lately.length,
        /** Whether there were more within the hour than are kept. */
        isCut: lately.length === MAX_RECENT,
        failed: lately.filter(({ isFailed }) => isFailed).length,
        p50Ms: took[Math.floor(took.length / 2)],
      }
    })
  }

  return { meterFetch, meterBudget, budgets, answers }
}

type Answer = { atMs: number; tookMs: number; isFailed: boolean }

function noteRecent(recent: Map<string, Answer[]>, service: string, answer: Answer) {
  const all = recent.get(service) ?? []
  all.push(answer)
  if (all.length > MAX_RECENT) all.shift()
  recent.set(service, all)
}

function forget(
  { windows, spentAt }: { windows: readonly Window[]; spentAt: number[] },
  nowMs: number,
) {
  const longestMs = Math.max(...windows.map(({ lengthMs }) => lengthMs))
  const kept = spentAt.findIndex((at) => at > nowMs - longestMs)
  if (kept > 0) spentAt.splice(0, kept)
}
