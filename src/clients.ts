import type { Logger } from 'pino'

import { createBudget, type Budget, type Urgency } from './budget.ts'
import type { Config } from './config.ts'
import type { Database } from './db/client.ts'
import { createDodo } from './dodo/client.ts'
import { createKeyWatch } from './key-watch.ts'
import { createLago } from './lago/client.ts'
import type { Metrics } from './metrics/metrics.ts'
import { createLagoRelease, readLagoVersion } from './lago/release.ts'
import { createUnreadableRows } from './lago/unreadable-rows.ts'
import { createPatientFetch } from './net/patient-fetch.ts'
import { joinReplicas } from './net/replicas.ts'
import { createReserve } from './turn.ts'
import { createVendorFetch, type Fetch } from './vendor-fetch.ts'

type Service = 'Lago' | 'Dodo'

/**
 * The clients of both services, one pair for each urgency of work. They share what is asked of a service: its
 * request limit, which all replicas divide, its release, and whether it takes our key.
 */
export async function openClients({
  config,
  db,
  log,
  now,
  fetch,
  metrics,
}: {
  config: Config
  db: Database
  log: Logger
  now: () => Date
  fetch: Fetch
  metrics: Metrics
}) {
  const stopping = new AbortController()
  const keys = createKeyWatch({ log })
  const budgetOf = (service: Service) => {
    const limits = config.rateLimits[service]
    return metrics.meterBudget(service, limits, createBudget(service, limits, now))
  }
  const budgets: Record<Service, Budget> = { Lago: budgetOf('Lago'), Dodo: budgetOf('Dodo') }
  const services = (['Lago', 'Dodo'] as const).map((name) => ({
    name,
    limits: config.rateLimits[name],
    budget: budgets[name],
  }))
  const replica = await joinReplicas({ db, services, now })

  function plug(service: Service, urgency: Urgency) {
    const budget = budgets[service]
    const plugged = createVendorFetch({
      service,
      fetch: metrics.meterFetch(service, fetch),
      budget,
      urgency,
      stop: stopping.signal,
      onAnswer: (method, status) => keys.hear(service, method, status),
      ...(service === 'Lago' && { readTimeoutMs: config.lago.readTimeoutMs }),
    })
    const isPatient = urgency === 'sweep'
    return {
      fetch: isPatient ? createPatientFetch(plugged, { now, stop: stopping.signal }) : plugged,
      reserve: createReserve({ service, budget, urgency, now }),
    }
  }

  // Found out once, whichever client it is that needs it.
  const release = createLagoRelease(
    () => readLagoVersion({ ...config.lago, ...plug('Lago', 'live') }),
    now,
  )
  const unreadable = createUnreadableRows(log)
  const clientsFor = (urgency: Urgency) => ({
    lago: createLago({ ...config.lago, ...plug('Lago', urgency), release, unreadable }),
    dodo: createDodo({ ...config.dodo, ...plug('Dodo', urgency) }),
  })

  return {
    live: clientsFor('live'),
    urgent: clientsFor('urgent'),
    patient: clientsFor('sweep'),
    keys,
    /** Gives up the calls in hand, and whoever waits for a turn. */
    abort: () => {
      stopping.abort()
      for (const { budget } of services) budget.close()
    },
    leave: replica.leave,
  }
}
