import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  type Registry,
} from '@prometheus-io/client'

import { SOURCES } from '../webhook-sources.ts'
import { JOB_KINDS } from '../jobs.ts'
import { MAIL_KINDS } from '../mail-kinds.ts'
import { TOLD_TYPES } from '../alert-types.ts'

/** The library looks at the event loop a hundred times a second, which is most of what an idle bridge would do. */
const LOOK_AT_LAG_MS = 250
const LOOK_AT_USE_MS = 5_000
const COMMIT_SECONDS = [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5, 10]
const LAG_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600, 3600]
const SWEEP_SECONDS = [1, 5, 15, 60, 180, 600]
const JOB_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 30]
const API_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 25]
const BUDGET_SECONDS = [0.01, 0.1, 0.5, 1, 5, 20]
const HTTP_SECONDS = [0.005, 0.02, 0.1, 0.5, 2, 10]

/** How a webhook was answered. */
const DELIVERY_RESULTS = [
  'stored',
  'duplicate',
  'refused',
  'malformed',
  'too_large',
  'unavailable',
] as const
/** How the run of a job ended: `again` failed, `later` was put off, `buried` is given up. */
const RUN_RESULTS = ['done', 'again', 'later', 'buried'] as const

export type ProcessMetrics = ReturnType<typeof createProcessMetrics>

/**
 * What this process did since it started, in memory: aggregate with `sum`. Counters whose label values are known
 * begin at zero, so that the first increase is seen as one.
 */
export function createProcessMetrics(registry: Registry) {
  collectDefaultMetrics({
    register: registry,
    eventLoopMonitoringPrecision: LOOK_AT_LAG_MS,
    eventLoopUtilizationTimeout: LOOK_AT_USE_MS,
  })
  const registers = [registry]
  return {
    ...deliveryMetrics(registers),
    ...workMetrics(registers),
    ...apiMetrics(registers),
    ...peopleMetrics(registers),
  }
}

function deliveryMetrics(registers: Registry[]) {
  const deliveries = new Counter({
    name: 'bridge_deliveries_total',
    help: 'Webhooks answered',
    labelNames: ['source', 'result'],
    registers,
  })
  for (const source of SOURCES)
    for (const result of DELIVERY_RESULTS) deliveries.inc({ source, result }, 0)
  return {
    deliveries,
    commit: new Histogram({
      name: 'bridge_delivery_commit_duration_seconds',
      help: 'From the last byte of a webhook to its 200',
      labelNames: ['source'],
      buckets: COMMIT_SECONDS,
      registers,
    }),
    lag: new Histogram({
      name: 'bridge_delivery_lag_seconds',
      help: 'From stored to read',
      labelNames: ['source'],
      buckets: LAG_SECONDS,
      registers,
    }),
  }
}

function workMetrics(registers: Registry[]) {
  const runs = new Counter({
    name: 'bridge_job_runs_total',
    help: 'Runs of jobs, by how they ended',
    labelNames: ['kind', 'result'],
    registers,
  })
  for (const kind of JOB_KINDS) for (const result of RUN_RESULTS) runs.inc({ kind, result }, 0)
  return {
    runs,
    runDuration: new Histogram({
      name: 'bridge_job_duration_seconds',
      help: 'How long runs of jobs took',
      labelNames: ['kind'],
      buckets: JOB_SECONDS,
      registers,
    }),
    sweepDuration: new Histogram({
      name: 'bridge_sweep_duration_seconds',
      help: 'How long sweeps took',
      buckets: SWEEP_SECONDS,
      registers,
    }),
  }
}

/** Answers that alerts wait for: the first must be an increase. */
const WATCHED_CODES = ['401', '403', '429', '5xx', 'none']

function apiMetrics(registers: Registry[]) {
  const requests = new Counter({
    name: 'bridge_api_requests_total',
    help: 'Requests to the services, by their answer',
    labelNames: ['service', 'method', 'code'],
    registers,
  })
  for (const service of ['lago', 'dodo'])
    for (const method of ['GET', 'POST'])
      for (const code of WATCHED_CODES) requests.inc({ service, method, code }, 0)
  return {
    requests,
    requestDuration: new Histogram({
      name: 'bridge_api_request_duration_seconds',
      help: 'Until the head of the answer',
      labelNames: ['service', 'method'],
      buckets: API_SECONDS,
      registers,
    }),
    budgetWait: new Histogram({
      name: 'bridge_api_budget_wait_seconds',
      help: 'Waited for the request budget',
      labelNames: ['service', 'urgency'],
      buckets: BUDGET_SECONDS,
      registers,
    }),
    paused: new Counter({
      name: 'bridge_api_paused_seconds_total',
      help: 'Kept still after a 429',
      labelNames: ['service'],
      registers,
    }),
  }
}

function peopleMetrics(registers: Registry[]) {
  const logins = new Counter({
    name: 'bridge_logins_total',
    help: 'Sign-ins to the dashboard',
    labelNames: ['result'],
    registers,
  })
  for (const result of ['accepted', 'refused']) logins.inc({ result }, 0)
  const notifications = new Counter({
    name: 'bridge_notifications_total',
    help: 'Tries to tell somebody, by whether it was taken',
    labelNames: ['type', 'result'],
    registers,
  })
  for (const type of TOLD_TYPES)
    for (const result of ['sent', 'failed']) notifications.inc({ type, result }, 0)
  const emails = new Counter({
    name: 'bridge_emails_total',
    help: 'Mails to customers: sent, not taken at a try, or not to be sent after all',
    labelNames: ['kind', 'result'],
    registers,
  })
  for (const kind of MAIL_KINDS)
    for (const result of ['sent', 'failed', 'suppressed']) emails.inc({ kind, result }, 0)
  return {
    logins,
    emails,
    http: new Histogram({
      name: 'bridge_http_request_duration_seconds',
      help: 'Requests to the bridge, by the pattern of their route',
      labelNames: ['route', 'method', 'status'],
      buckets: HTTP_SECONDS,
      registers,
    }),
    notifications,
    collectErrors: new Counter({
      name: 'bridge_metrics_collect_errors_total',
      help: 'Readings of the ledger that failed or took too long',
      registers,
    }),
  }
}

/** What is said of the process itself, each time somebody asks. */
export function describeProcess(
  registry: Registry,
  said: {
    build: Record<string, string>
    sweepIntervalSeconds: number
    isReady: () => Promise<boolean>
    license: () => string
    budgets: () => readonly { service: string; window: string; used: number }[]
  },
): void {
  const registers = [registry]
  const labels = ['version', 'commit', 'bun', 'mode', 'collection', 'license'] as const
  void new Gauge({
    name: 'bridge_build_info',
    help: 'Always 1',
    labelNames: labels,
    registers,
    collect() {
      this.reset()
      this.set({ ...said.build, license: said.license() }, 1)
    },
  })
  void new Gauge({
    name: 'bridge_ready',
    help: '1 when /ready answers 200',
    registers,
    async collect() {
      this.set((await said.isReady()) ? 1 : 0)
    },
  })
  void new Gauge({
    name: 'bridge_sweep_interval_seconds',
    help: 'RECONCILE_EVERY',
    registers,
    collect() {
      this.set(said.sweepIntervalSeconds)
    },
  })
  void new Gauge({
    name: 'bridge_api_budget_used_ratio',
    help: "Of this process's share of a service's request limit, 0 to 1",
    labelNames: ['service', 'window'],
    registers,
    collect() {
      this.reset()
      for (const { service, window, used } of said.budgets()) this.set({ service, window }, used)
    },
  })
}
