import { readKey } from './account-key.ts'
import type { Urgency } from './budget.ts'
import type { Deps } from './deps.ts'
import { messageOf } from './errors.ts'
import { createDeadLetterWatch, keepDeadLetter } from './deliveries/dead-letters.ts'
import { JOB_KINDS, JOBS, type JobKind } from './jobs.ts'
import type { HighlevelDeps } from './billers/highlevel/deps.ts'
import { settleSubscription, wakeSubscriptions } from './billers/highlevel/recurring/settle.ts'
import { adoptMandate } from './billers/highlevel/recurring/setup.ts'
import type { HighlevelAccess } from './billers/highlevel/install/open.ts'
import { settleInstallation } from './billers/highlevel/install/settle-installation.ts'
import { createBrands } from './customer/brand.ts'
import { planDueMails } from './mail/due.ts'
import { wakeMails } from './mail/mails.ts'
import { isMailOn } from './mail/plan.ts'
import { sendMail } from './mail/send.ts'
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
import { isUnlicensed } from './billers/lago/license.ts'
import { createSettle } from './billers/lago/settle.ts'
import { isOrderId } from './billers/orders/ids.ts'
import { settleOrder } from './billers/orders/settle.ts'
import type { Sources } from './billers/orders/source.ts'
import { tellOne, wakeTellings } from './billers/orders/tellings.ts'
import { finishDeliveries } from './collect/finish-deliveries.ts'
import type { OnAccount } from './collect/deps.ts'
import { noteTrouble } from './collect/trouble.ts'
import { readCards } from './collect/sweep/read-cards.ts'
import { setupCard } from './collect/act/setup-card.ts'
import { syncCustomer } from './billers/lago/sync-customer.ts'
import { syncMandate } from './collect/act/mandate.ts'
import { settleTopUp } from './billers/lago/top-up.ts'
import { tracePayment } from './collect/trace.ts'
import { lastSweptAt, sweep } from './sweep.ts'
import type { Fetch } from './vendor-fetch.ts'
import { createTurns } from './turns.ts'
import { wake, type Cause } from './wakes.ts'

const ADJUST_MS = 60_000
const MAIL_MS = 60_000
const DEAD_MS = 30_000
const WATCH_MS = 10_000
const DAILY_MS = 24 * 3_600_000
/** A clock that has not ticked for so long is not being worked. */
const CLOCK_LATE_MS = 10_000

type Clients = Pick<Deps, 'lago' | 'dodo'>
type Working = {
  deps: Deps
  /** Undefined while HighLevel is off. */
  highlevel: HighlevelAccess | undefined
  paying: HighlevelDeps | undefined
  urgent: Clients
  patient: Clients
  onAccount: OnAccount<Deps>
  /** Those whose receivables are orders. */
  sources: Sources
  /** Whether so many deliveries come that everything else had better wait. */
  isCrowded: () => boolean
  /** Writes something, to know that the database takes it. */
  beat: () => Promise<void>
  /** Takes the database's time again. */
  adjustClock: () => Promise<void>
  metrics: Metrics
  /** How notifications leave. */
  tellWith: Fetch
  /** How the merchant's logo is fetched. */
  fetch: Fetch
  /** How often it is looked for what is due. */
  lookMs: number
  /** The services that refuse our keys just now. */
  refusedKeys: () => ('Lago' | 'Dodo')[]
}

const isOfHighlevel = (kind: JobKind) => kind === 'installation' || kind === 'subscription'

/** Works what is owed: the jobs, the clock, the sweeps. Nothing is worked until `start`. */
export function createWork(working: Working) {
  const {
    deps,
    highlevel,
    paying,
    urgent,
    patient,
    onAccount,
    sources,
    isCrowded,
    beat,
    adjustClock,
    metrics,
    tellWith,
    fetch,
    lookMs,
    refusedKeys,
  } = working
  const { config, db, log, now, queue } = deps
  const sweepDeps = { ...deps, ...patient, highlevel, paying }
  const settle = createSettle({ ...deps, urgent })
  const takeTurn = createTurns(isCrowded)
  const dead = createDeadLetterWatch(deps)
  const telling = {
    ...deps,
    fetch: tellWith,
    onTried: (type: string, result: 'sent' | 'failed') =>
      metrics.notifications.inc({ type, result }),
  }
  const mailing = {
    ...deps,
    // Who waits at a page goes before who reads it later.
    lago: patient.lago,
    brands: createBrands({ config, lago: patient.lago, log, fetch }),
    isUnlicensed: () => isUnlicensed(deps),
    onMailed: (kind: string, result: string) => metrics.emails.inc({ kind, result }),
  }
  const ofOrders = { sources, onAccount }
  /** What is only Lago's waits, unread, for the day on which Lago is switched on again. */
  const ofLago = async <Given extends unknown[]>(
    work: (...given: Given) => Promise<void>,
    ...given: Given
  ) => {
    if (config.lago.isOn) await work(...given)
  }
  const timers: ReturnType<typeof setInterval>[] = []
  let tickedAt: Date | undefined

  const handlers: Record<JobKind, Handler> = {
    async settle(key, data) {
      const leave = await takeTurn()
      const settling = isOrderId(key)
        ? settleOrder(deps, ofOrders, key, data)
        : ofLago(settle, key, data)
      await settling.finally(leave)
    },
    // What a sweep came upon may wait for what was told.
    trace: (key, _data, priority) =>
      within('trace', key, priority > 0 ? 'urgent' : 'live', tracePayment),
    mandate: (key) => within('mandate', key, 'live', followMandate),
    // Ten thousand may be imported at once; whoever has an invoice is met when that is collected.
    customer: (key) => ofLago(syncCustomer, { ...deps, ...patient }, key),
    bundle: (key) => ofLago(settleRequest, deps, key),
    topup: (key) => ofLago(settleTopUp, deps, key),
    setup: (key) => setupCard({ ...deps, ...urgent }, key),
    subscription: async (key) => {
      if (paying) await settleSubscription(paying, key)
    },
    installation: async (key) => {
      if (highlevel) await settleInstallation({ ...deps, highlevel }, key)
    },
    tell: (key) => tellOne(deps, sources, key),
    notify: (key) => tell(telling, key),
    mail: (key, { cause }) => sendMail(mailing, key, cause === 'operator'),
    sweep: (_key, { cause }) => sweepIfDue(cause),
  }

  /** A card that was saved on a page of ours is known to be by then. */
  async function followMandate(on: Deps, id: string) {
    if (paying) await adoptMandate(paying, on, id)
    await syncMandate(on, id)
  }

  /** Work on what one Dodo account holds, with that account's clients. */
  async function within(
    kind: 'trace' | 'mandate',
    key: string,
    urgency: Urgency,
    work: (on: Deps, id: string) => Promise<void>,
  ) {
    const { account, id } = readKey(key)
    const on = await onAccount(account, urgency)
    if (on) return work(on, id)
    const outcome = 'its Dodo account is not known any more'
    await finishDeliveries(db, [kind, key], { at: now(), outcome })
  }

  async function tick() {
    try {
      await wakeDue(deps)
      if (sources.length > 0) await wakeTellings(deps)
      if (paying) await wakeSubscriptions(deps)
      if (isMailOn(config.mail)) await wakeMails(deps)
      await beat()
      tickedAt = now()
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'clock missed a tick')
    }
  }

  /** What time alone brings is found once a minute. */
  async function planMail() {
    try {
      await readCards({ ...deps, ...patient })
      await planDueMails(deps)
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'mail not planned')
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
    // One that is dated ahead was noted while the clock was, and says nothing.
    const sinceMs = Math.abs(now().getTime() - (sweptAt?.getTime() ?? 0))
    if (cause === 'clock' && sinceMs < config.reconcileEveryMs / 2) return
    try {
      const startedMs = performance.now()
      const swept = await sweep(sweepDeps, { onAccount })
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
      if (kind === 'sweep' || (!highlevel && isOfHighlevel(kind))) continue
      const onTrouble = kind === 'settle' ? noteTrouble.bind(undefined, deps) : undefined
      const handler = metrics.jobs.meter(kind, handlers[kind], dead.done)
      await queue.work(kind, JOBS[kind].atOnce, handler, onTrouble)
    }
    if (isAlone) return
    const sweeping = metrics.jobs.meter('sweep', handlers.sweep, dead.done)
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
    await Promise.all([
      adoptSchedule(deps).then(tick),
      refreshDead(),
      requestSweep('start'),
      planMail(),
    ])
    timers.push(
      setInterval(() => void tick(), lookMs),
      setInterval(() => void adjust(), ADJUST_MS),
      setInterval(() => void planMail(), MAIL_MS),
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
      return sweep(sweepDeps, { onAccount, isDryRun, isThorough: true })
    },
    async planMail() {
      await readCards({ ...deps, ...patient })
      await planDueMails(deps)
      await wakeMails(deps)
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
