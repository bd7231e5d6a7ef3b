import { sql as sqlTag } from 'drizzle-orm'
import { fromDrizzle, PgBoss, type Job as BossJob } from 'pg-boss'
import type { Logger } from 'pino'
import type postgres from 'postgres'

import { Failing, Later, messageOf } from '../errors.ts'
import { createBossDatabase, withinTransaction, type BossDatabase } from './boss-database.ts'
import { createCrew, type Crew } from './crew.ts'
import { createLook, LOOK_MS } from './look.ts'
import { mergeIntoWaiting, onePerKey, type Sending } from './waiting.ts'

/** Runs before a job is buried: with the backoff below, about half an hour of failing. */
const MAX_RUNS = 12
const BACKOFF_BASE_MS = 1_000
const BACKOFF_MAX_MS = 5 * 60_000
/** A worker that stopped beating is dead, and its job somebody else's. pg-boss allows no less. */
const HEARTBEAT_SECONDS = 10
/** What is dead is looked for by ourselves; the rest of pg-boss's upkeep has time. */
const MONITOR_SECONDS = 2
const SUPERVISE_SECONDS = 60
const FLOW_SECONDS = 3_600
const EXPIRE_SECONDS = 10 * 60
/** How often a process may die over one job before the job itself is suspected. */
const MAX_CRASHES = 50
/** Jobs wait as long as an outage lasts. */
const RETENTION_SECONDS = 365 * 24 * 3600
const KEEP_COMPLETED_SECONDS = 3600
/** What was put off longer is found by a look. */
const MAX_ALARM_MS = 60_000
const ALARM_SLACK_MS = 20

/** Work owed on one key. Jobs of one kind and key never run at the same time, on any replica. */
export type Job = {
  key: string
  priority?: number
  data?: Record<string, unknown>
  /** Content with any job that waits for its key, also one that starts much later. */
  isPatient?: boolean
}
export type Handler = (
  key: string,
  data: Record<string, unknown>,
  priority: number,
) => Promise<void>
/** Why a run did not come to its end, and when the next one begins. */
export type Trouble = { error: unknown; nextRunAt: Date }
type OnTrouble = (key: string, trouble: Trouble) => Promise<void>
type Payload = {
  key: string
  run: number
  priority?: number
  data: Record<string, unknown>
  error?: string
}
type Transaction = Parameters<typeof fromDrizzle>[0]

export type Queue = ReturnType<typeof createQueue>

/**
 * pg-boss, reduced to the verbs we use. `key_strict_fifo` makes the database itself hold a key to one
 * active job without holding up other keys; docs/decisions/002 says why not `singleton`. For the
 * same reason a failed run is sent anew, later, instead of staying in pg-boss's retry state, which
 * would keep every newer job of its key waiting for the backoff.
 */
export function createQueue(options: {
  sql: postgres.Sql
  log: Logger
  kinds: readonly string[]
  now: () => Date
  /** Where pg-boss keeps its tables. */
  schema: string
  /** How long a failed run waits for the next one. */
  backoffMs?: (run: number) => number
  /** How often it is looked for what is due, of which nobody notifies. */
  lookMs?: number
}) {
  const { sql, log, kinds, now, schema, backoffMs = doublingBackoffMs, lookMs = LOOK_MS } = options
  const boss = new PgBoss({
    db: createBossDatabase(sql, (queue) => wakeCrew(queue)),
    backend: 'postgres',
    schema,
    useListenNotify: true,
    superviseIntervalSeconds: SUPERVISE_SECONDS,
    monitorIntervalSeconds: MONITOR_SECONDS,
    flowIntervalSeconds: FLOW_SECONDS,
    maintenanceIntervalSeconds: 300,
    schedule: false,
  })
  /** Who works in this process, by queue. */
  const crews = new Map<string, Pick<Crew, 'wake' | 'stop' | 'handBack'>>()
  const wakeCrew = (queue: string) => crews.get(queue)?.wake()
  const look = createLook({
    sql,
    schema,
    queues: kinds.flatMap((kind) => [kind, deadLetterQueue(kind)]),
    log,
    everyMs: lookMs,
    wake: wakeCrew,
    takeOver: () => boss.supervise(),
  })
  boss.on('error', (error) => log.warn({ error: messageOf(error) }, 'queue error'))

  async function start() {
    await boss.start()
    const there = new Set((await boss.getQueues()).map(({ name }) => name))
    for (const kind of kinds) {
      const dead = deadLetterQueue(kind)
      if (!there.has(dead)) await createQueueOnce(dead, { policy: 'standard' })
      if (!there.has(kind))
        await createQueueOnce(kind, { policy: 'key_strict_fifo', deadLetter: dead })
    }
  }

  /** Several replicas may come to this at once, and one of them creates it. */
  async function createQueueOnce(name: string, settings: { policy: string; deadLetter?: string }) {
    await boss.createQueue(name, {
      ...settings,
      notify: true,
      retryLimit: MAX_CRASHES,
      retryDelay: 0,
      expireInSeconds: EXPIRE_SECONDS,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      retentionSeconds: RETENTION_SECONDS,
      deleteAfterSeconds: KEEP_COMPLETED_SECONDS,
    })
  }

  /**
   * Sends jobs inside the transaction that stores their cause, so that neither exists without the other. A key
   * that has a job waiting gets no second one: the waiting one is brought forward.
   */
  async function send(transaction: Transaction, kind: string, jobs: readonly Job[]) {
    const sending = jobs.map(({ key, priority = 0, data = {}, isPatient = false }) => ({
      key,
      priority,
      data,
      isPatient,
      run: 0,
      afterMs: undefined,
    }))
    await sendInto(fromDrizzle(transaction, sqlTag), kind, sending)
  }

  async function sendInto(database: BossDatabase, kind: string, jobs: readonly Sending[]) {
    if (jobs.length === 0) return
    const fresh = await mergeIntoWaiting(database, kind, onePerKey(jobs), schema)
    if (fresh.length === 0) return
    const rows = fresh.map(({ key, priority, data, run, afterMs }) => ({
      data: { key, run, priority, data } satisfies Payload,
      singletonKey: key,
      priority,
      ...(afterMs && { startAfter: afterMs / 1_000 }),
    }))
    await boss.insert(kind, rows, { db: database })
  }

  /**
   * Works the jobs of a kind. What throws runs again with backoff; `Later` runs again when it says, and uses up no run. `onTrouble`
   * hears of both, and may fail: the next run is sent all the same.
   */
  async function work(kind: string, concurrency: number, handler: Handler, onTrouble?: OnTrouble) {
    openCrew(kind, concurrency, (job) => runOnce(kind, job, { handler, onTrouble }))
  }

  function openCrew(queue: string, atOnce: number, run: (job: BossJob<Payload>) => Promise<void>) {
    const expireMs = EXPIRE_SECONDS * 1_000
    const crew = createCrew<Payload>({ boss, queue, atOnce, expireMs, run, log })
    crews.set(queue, crew)
    look.start()
  }

  async function runOnce(
    kind: string,
    { data: payload }: BossJob<Payload>,
    { handler, onTrouble }: { handler: Handler; onTrouble: OnTrouble | undefined },
  ) {
    const { key, run, data, priority = 0 } = payload
    try {
      await handler(key, data, priority)
    } catch (error) {
      const isLater = error instanceof Later && !(error instanceof Failing)
      if (!isLater && run + 1 >= MAX_RUNS) return bury(kind, payload, messageOf(error))
      const nextRunAt = nextRunOf(error, run)
      if (!isLater) {
        log.warn({ kind, key, run, error: messageOf(error) }, 'run failed, will be repeated')
      }
      // Before it is sent, or what the next run clears could be written down after it.
      await onTrouble?.(key, { error, nextRunAt }).catch((failure: unknown) => {
        log.warn({ kind, key, error: messageOf(failure) }, 'trouble not written down')
      })
      await sendAgain(kind, isLater ? payload : { ...payload, run: run + 1 }, nextRunAt)
    }
  }

  /** What is mended, or looked for, at once is so the first time, and then no sooner than any other failure is repeated. */
  function nextRunOf(error: unknown, run: number): Date {
    const isFirst = error instanceof Failing && run === 0
    if (isFirst || (error instanceof Later && !(error instanceof Failing))) return error.at
    const soonest = error instanceof Failing ? error.at.getTime() : 0
    return new Date(Math.max(now().getTime() + backoffMs(run), soonest))
  }

  async function sendAgain(kind: string, payload: Payload, startAfter: Date) {
    const afterMs = Math.max(0, startAfter.getTime() - now().getTime())
    const job = { isPatient: false, priority: 0, ...payload, afterMs }
    await sql.begin((transaction) => sendInto(withinTransaction(transaction), kind, [job]))
    const alarmMs = afterMs + ALARM_SLACK_MS
    if (alarmMs <= MAX_ALARM_MS) setTimeout(wakeCrew, alarmMs, kind).unref()
  }

  async function bury(kind: string, payload: Payload, error: string) {
    log.error({ kind, key: payload.key, error }, 'job buried')
    await boss.send(deadLetterQueue(kind), { ...payload, error })
  }

  /** Hands every job that ended dead to `tell`, so that a person hears of it. */
  async function workDeadLetters(
    kind: string,
    tell: (key: string, reason: string) => Promise<void>,
  ) {
    const tellOf = async (job: BossJob<Payload>) => {
      const { key, error = `the process died ${MAX_CRASHES} times while working on it` } = job.data
      await tell(key, error)
      await unblock(kind, key)
    }
    openCrew(deadLetterQueue(kind), 1, tellOf)
  }

  /** A job that pg-boss itself gave up stays in its table as failed, where it would block its key. */
  async function unblock(kind: string, key: string) {
    const jobs = await boss.findJobs(kind, { key })
    const failed = jobs.filter(({ state }) => state === 'failed').map(({ id }) => id)
    if (failed.length > 0) await boss.deleteJob(kind, failed)
  }

  /** Stops fetching, waits for the jobs in hand, and hands back those that do not end in time. */
  async function stop(graceMs: number) {
    look.stop()
    const all = [...crews.values()]
    const idle = Promise.all(all.map((crew) => crew.stop()))
    await Promise.race([idle, Bun.sleep(graceMs)])
    await Promise.all(all.map((crew) => crew.handBack()))
    await boss.stop({ graceful: false, timeout: 1, close: false })
  }

  return { schema, start, send, work, workDeadLetters, stop }
}

const deadLetterQueue = (kind: string) => `${kind}-dead`

/** Exponential, with half of it left to chance so that what failed together does not return together. */
function doublingBackoffMs(run: number): number {
  const ceiling = Math.min(BACKOFF_BASE_MS * 2 ** run, BACKOFF_MAX_MS)
  return ceiling / 2 + Math.random() * (ceiling / 2)
}
