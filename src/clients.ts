import type { Logger } from 'pino'
import { z } from 'zod'

import { createAccounts, type AccountKeys, type StoredAccounts } from './accounts.ts'
import { createBudget, type Budget, type Urgency } from './budget.ts'
import type { Config } from './config.ts'
import type { Database } from './db/client.ts'
import { createDodo, type Dodo } from './dodo/client.ts'
import { PermanentError } from './errors.ts'
import { createKeyWatch } from './key-watch.ts'
import { createLago } from './lago/client.ts'
import type { Metrics } from './metrics/metrics.ts'
import { createLagoRelease, readLagoVersion } from './lago/release.ts'
import { createUnreadableRows } from './unreadable-rows.ts'
import { createPatientFetch } from './net/patient-fetch.ts'
import { joinReplicas } from './net/replicas.ts'
import { createReserve } from './turn.ts'
import { createVendorFetch, type Fetch } from './vendor-fetch.ts'

type Service = 'Lago' | 'Dodo'

/** While Lago is off nothing is asked of it, whoever forgets that. */
const neverAsked: Fetch = async () => {
  throw new PermanentError('Lago is switched off')
}

/** What Dodo says against a key says whose key it is: it is no use to look at another one. */
const namingKey = (fetch: typeof globalThis.fetch, keyName: string) =>
  (async (input: string | URL | Request, init?: RequestInit) => {
    const response = await fetch(input, init)
    const { status } = response
    if (status !== 401 && status !== 403) return response
    const said = Said.safeParse(await response.json().catch(() => undefined)).data ?? {}
    const message = `${said.message ?? said.code ?? 'the answer is empty'}; it was asked with ${keyName}`
    return Response.json({ ...said, message, asked_with: keyName }, { status })
  }) as typeof globalThis.fetch

const Said = z.looseObject({ code: z.string().optional(), message: z.string().optional() })

type Limited = Parameters<typeof joinReplicas>[0]['services'][number]

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
  stored,
}: {
  config: Config
  db: Database
  log: Logger
  now: () => Date
  fetch: Fetch
  metrics: Metrics
  /** Accounts that are not in the configuration. */
  stored?: StoredAccounts | undefined
}) {
  const stopping = new AbortController()
  const keys = createKeyWatch({ log })
  const budgetOf = (service: Service) => {
    const limits = config.rateLimits[service]
    return metrics.meterBudget(service, limits, createBudget(service, limits, now))
  }
  const budgets: Record<Service, Budget> = { Lago: budgetOf('Lago'), Dodo: budgetOf('Dodo') }
  const services: Limited[] = (['Lago', 'Dodo'] as const).map((name) => ({
    name,
    limits: config.rateLimits[name],
    budget: budgets[name],
  }))
  const replica = await joinReplicas({ db, services, now })
  const keepUnder = (served: (typeof services)[number]) => {
    services.push(served)
    void replica.beat().catch(() => undefined)
  }

  function plug(service: Service, urgency: Urgency) {
    const budget = budgets[service]
    const plugged = createVendorFetch({
      service,
      fetch:
        service === 'Lago' && !config.lago.isOn ? neverAsked : metrics.meterFetch(service, fetch),
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

  const ofDodo = createUnreadableRows('Dodo', log)
  /** The clients of another Dodo account, which has limits of its own; what it says of its key is not about ours. */
  function connect({ id, url, apiKey, keyName }: AccountKeys): Record<Urgency, Dodo> {
    const limits = config.rateLimits.Dodo
    const budget = createBudget('Dodo', limits, now)
    keepUnder({ name: `Dodo ${id}`, limits, budget })
    const clientFor = (urgency: Urgency) => {
      const fetchIt = createVendorFetch({
        service: 'Dodo',
        fetch: metrics.meterFetch('Dodo', fetch, 'dodo_account'),
        budget,
        urgency,
        stop: stopping.signal,
      })
      const isPatient = urgency === 'sweep'
      return createDodo({
        url,
        apiKey,
        fetch: namingKey(
          isPatient ? createPatientFetch(fetchIt, { now, stop: stopping.signal }) : fetchIt,
          keyName,
        ),
        reserve: createReserve({ service: 'Dodo', budget, urgency, now }),
        unreadable: ofDodo,
      })
    }
    return { urgent: clientFor('urgent'), live: clientFor('live'), sweep: clientFor('sweep') }
  }

  // Found out once, whichever client it is that needs it.
  const release = createLagoRelease(
    () => readLagoVersion({ ...config.lago, ...plug('Lago', 'live') }),
    now,
  )
  const unreadable = createUnreadableRows('Lago', log)
  const clientsFor = (urgency: Urgency) => ({
    lago: createLago({ ...config.lago, ...plug('Lago', urgency), release, unreadable }),
    dodo: createDodo({ ...config.dodo, ...plug('Dodo', urgency), unreadable: ofDodo }),
  })

  const own = {
    live: clientsFor('live'),
    urgent: clientsFor('urgent'),
    sweep: clientsFor('sweep'),
  }
  return {
    own,
    accounts: createAccounts(config, {
      own: { live: own.live.dodo, urgent: own.urgent.dodo, sweep: own.sweep.dodo },
      connect,
      now,
      stored,
    }),
    keys,
    /** Fires when they are given up. */
    stopping: stopping.signal,
    /** Gives up the calls in hand, and whoever waits for a turn. */
    abort: () => {
      stopping.abort()
      for (const { budget } of services) budget.close()
    },
    leave: replica.leave,
  }
}
