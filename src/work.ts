import type { Deps } from './deps.ts'
import { messageOf } from './errors.ts'
import { createDeadLetterWatch, keepDeadLetter } from './deliveries/dead-letters.ts'
import { JOB_KINDS, JOBS, type JobKind } from './jobs.ts'
import { noteSweep } from './metrics/note-sweep.ts'
import type { Metrics } from './metrics/metrics.ts'
import { expirePersonalData } from './privacy/expire.ts'
import { compareDaily } from './notify/compare.ts'
import { tell } from './notify/tell.ts'
import { watchOnce } from './notify/watch.ts'
import type { Handler } from './queue/queue.ts'
import { buryReceivable } from './collect/bury.ts'
import { adoptSchedule, wakeDue } from './collect/clock.ts'
import { createLookAtServices, greetEmptyLedger } from './billers/lago/look-at-services.ts'
import { settleRequest } from './billers/lago/settle-request.ts'
import { createSettle } from './billers/lago/settle.ts'
import { isOrderId } from './billers/openfront/order.ts'
import { settleOrder } from './billers/openfront/settle.ts'
import { noteTrouble } from './collect/trouble.ts'
import { setupCard } from './collect/act/setup-card.ts'
import { syncCustomer } from './billers/lago/sync-customer.ts'
import { syncMandate } from './collect/act/mandate.ts'
import { settleTopUp } from './billers/lago/top-up.ts'
import { tracePayment } from './collect/trace.ts'
import { lastSweptAt, sweep } from './sweep.ts'
import type { Fetch } from './vendor-fetch.ts'
import { createTurns } from './turns.ts'
import { wake, type Cause } from './wakes.ts'

const CLOCK_MS = 2_000
const ADJUST_MS = 60_000
const DEAD_MS = 30_000
const WATCH_MS = 10_000
const DAILY_MS = 24 * 3_600_000
/** A clock that has not ticked for so long is not being worked. */
const CLOCK_LATE_MS = 10_000

type Clients = Pick<Deps, 'lago' | 'dodo'>
type Working = {
  deps: Deps
  urgent: Clients
  patient: Clients
  /** Whether so many deliveries come that everything else had better wait. */
  isCrowded: () => boolean
  /** Writes something, to know that the database takes it. */
  beat: () => Promise<void>
  /** Takes the database's time again. */
  adjustClock: () => Promise<void>
  metrics: Metrics
  /** How notifications leave. */
  tellWith: Fetch
  /** The services that refuse our keys just now. */
  refusedKeys: () => ('Lago' | 'Dodo')[]
}

/** Works what is owed: the jobs, the clock, the sweeps. Nothing is worked until `start`. */
export function createWork(working: Working) {
  const { deps, urgent, patient, isCrowded, beat, adjustClock, metrics, tellWith, refusedKeys } =
    working
  const { config, db, log, now, queue } = deps
  const sweepDeps = { ...deps, ...patient }
  const settle = createSettle({ ...deps, urgent })
  const takeTurn = createTurns(isCrowded)
  const dead = createDeadLetterWatch(deps)
  const telling = {
    ...deps,
    fetch: tellWith,
    onTried: (type: string, result: 'sent' | 'failed') =>
      metrics.notifications.inc({ type, result }),
  }
  const timers: ReturnType<typeof setInterval>[] = []
  let tickedAt: Date | undefined

  const handlers: Record<JobKind, Handler> = {
    async settle(key, data) {
      const leave = await takeTurn()
      const isOrder = config.openfront !== undefined && isOrderId(key)
      const settling = isOrder ? settleOrder({ ...deps, ...urgent }, key, data) : settle(key, data)
      await settling.finally(leave)
    },
    // What a sweep came upon may wait for what was told.
    trace: (key, _data, priority) =>
      tracePayment(priority > 0 ? { ...deps, ...urgent } : deps, key),
    mandate: (key) => syncMandate(deps, key),
    // Ten thousand may be imported at once; whoever has an invoice is met when that is collected.
    customer: (key) => syncCustomer({ ...deps, ...patient }, key),
    bundle: (key) => settleRequest(deps, key),
    topup: (key) => settleTopUp(deps, key),
    setup: (key) => setupCard({ ...deps, ...urgent }, key),
    notify: (key) => tell(telling, key),
    sweep: (_key, { cause }) => sweepIfDue(cause),
  }

  async function tick() {
    try {
      await wakeDue(deps)
      await beat()
      tickedAt = now()
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'clock missed a tick')
    }
  }

  async function adjust() {
    try {
      await adjustClock()
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'clock not compared')
    }
  }

  async function requestSweep(cause: Cause) {
    try {
      await wake(deps, 'sweep', ['sweep'], cause)
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'sweep not requested')
    }
  }

  /** Every replica asks for sweeps, and one of them is enough. What fails is tried again at the next one. */
  async function sweepIfDue(cause: unknown) {
    const sweptAt = await lastSweptAt(db)
    const sinceMs = now().getTime() - (sweptAt?.getTime() ?? 0)
    if (cause === 'clock' && sinceMs < config.reconcileEveryMs / 2) return
    try {
      const startedMs = performance.now()
      const swept = await sweep(sweepDeps)
      const { found, skipped, isComplete } = swept
      metrics.sweepDuration.observe((performance.now() - startedMs) / 1_000)
      await noteSweep(deps, swept, { isFirst: sweptAt === undefined })
      if (skipped > 0) log.warn({ invoices: skipped }, 'not collected: COLLECT_SINCE decides')
      log.info({ found, isComplete }, 'sweep done')
      if (!isComplete) await requestSweep('sweep_goes_on')
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'sweep failed, the next one will find the same')
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

  /** Works the jobs; with `isAlone` only those that somebody else sends. */
  async function start({ isAlone = false } = {}) {
    for (const kind of JOB_KINDS) {
      if (kind === 'sweep') continue
      const onTrouble = kind === 'settle' ? noteTrouble.bind(undefined, deps) : undefined
      const handler = metrics.jobs.meter(db, kind, handlers[kind], dead.done)
      await queue.work(kind, JOBS[kind].atOnce, handler, onTrouble)
    }
    if (isAlone) return
    const sweeping = metrics.jobs.meter(db, 'sweep', handlers.sweep, dead.done)
    await queue.work('sweep', JOBS.sweep.atOnce, sweeping)
    for (const kind of JOB_KINDS) {
      await queue.workDeadLetters(kind, (key, error) => bury(kind, key, error))
    }
    await beginClocks()
  }

  /** What is not about one invoice is found again by the next sweep, and all the same shown. */
  async function bury(kind: JobKind, key: string, error: string) {
    metrics.jobs.countBuried(kind)
    await keepDeadLetter(deps, { kind, key, error })
    dead.add(kind, key)
    if (kind === 'settle') await buryReceivable(deps, key, error)
  }

  /** Every replica says what it sees, and one of them looks at what is wrong. */
  async function watch() {
    try {
      await metrics.signals.flush(db, now(), refusedKeys())
      await watchOnce(deps)
      await compareDaily(sweepDeps)
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'not looked at what is wrong')
    }
  }

  async function refreshDead() {
    try {
      await dead.refresh()
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'dead letters not looked at')
    }
  }

  async function beginClocks() {
    const lookAtServices = createLookAtServices(sweepDeps)
    void greetEmptyLedger(sweepDeps).then(lookAtServices)
    await adoptSchedule(deps)
    await refreshDead()
    await tick()
    await requestSweep('start')
    timers.push(
      setInterval(() => void tick(), CLOCK_MS),
      setInterval(() => void adjust(), ADJUST_MS),
      setInterval(() => void refreshDead(), DEAD_MS),
      setInterval(() => void watch(), WATCH_MS),
      setInterval(() => void requestSweep('clock'), config.reconcileEveryMs),
      setInterval(() => void lookAtServices(), DAILY_MS),
    )
  }

  return {
    start,
    settle,
    /** One whole sweep, for somebody who waits for it. */
    async sweepNow({ isDryRun = false } = {}) {
      if (!isDryRun) await expire()
      return (await sweep(sweepDeps, { isDryRun, isThorough: true })).findings
    },
    async watchNow() {
      await metrics.signals.flush(db, now(), refusedKeys())
      return watchOnce(deps, { isForced: true })
    },
    isLate: () => !tickedAt || now().getTime() - tickedAt.getTime() > CLOCK_LATE_MS,
    stop() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
