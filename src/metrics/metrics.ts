import { Counter, Gauge, Registry } from '@prometheus-io/client'
import type { Logger } from 'pino'

import type { Config } from '../config.ts'
import type { Database } from '../db/client.ts'
import { messageOf } from '../errors.ts'
import { createSignals } from './signals.ts'
import { REVISION, VERSION } from '../version.ts'
import { createApiMeters } from './api-meters.ts'
import { findLicense } from './counts.ts'
import { createGroup, READ_LIMIT_MS } from './group.ts'
import { createJobMeters } from './job-meters.ts'
import { readHeavy, readLight, withinMs } from './ledger.ts'
import { LEDGER_METRICS, type LedgerMetric, type Samples } from './names.ts'
import { createProcessMetrics, describeProcess } from './process.ts'

const OPEN_METRICS = 'application/openmetrics-text'

/** What was taken in from the ledger's side; set once there is one. */
type Ledger = {
  db: Database
  queueSchema: string
  isReady: () => Promise<boolean>
  log: Pick<Logger, 'warn'>
}

export type Metrics = ReturnType<typeof createMetrics>

/**
 * Everything that is measured. What this process does is counted as it happens; what the ledger says is read when
 * somebody scrapes. `expose` answers also when the database is away, with what the process knows.
 */
export function createMetrics(config: Config, now: () => Date = () => new Date()) {
  const registry = new Registry()
  const instruments = createProcessMetrics(registry)
  const signals = createSignals(() => now().getTime())
  const api = createApiMeters(instruments, (service, code) => {
    // A shop or a location that does not answer is its tenant's, and nobody is called for it.
    if (service === 'Lago' || service === 'Dodo') signals.hearAnswer(service, code)
  })
  let license: string = config.lago.license === 'auto' ? 'unknown' : config.lago.license
  let ask: (() => Promise<Samples>) | undefined

  /** From now on the ledger can be asked. */
  function openLedger({ db, queueSchema, isReady, log }: Ledger) {
    const onFailure = (error: unknown) => {
      instruments.collectErrors.inc()
      log.warn({ error: messageOf(error) }, 'metrics of the ledger left out')
    }
    const readWhole: typeof readHeavy = async (reading) => {
      if (config.lago.license === 'auto') license = await findLicense(reading.db, reading.now)
      return readHeavy(reading)
    }
    const groupOf = (what: string, read: typeof readLight) =>
      createGroup(
        what,
        () => withinMs(db, READ_LIMIT_MS, (tx) => read({ db: tx, now: now(), queueSchema })),
        onFailure,
      )
    const light = groupOf('reading what is open', readLight)
    const heavy = groupOf('reading what was ever done', readWhole)
    ask = async () => {
      const [current, ever] = await Promise.all([light(), heavy()])
      return { ...current, ...ever }
    }
    describeProcess(registry, {
      build: {
        version: VERSION,
        commit: REVISION,
        bun: Bun.version,
        mode: config.dodo.environment,
        collection: config.collection,
      },
      sweepIntervalSeconds: config.reconcileEveryMs / 1_000,
      isReady,
      license: () => license,
      budgets: api.budgets,
    })
  }

  /** All of it as text, in the format that is asked for. */
  async function expose(accept: string | undefined): Promise<{ type: string; text: string }> {
    const [own, samples] = await Promise.all([registry.getMetricsAsJSON(), ask?.()])
    const ledger = samples ? await asRegistry(samples).getMetricsAsJSON() : []
    const isOpen = accept?.includes(OPEN_METRICS) === true
    const all = new Registry(
      isOpen ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE,
    )
    // The library renames counters in place for OpenMetrics, so that what it prints must be a copy.
    for (const metric of [...own, ...ledger]) {
      const copy = { ...metric, get: () => copy }
      all.registerMetric(copy as never)
    }
    return { type: all.contentType, text: await all.metrics() }
  }

  return {
    ...instruments,
    ...api,
    jobs: createJobMeters(instruments),
    /** What is counted here and told elsewhere. */
    signals,
    openLedger,
    expose,
  }
}

/** Made anew for each scrape, so that what is not known is not there, instead of what it once was. */
function asRegistry(samples: Samples): Registry {
  const registry = new Registry()
  for (const [name, { type, help, labels = [] }] of Object.entries(LEDGER_METRICS)) {
    const known = samples[name as LedgerMetric]
    if (!known) continue
    const options = { name, help, labelNames: [...labels], registers: [registry] }
    if (type === 'gauge') {
      const gauge = new Gauge(options)
      for (const one of known) gauge.set(one.labels ?? {}, one.value)
    } else {
      const counter = new Counter(options)
      for (const one of known) counter.inc(one.labels ?? {}, one.value)
    }
  }
  return registry
}
