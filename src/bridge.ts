import { sql as query } from 'drizzle-orm'
import type { Logger } from 'pino'

import { createApp } from './app.ts'
import { createBudget, type Budget, type Urgency } from './budget.ts'
import type { Config } from './config.ts'
import { openDatabase, openLockConnection } from './db/client.ts'
import { explainDatabaseError } from './db/database-error.ts'
import { openEmbeddedPostgres } from './db/embedded.ts'
import { migrate } from './db/migrate.ts'
import { createPulse } from './db/pulse.ts'
import { isReadOnlyError } from './db/session.ts'
import { withDeadline } from './deadline.ts'
import { createDodo } from './dodo/client.ts'
import { messageOf } from './errors.ts'
import { createReceive } from './inbox/receive.ts'
import { createLago } from './lago/client.ts'
import { createQueue } from './queue/queue.ts'
import { createAlone } from './settle/alone.ts'
import { buryInvoice } from './settle/bury.ts'
import { wakeDue } from './settle/clock.ts'
import { settleBundle } from './settle/settle-bundle.ts'
import { createSettle } from './settle/settle.ts'
import { setupCard } from './settle/setup-card.ts'
import { syncCustomer } from './settle/sync-customer.ts'
import { syncMandate } from './settle/sync-mandate.ts'
import { settleTopUp } from './settle/top-up.ts'
import { tracePayment } from './settle/trace.ts'
import { lastSweptAt, sweep } from './sweep/sweep.ts'
import { createVendorFetch, type Fetch } from './vendor-fetch.ts'

/** Everything that is looked at in a job of its own, beside invoices, and how many at once. */
const OTHERS = { trace: 2, mandate: 1, customer: 1, bundle: 1, topup: 1, setup: 1 } as const
const KINDS = ['settle', 'sweep', ...Object.keys(OTHERS)]
const SETTLE_CONCURRENCY = 8
const CLOCK_MS = 1_000
/** Of all connections: the one that listens, and the one that holds locks. */
const OWN_CONNECTIONS = 2
/** A clock that has not ticked for so long is not being worked. */
const CLOCK_LATE_MS = 10_000
/** Whoever asks whether we are ready gives up soon. */
const READY_MS = 2_000
/** In-hand calls are given up in time to hand their jobs back before the process must end. */
const FINISH_MS = 6_000
const HAND_BACK_MS = 8_000

/** Tier 0 of Dodo allows 40/s and 240/min, Lago Cloud 50/s; a little is left to others who use the same keys. */
const DODO_LIMITS = [
  { lengthMs: 1_000, most: 36 },
  { lengthMs: 60_000, most: 230 },
]
const LAGO_LIMITS = [{ lengthMs: 1_000, most: 45 }]

export type Bridge = Awaited<ReturnType<typeof openBridge>>

/**
 * Everything from a configuration: the database with its schema brought up to date, both clients, the queue
 * and the HTTP surface. Nothing is worked until `work`, and `close` leaves nothing behind.
 */
export async function openBridge(
  config: Config,
  {
    log,
    now,
    fetch,
    stop,
    connections = config.databaseConnections,
  }: {
    log: Logger
    now: () => Date
    fetch: Fetch
    /** Ends the waiting of a start that is not wanted any more. */
    stop?: AbortSignal | undefined
    /** How many connections to the database it takes at most, all together. */
    connections?: number
  },
) {
  const server = config.databaseUrl
    ? { url: config.databaseUrl, release: async () => undefined }
    : await openEmbeddedPostgres({ dataDir: config.dataDir, log })
  const pulse = createPulse()
  const {
    sql,
    db,
    close: closeDatabase,
  } = openDatabase(server.url, connections - OWN_CONNECTIONS, pulse.hear)
  const alone = createAlone(() => openLockConnection(server.url), now)
  const queue = createQueue({ sql, log, kinds: KINDS, now })
  try {
    await migrate(server.url, { log, stop })
    await queue.start()
  } catch (error) {
    await Promise.all([closeDatabase(), alone.close()])
    await server.release()
    throw stop?.aborted ? error : explainDatabaseError(error, config.databaseUrl)
  }

  const stopping = new AbortController()
  const budgets = {
    lago: createBudget('Lago', LAGO_LIMITS, now),
    dodo: createBudget('Dodo', DODO_LIMITS, now),
  }
  const plug = (service: 'Lago' | 'Dodo', budget: Budget, urgency: Urgency) =>
    createVendorFetch({ service, fetch, budget, urgency, stop: stopping.signal })
  const clientsFor = (urgency: Urgency) => ({
    lago: createLago({ ...config.lago, fetch: plug('Lago', budgets.lago, urgency) }),
    dodo: createDodo({ ...config.dodo, fetch: plug('Dodo', budgets.dodo, urgency) }),
  })

  const base = { config, db, queue, alone: alone.run, log, now }
  const deps = { ...base, ...clientsFor('live') }
  const sweepDeps = { ...base, ...clientsFor('sweep') }
  const organizationId = rememberOnSuccess(deps.lago.getOrganizationId)
  const receive = createReceive(deps)
  const settling = { ...deps, organizationId }
  const urgent = clientsFor('urgent')
  const settle = createSettle({ ...settling, urgent })
  const handlers: Record<keyof typeof OTHERS, (key: string) => Promise<void>> = {
    trace: (key) => tracePayment({ ...deps, ...urgent }, key),
    mandate: (key) => syncMandate(deps, key),
    customer: (key) => syncCustomer(settling, key),
    bundle: (key) => settleBundle(settling, key),
    topup: (key) => settleTopUp(deps, key),
    setup: (key) => setupCard({ ...settling, ...urgent }, key),
  }
  const runSweep = (options?: { isDryRun: boolean }) => sweep(sweepDeps, options)

  let tickedAt: Date | undefined
  let clock: ReturnType<typeof setInterval> | undefined
  let sweeper: ReturnType<typeof setInterval> | undefined

  async function tick() {
    try {
      await wakeDue(deps)
      await pulse.beat(db, now())
      tickedAt = now()
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'clock missed a tick')
    }
  }

  async function requestSweep(data = {}) {
    try {
      await db.transaction((tx) => queue.send(tx, 'sweep', [{ key: 'sweep', data }]))
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'sweep not requested')
    }
  }

  /** Every replica asks for sweeps, and one of them is enough. What fails is tried again at the next one. */
  async function sweepIfDue(_key: string, { isFirst }: Record<string, unknown>) {
    const sweptAt = await lastSweptAt(db)
    const sinceMs = now().getTime() - (sweptAt?.getTime() ?? 0)
    if (!isFirst && sinceMs < config.reconcileEveryMs / 2) return
    try {
      const found = await runSweep()
      log.info({ found: found.length }, 'sweep done')
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'sweep failed, the next one will find the same')
    }
  }

  /** Works the jobs; with `isAlone` only those that somebody else sends. */
  async function work({ isAlone = false } = {}) {
    await queue.work('settle', SETTLE_CONCURRENCY, async (key, data) => {
      await receive.calm()
      await settle(key, data)
    })
    for (const [kind, concurrency] of Object.entries(OTHERS)) {
      await queue.work(kind, concurrency, handlers[kind as keyof typeof OTHERS])
    }
    if (isAlone) return
    await alone.warm()
    await queue.work('sweep', 1, sweepIfDue)
    await queue.workDeadLetters('settle', (key, reason) => buryInvoice(deps, key, reason))
    // What is not about one invoice is found again by the next sweep.
    for (const kind of ['sweep', ...Object.keys(OTHERS)]) {
      await queue.workDeadLetters(kind, async () => undefined)
    }
    await tick()
    await requestSweep({ isFirst: true })
    clock = setInterval(() => void tick(), CLOCK_MS)
    sweeper = setInterval(() => void requestSweep(), config.reconcileEveryMs)
  }

  async function findUnready(): Promise<string[]> {
    const missing: string[] = []
    await withDeadline('a look at the database', READY_MS, db.execute(query`select 1`)).catch(
      (error: unknown) =>
        missing.push(
          isReadOnlyError(error)
            ? `the database takes no writes: ${messageOf(error)}`
            : 'the database does not answer',
        ),
    )
    const refusal = pulse.findRefusal()
    if (refusal !== undefined) missing.push(`the database takes no writes: ${refusal}`)
    if (!tickedAt || now().getTime() - tickedAt.getTime() > CLOCK_LATE_MS) {
      missing.push('the queue is not being worked')
    }
    return missing
  }

  /** Finishes what is in hand or hands it back, and closes everything. */
  async function close() {
    clearInterval(clock)
    clearInterval(sweeper)
    const giveUp = setTimeout(() => stopping.abort(), FINISH_MS)
    await queue.stop(HAND_BACK_MS)
    clearTimeout(giveUp)
    await Promise.all([closeDatabase(), alone.close()])
    await server.release()
  }

  const app = createApp({ ...deps, receive, organizationId, findUnready })
  return { app, db, deps, databaseUrl: server.url, work, sweep: runSweep, settle, close }
}

/** Brings the schema up to date, the queue's included, and does nothing else. */
export async function migrateOnce(
  config: Config,
  { log, grantTo }: { log: Logger; grantTo?: string | undefined },
): Promise<void> {
  const silent = {
    log,
    now: () => new Date(),
    fetch: globalThis.fetch,
    connections: OWN_CONNECTIONS + 2,
  }
  const bridge = await openBridge(config, silent)
  try {
    if (grantTo !== undefined) await migrate(bridge.databaseUrl, { log, grantTo })
  } catch (error) {
    throw explainDatabaseError(error, config.databaseUrl)
  } finally {
    await bridge.close()
  }
}

/** Asks once and remembers the answer; a failure is not remembered. */
function rememberOnSuccess<Value>(ask: () => Promise<Value>): () => Promise<Value> {
  let answer: Promise<Value> | undefined
  return () => {
    answer ??= ask().catch((error: unknown) => {
      answer = undefined
      throw error
    })
    return answer
  }
}
