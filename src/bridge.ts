import { sql as query } from 'drizzle-orm'
import type { Logger } from 'pino'

import { createApp } from './app.ts'
import { createBudget, type Budget, type Urgency } from './budget.ts'
import type { Config } from './config.ts'
import { openDatabase, openLockConnection } from './db/client.ts'
import { createCommonClock } from './db/common-clock.ts'
import { explainDatabaseError } from './db/database-error.ts'
import { openEmbeddedPostgres } from './db/embedded.ts'
import { migrate } from './db/migrate.ts'
import { createPulse } from './db/pulse.ts'
import { isReadOnlyError } from './db/session.ts'
import { withDeadline } from './deadline.ts'
import { createDodo } from './dodo/client.ts'
import { messageOf } from './errors.ts'
import { createReceive } from './inbox/receive.ts'
import { introduce, introduceRefused } from './introduce.ts'
import { createKeyWatch } from './key-watch.ts'
import { createLago } from './lago/client.ts'
import { createLagoRelease, readLagoVersion } from './lago/release.ts'
import { createUnreadableRows } from './lago/unreadable-rows.ts'
import { createPatientFetch } from './net/patient-fetch.ts'
import { joinReplicas } from './net/replicas.ts'
import { rememberAddress, withRememberedAddress } from './own-address.ts'
import { expirePersonalData } from './privacy/expire.ts'
import { createQueue, type Handler } from './queue/queue.ts'
import { createAlone } from './settle/alone.ts'
import { buryInvoice } from './settle/bury.ts'
import { adoptSchedule, wakeDue } from './settle/clock.ts'
import { rememberInstallation } from './settle/collect-since.ts'
import { createLookAtServices, greetEmptyLedger } from './settle/look-at-services.ts'
import { settleBundle } from './settle/settle-bundle.ts'
import { createSettle } from './settle/settle.ts'
import { noteTrouble } from './settle/trouble.ts'
import { setupCard } from './settle/setup-card.ts'
import { syncCustomer } from './settle/sync-customer.ts'
import { syncMandate } from './settle/sync-mandate.ts'
import { settleTopUp } from './settle/top-up.ts'
import { tracePayment } from './settle/trace.ts'
import { lastSweptAt, sweep } from './sweep/sweep.ts'
import { createReserve } from './turn.ts'
import { createVendorFetch, type Fetch } from './vendor-fetch.ts'
import { sayWhileWaiting } from './waiting.ts'

/** Everything that is looked at in a job of its own, beside invoices, and how many at once. */
const OTHERS = { trace: 2, mandate: 1, customer: 1, bundle: 1, topup: 1, setup: 1 } as const
const KINDS = ['settle', 'sweep', ...Object.keys(OTHERS)]
const SETTLE_CONCURRENCY = 8
const CLOCK_MS = 1_000
const DAILY_MS = 24 * 3_600_000
/** Of all connections: the one that listens, and the one that holds locks. */
const OWN_CONNECTIONS = 2
/** A clock that has not ticked for so long is not being worked. */
const CLOCK_LATE_MS = 10_000
/** Whoever asks whether we are ready gives up soon. */
const READY_MS = 2_000
/** In-hand calls are given up in time to hand their jobs back before the process must end. */
const FINISH_MS = 6_000
const HAND_BACK_MS = 8_000

export type Bridge = Awaited<ReturnType<typeof openBridge>>

/**
 * Everything from a configuration: the database with its schema brought up to date, both clients, the queue
 * and the HTTP surface. Nothing is worked until `work`, and `close` leaves nothing behind.
 */
export async function openBridge(
  settings: Config,
  {
    log,
    fetch,
    isPublicUrlGiven = true,
    stop,
    connections = settings.databaseConnections,
    ownClock = () => new Date(),
    ...given
  }: {
    log: Logger
    now: () => Date
    /** This machine's clock, which `now` goes by. */
    ownClock?: () => Date
    fetch: Fetch
    isPublicUrlGiven?: boolean
    /** Ends the waiting of a start that is not wanted any more. */
    stop?: AbortSignal | undefined
    /** How many connections to the database it takes at most, all together. */
    connections?: number
  },
) {
  const wait = sayWhileWaiting(log)
  const server = settings.databaseUrl
    ? { url: settings.databaseUrl, release: async () => undefined }
    : await wait('the embedded Postgres', openEmbeddedPostgres({ dataDir: settings.dataDir, log }))
  const pulse = createPulse()
  const clockOfAll = createCommonClock({ now: given.now, ownClock, log })
  const { now } = clockOfAll
  const {
    sql,
    db,
    close: closeDatabase,
  } = openDatabase(server.url, connections - OWN_CONNECTIONS, pulse.hear)
  const alone = createAlone(() => openLockConnection(server.url), now)
  const queue = createQueue({ sql, log, kinds: KINDS, now })
  try {
    await wait(
      'the database, and the schema being brought up to date',
      migrate(server.url, { log, stop }),
    )
    await clockOfAll.measure(db)
    await wait('the queue', queue.start())
  } catch (error) {
    await Promise.all([closeDatabase(), alone.close()])
    await server.release()
    throw stop?.aborted ? error : explainDatabaseError(error, settings.databaseUrl)
  }
  const config = isPublicUrlGiven ? settings : await withRememberedAddress(db, settings)
  await rememberInstallation(db, now())

  const stopping = new AbortController()
  const keys = createKeyWatch({ log })
  const { rateLimits } = config
  const budgets = {
    lago: createBudget('Lago', rateLimits.Lago, now),
    dodo: createBudget('Dodo', rateLimits.Dodo, now),
  }
  const services = [
    { name: 'Lago', limits: rateLimits.Lago, budget: budgets.lago },
    { name: 'Dodo', limits: rateLimits.Dodo, budget: budgets.dodo },
  ]
  const replica = await joinReplicas({ db, services, now })
  const plug = (service: 'Lago' | 'Dodo', budget: Budget, urgency: Urgency) => {
    const plugged = createVendorFetch({
      service,
      fetch,
      budget,
      urgency,
      stop: stopping.signal,
      onAnswer: (method, status) => keys.hear(service, method, status),
      ...(service === 'Lago' && { readTimeoutMs: config.lago.readTimeoutMs }),
    })
    return {
      fetch:
        urgency === 'sweep' ? createPatientFetch(plugged, { now, stop: stopping.signal }) : plugged,
      reserve: createReserve({ service, budget, urgency, now }),
    }
  }
  // Found out once, whichever client it is that needs it.
  const release = createLagoRelease(
    () => readLagoVersion({ ...config.lago, ...plug('Lago', budgets.lago, 'live') }),
    now,
  )
  const unreadable = createUnreadableRows(log)
  const clientsFor = (urgency: Urgency) => ({
    lago: createLago({
      ...config.lago,
      ...plug('Lago', budgets.lago, urgency),
      release,
      unreadable,
    }),
    dodo: createDodo({ ...config.dodo, ...plug('Dodo', budgets.dodo, urgency) }),
  })

  const base = { config, db, queue, alone: alone.run, log, now }
  const live = clientsFor('live')
  const organizationId = rememberOnSuccess(live.lago.getOrganizationId)
  const deps = { ...base, ...live, organizationId }
  const patient = clientsFor('sweep')
  const sweepDeps = { ...deps, ...patient }
  const receive = createReceive(deps)
  const urgent = clientsFor('urgent')
  const settle = createSettle({ ...deps, urgent })
  const handlers: Record<keyof typeof OTHERS, Handler> = {
    // What a sweep came upon may wait for what was told.
    trace: (key, _data, priority) =>
      tracePayment(priority > 0 ? { ...deps, ...urgent } : deps, key),
    mandate: (key) => syncMandate(deps, key),
    // Ten thousand may be imported at once; whoever has an invoice is met when that is collected.
    customer: (key) => syncCustomer({ ...deps, ...patient }, key),
    bundle: (key) => settleBundle(deps, key),
    topup: (key) => settleTopUp(deps, key),
    setup: (key) => setupCard({ ...deps, ...urgent }, key),
  }
  /** One whole sweep, for somebody who waits for it. */
  const runSweep = async ({ isDryRun = false } = {}) => {
    if (!isDryRun) await expire()
    return (await sweep(sweepDeps, { isDryRun, isThorough: true })).findings
  }
  const lookAtServices = createLookAtServices(sweepDeps)

  let tickedAt: Date | undefined
  let clock: ReturnType<typeof setInterval> | undefined
  let sweeper: ReturnType<typeof setInterval> | undefined
  let daily: ReturnType<typeof setInterval> | undefined

  async function tick() {
    try {
      await clockOfAll.measure(db)
      await wakeDue(deps)
      await pulse.beat(db, now())
      tickedAt = now()
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'clock missed a tick')
    }
  }

  /** What is not let go now is let go with the next sweep; it is no reason to have none. */
  async function expire() {
    try {
      await expirePersonalData(deps)
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'personal data not expired')
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
  async function sweepIfDue(_key: string, { isFirst, isContinued }: Record<string, unknown>) {
    const sweptAt = await lastSweptAt(db)
    const sinceMs = now().getTime() - (sweptAt?.getTime() ?? 0)
    if (!isFirst && !isContinued && sinceMs < config.reconcileEveryMs / 2) return
    try {
      const { found, skipped, isComplete } = await sweep(sweepDeps)
      if (skipped > 0) log.warn({ invoices: skipped }, 'not collected: COLLECT_SINCE decides')
      log.info({ found, isComplete }, 'sweep done')
      if (!isComplete) await requestSweep({ isContinued: true })
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'sweep failed, the next one will find the same')
    }
  }

  /** Works the jobs; with `isAlone` only those that somebody else sends. */
  async function work({ isAlone = false } = {}) {
    const settleCalmly: Handler = async (key, data) => {
      await receive.calm()
      await settle(key, data)
    }
    await queue.work('settle', SETTLE_CONCURRENCY, settleCalmly, (key, trouble) =>
      noteTrouble(deps, key, trouble),
    )
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
    void greetEmptyLedger(sweepDeps).then(lookAtServices)
    daily = setInterval(() => void lookAtServices(), DAILY_MS)
    await adoptSchedule(deps)
    await tick()
    await requestSweep({ isFirst: true })
    clock = setInterval(() => void tick(), CLOCK_MS)
    sweeper = setInterval(() => void requestSweep(), config.reconcileEveryMs)
  }

  async function findUnready(): Promise<string[]> {
    const missing = keys.missing()
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
    clearInterval(daily)
    const giveUp = setTimeout(() => {
      stopping.abort()
      for (const { budget } of services) budget.close()
    }, FINISH_MS)
    await queue.stop(HAND_BACK_MS)
    stopping.abort()
    clearTimeout(giveUp)
    await replica.leave()
    await Promise.all([closeDatabase(), alone.close()])
    await server.release()
  }

  const app = createApp({ ...deps, receive, findUnready })
  const greeting = { ...deps, keys }
  return {
    app,
    db,
    deps,
    databaseUrl: server.url,
    work,
    sweep: runSweep,
    settle,
    close,
    introduce: () => introduce(greeting),
    introduceRefused: () => introduceRefused(greeting),
    rememberAddress: () => rememberAddress(db, config.publicUrl, now()),
  }
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
