import type { Deps } from './deps.ts'
import { messageOf } from './errors.ts'
import { JOB_KINDS, JOBS, type JobKind } from './jobs.ts'
import { expirePersonalData } from './privacy/expire.ts'
import type { Handler } from './queue/queue.ts'
import { buryReceivable } from './collect/bury.ts'
import { adoptSchedule, wakeDue } from './collect/clock.ts'
import { createLookAtServices, greetEmptyLedger } from './billers/lago/look-at-services.ts'
import { settleRequest } from './billers/lago/settle-request.ts'
import { createSettle } from './billers/lago/settle.ts'
import { noteTrouble } from './collect/trouble.ts'
import { setupCard } from './collect/act/setup-card.ts'
import { syncCustomer } from './billers/lago/sync-customer.ts'
import { syncMandate } from './collect/act/mandate.ts'
import { settleTopUp } from './billers/lago/top-up.ts'
import { tracePayment } from './collect/trace.ts'
import { lastSweptAt, sweep } from './sweep.ts'
import { createTurns } from './turns.ts'
import { wake, type Cause } from './wakes.ts'

const CLOCK_MS = 2_000
const ADJUST_MS = 60_000
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
}

/** Works what is owed: the jobs, the clock, the sweeps. Nothing is worked until `start`. */
export function createWork({ deps, urgent, patient, isCrowded, beat, adjustClock }: Working) {
  const { config, db, log, now, queue } = deps
  const sweepDeps = { ...deps, ...patient }
  const settle = createSettle({ ...deps, urgent })
  const takeTurn = createTurns(isCrowded)
  const timers: ReturnType<typeof setInterval>[] = []
  let tickedAt: Date | undefined

  const handlers: Record<JobKind, Handler> = {
    async settle(key, data) {
      const leave = await takeTurn()
      await settle(key, data).finally(leave)
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
      const { found, skipped, isComplete } = await sweep(sweepDeps)
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
      await queue.work(kind, JOBS[kind].atOnce, handlers[kind], onTrouble)
    }
    if (isAlone) return
    await queue.work('sweep', JOBS.sweep.atOnce, handlers.sweep)
    for (const kind of JOB_KINDS) {
      // What is not about one invoice is found again by the next sweep.
      const tell = kind === 'settle' ? buryReceivable.bind(undefined, deps) : async () => undefined
      await queue.workDeadLetters(kind, tell)
    }
    await beginClocks()
  }

  async function beginClocks() {
    const lookAtServices = createLookAtServices(sweepDeps)
    void greetEmptyLedger(sweepDeps).then(lookAtServices)
    await adoptSchedule(deps)
    await tick()
    await requestSweep('start')
    timers.push(
      setInterval(() => void tick(), CLOCK_MS),
      setInterval(() => void adjust(), ADJUST_MS),
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
    isLate: () => !tickedAt || now().getTime() - tickedAt.getTime() > CLOCK_LATE_MS,
    stop() {
      for (const timer of timers) clearInterval(timer)
    },
  }
}
