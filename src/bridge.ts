import { sql as query } from 'drizzle-orm'
import type { Logger } from 'pino'

import { createApp } from './app.ts'
import { DEFAULT_ACCOUNT } from './account-key.ts'
import { createBillers } from './billers/billers.ts'
import { openHighlevelAccess } from './billers/highlevel/install/open.ts'
import { createOwnAccounts } from './billers/highlevel/own-accounts.ts'
import { createSeal } from './highlevel/sealed.ts'
import { createPaying } from './billers/highlevel/paying.ts'
import { createLagoBiller } from './billers/lago/biller.ts'
import { createSources } from './billers/sources.ts'
import { openClients } from './clients.ts'
import type { Config } from './config.ts'
import { openDatabase, openLockConnection } from './db/client.ts'
import { createInspect } from './doctor/inspect.ts'
import { explainDatabaseError } from './db/database-error.ts'
import { openEmbeddedPostgres } from './db/embedded.ts'
import { migrate } from './db/migrate.ts'
import { createClock } from './db/clock.ts'
import { createPulse } from './db/pulse.ts'
import { isReadOnlyError } from './db/session.ts'
import { withDeadline } from './deadline.ts'
import { messageOf } from './errors.ts'
import { createReceive } from './inbox/receive.ts'
import { introduce, introduceRefused } from './introduce.ts'
import { JOB_KINDS } from './jobs.ts'
import { createOnAccount } from './on-account.ts'
import { rememberAddress, withRememberedAddress } from './own-address.ts'
import { openShops } from './openfront/shops.ts'
import { createMetrics } from './metrics/metrics.ts'
import { LOOK_MS } from './queue/look.ts'
import { createQueue } from './queue/queue.ts'
import { createPreviews } from './collect/act/previews.ts'
import { createAlone } from './collect/alone.ts'
import { rememberInstallation } from './billers/lago/collect-since.ts'
import type { Fetch } from './vendor-fetch.ts'
import { sayWhileWaiting } from './waiting.ts'
import { createWork } from './work.ts'

/** Of all connections: the one that listens, the one that holds locks, and the one that stores deliveries. */
const OWN_CONNECTIONS = 3
const LEAST_CONNECTIONS = 2
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
    now: local,
    fetch,
    isPublicUrlGiven = true,
    stop,
    connections = settings.databaseConnections,
    tellWith = globalThis.fetch,
    lookMs = LOOK_MS,
  }: {
    log: Logger
    now: () => Date
    fetch: Fetch
    isPublicUrlGiven?: boolean
    /** Ends the waiting of a start that is not wanted any more. */
    stop?: AbortSignal | undefined
    /** How many connections to the database it takes at most, all together. */
    connections?: number
    /** How notifications leave; it follows no redirect, and nothing of the services' limits holds for it. */
    tellWith?: Fetch
    /** How often it is looked for what is due, of which nobody notifies. */
    lookMs?: number
  },
) {
  const wait = sayWhileWaiting(log)
  const server = settings.databaseUrl
    ? { url: settings.databaseUrl, release: async () => undefined }
    : await wait('the embedded Postgres', openEmbeddedPostgres({ dataDir: settings.dataDir, log }))
  const pulse = createPulse()
  const {
    sql,
    db,
    close: closeDatabase,
  } = openDatabase(
    server.url,
    Math.max(LEAST_CONNECTIONS, connections - OWN_CONNECTIONS),
    pulse.hear,
  )
  const { now, adjust } = createClock(db, log, local)
  const alone = createAlone(() => openLockConnection(server.url), now)
  const queue = await openQueue().catch(async (error: unknown) => {
    await Promise.all([closeDatabase(), alone.close()])
    await server.release()
    throw stop?.aborted ? error : explainDatabaseError(error, settings.databaseUrl)
  })
  const config = isPublicUrlGiven ? settings : await withRememberedAddress(db, settings)
  await rememberInstallation(db, now())

  async function openQueue() {
    const { queueSchema: schema } = await wait(
      'the database, and the schema being brought up to date',
      migrate(server.url, { log, stop, pool: sql }),
    )
    await adjust()
    const opened = createQueue({ sql, log, kinds: JOB_KINDS, now, schema, lookMs })
    await wait('the queue', opened.start())
    return opened
  }

  const metrics = createMetrics(config, now)
  const { own, accounts, keys, stopping, abort, leave } = await openClients({
    config,
    db,
    log,
    now,
    fetch,
    metrics,
    stored:
      config.highlevel &&
      createOwnAccounts({ db, config, seal: createSeal(config.highlevel.secrets) }),
  })
  const organizationId = rememberOnSuccess(own.live.lago.getOrganizationId)
  const highlevel =
    config.highlevel &&
    openHighlevelAccess({
      config: config.highlevel,
      publicUrl: config.publicUrl,
      db,
      alone: alone.run,
      now,
      fetch,
      ask: metrics.meterFetch('HighLevel', fetch),
      stop: stopping,
    })
  const paying =
    highlevel &&
    createPaying(
      { config, db, queue, log, now, accounts, onAccount: (id, urgency) => onAccount(id, urgency) },
      highlevel,
      { fetch: metrics.meterFetch('HighLevel', fetch), stop: stopping },
    )
  const shops = openShops({ config, fetch: metrics.meterFetch('Openfront', fetch), now })
  const sources = createSources({
    config,
    highlevel: paying,
    completing: {
      db,
      now,
      findShop: shops.find,
      completeAfterMs: config.openfront?.completeAfterMs ?? 0,
    },
  })
  const lago = config.lago.isOn
    ? createLagoBiller({ lago: own.live.lago, organizationId })
    : undefined
  const billerOf = createBillers({ db, lago, sources })
  const deps = {
    config,
    db,
    queue,
    alone: alone.run,
    account: DEFAULT_ACCOUNT,
    accounts,
    biller: billerOf(DEFAULT_ACCOUNT),
    sources,
    previews: createPreviews(now),
    log,
    now,
    ...own.live,
    organizationId,
  }
  const onAccount = createOnAccount(deps, { own, accounts, billerOf })
  const receive = createReceive({ ...deps, databaseUrl: server.url })
  const work = createWork({
    deps,
    highlevel,
    paying,
    urgent: own.urgent,
    patient: own.sweep,
    onAccount,
    sources,
    isCrowded: receive.isCrowded,
    beat: () => pulse.beat(db, now()),
    adjustClock: adjust,
    metrics,
    tellWith,
    fetch,
    lookMs,
    refusedKeys: () => (['Lago', 'Dodo'] as const).filter((service) => keys.refused(service)),
  })

  async function findUnready(): Promise<string[]> {
    const missing = keys.missing()
    const failure = await withDeadline(
      'a look at the database',
      READY_MS,
      db.execute(query`select 1`),
    )
      .then(() => undefined)
      .catch((error: unknown) => error ?? 'unknown')
    // What it refused to write is known, also while its connections are given up for that.
    const refusal =
      pulse.findRefusal() ?? (isReadOnlyError(failure) ? messageOf(failure) : undefined)
    if (refusal !== undefined) missing.push(`the database takes no writes: ${refusal}`)
    else if (failure !== undefined) missing.push('the database does not answer')
    if (work.isLate()) missing.push('the queue is not being worked')
    return missing
  }

  /** Finishes what is in hand or hands it back, and closes everything. */
  async function close() {
    work.stop()
    const giveUp = setTimeout(abort, FINISH_MS)
    await queue.stop(HAND_BACK_MS)
    clearTimeout(giveUp)
    abort()
    shops.close()
    await metrics.signals.withdraw(db).catch(() => undefined)
    await receive.close()
    await leave()
    await Promise.all([closeDatabase(), alone.close()])
    await server.release()
  }

  metrics.openLedger({
    db,
    queueSchema: queue.schema,
    log,
    isReady: async () => (await findUnready()).length === 0,
  })
  const inspect = createInspect({ config, isPublicUrlGiven, databaseUrl: server.url, fetch, now })
  const seen = { metrics, inspect, tellWith, fetch }
  const app = createApp({ ...deps, highlevel, paying, receive, findUnready, ...seen })
  const greeting = { ...deps, keys }
  return {
    app,
    db,
    deps,
    highlevel,
    metrics,
    databaseUrl: server.url,
    async work({ isAlone = false } = {}) {
      if (!isAlone) await alone.warm()
      await work.start({ isAlone })
      receive.start()
    },
    sweep: (options?: { isDryRun?: boolean }) => work.sweepNow(options),
    settle: work.settle,
    /** Plans the mails that time alone brings, and has those sent that are due. */
    planMail: () => work.planMail(),
    /** Looks now at what is wrong, whoever looked last. */
    watch: () => work.watchNow(),
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
    connections: LEAST_CONNECTIONS,
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
