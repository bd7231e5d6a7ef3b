import { Later } from './errors.ts'
import { createSteadyClock } from './steady-clock.ts'

/** `urgent` is money that moved or a customer who waits; `live` is asking for money; `sweep` may wait. */
export type Urgency = 'urgent' | 'live' | 'sweep'

/** So many requests in so long. */
export type Window = { lengthMs: number; most: number }
type Spent = { at: number; urgency: Urgency }
type Waiter = Spent & { proceed: () => void; giveUp: (error: Later) => void }
type Share = { reserved: number; most: number; maxWaitMs: number }

/** The most urgent first. */
const URGENCIES: readonly Urgency[] = ['urgent', 'live', 'sweep']
/**
 * `reserved` is the part of a window that no other kind of work may take, `most` the part that this one may.
 * Who would have to wait longer is put off, so that others may go first; a sweep waits, however long.
 */
const SHARES: Record<Urgency, Share> = {
  urgent: { reserved: 0.15, most: 1, maxWaitMs: 20_000 },
  live: { reserved: 0.2, most: 0.9, maxWaitMs: 1_500 },
  sweep: { reserved: 0.2, most: 0.5, maxWaitMs: Number.POSITIVE_INFINITY },
}
/** A window of fewer requests cannot be divided; there, whoever has waited too long goes first. */
const DIVISIBLE = 4
const TOO_LONG_MS = 30_000
/** About what opening a checkout takes. */
const REQUESTS_PER_JOB = 2
const DEFAULT_PAUSE_MS = 2_000
const MAX_PAUSE_MS = 60_000
/** Above this a reset header is a time of day in epoch seconds, below it a number of seconds. */
const EPOCH_SECONDS = 1_000_000_000

export type Budget = ReturnType<typeof createBudget>

/**
 * Keeps us under a service's request limits by ourselves, the most urgent work first and nobody starved,
 * and keeps still when the service says that it has had enough all the same.
 */
export function createBudget(service: string, limits: readonly Window[], now: () => Date) {
  const clock = createSteadyClock(now)
  const spent: Spent[] = []
  const waiters: Waiter[] = []
  const promisedUntil: Record<Urgency, number> = { urgent: 0, live: 0, sweep: 0 }
  let windows = limits
  let pausedUntil = 0
  let heldUntil = 0
  let isClosed = false
  let timer: ReturnType<typeof setTimeout> | undefined

  const longestMs = () => Math.max(...windows.map(({ lengthMs }) => lengthMs))

  /** When a request of this urgency may be made; now or earlier means at once. */
  const nextSlot = (urgency: Urgency, nowMs: number) =>
    Math.max(
      pausedUntil,
      heldUntil,
      nowMs,
      ...windows.map((window) => slotIn(window, spent, urgency, nowMs)),
    )

  function forget(nowMs: number) {
    const kept = spent.findIndex(({ at }) => at > nowMs - longestMs())
    spent.splice(0, kept === -1 ? spent.length : kept)
  }

  /** The first in line of each kind of work; who has waited too long before all others. */
  function heads(nowMs: number): Waiter[] {
    const first = URGENCIES.flatMap(
      (urgency) => waiters.find((waiter) => waiter.urgency === urgency) ?? [],
    )
    const isLate = ({ at }: Waiter) => nowMs - at > TOO_LONG_MS
    return [...first.filter(isLate), ...first.filter((waiter) => !isLate(waiter))]
  }

  function serve() {
    clearTimeout(timer)
    timer = undefined
    while (waiters.length > 0) {
      const nowMs = clock.read()
      forget(nowMs)
      const candidates = heads(nowMs).map((waiter) => ({
        waiter,
        slot: nextSlot(waiter.urgency, nowMs),
      }))
      const next = candidates.find(({ slot }) => slot <= nowMs)
      if (!next) {
        const soonest = Math.min(...candidates.map(({ slot }) => slot))
        timer = setTimeout(serve, soonest - nowMs)
        return
      }
      spent.push({ at: nowMs, urgency: next.waiter.urgency })
      waiters.splice(waiters.indexOf(next.waiter), 1)
      next.waiter.proceed()
    }
  }

  /**
   * Resolves when the request may be made, also if it is sent a little later. Throws `Later` when that would
   * take too long; a sweep is never put off.
   */
  function spend(urgency: Urgency): Promise<void> {
    const nowMs = clock.read()
    if (isClosed) throw new Later('the bridge is stopping', now())
    forget(nowMs)
    const sooner = URGENCIES.slice(0, URGENCIES.indexOf(urgency) + 1)
    const ahead = waiters.filter((waiter) => waiter.urgency === urgency).length
    const paceMs = Math.max(
      ...windows.map(({ lengthMs, most }) => lengthMs / mostOf(most, urgency)),
    )
    const slot = nextSlot(urgency, nowMs) + ahead * paceMs
    // A process that has only just begun is waited for in place.
    if (slot - Math.max(nowMs, heldUntil) > SHARES[urgency].maxWaitMs) {
      // Whoever is put off gets a time of their own, behind those of their kind and of more urgent kinds.
      const behind = Math.max(slot, ...sooner.map((one) => promisedUntil[one]))
      promisedUntil[urgency] = behind + paceMs * REQUESTS_PER_JOB
      throw new Later(`${service}'s request limit is used up`, clock.dateOf(promisedUntil[urgency]))
    }
    return new Promise((proceed, giveUp) => {
      waiters.push({ urgency, at: nowMs, proceed, giveUp })
      serve()
    })
  }

  /** The service answered 429: nobody asks again before it says, within bounds. */
  function pause(headers: Headers): Date {
    const until = clock.read() + readPauseMs(headers, now())
    pausedUntil = Math.max(pausedUntil, until)
    return spread(clock.dateOf(until))
  }

  /** From now on other limits hold. */
  function resize(others: readonly Window[]) {
    windows = others
    serve()
  }

  /** Nothing is asked before then. */
  function hold(until: Date) {
    heldUntil = Math.max(heldUntil, clock.msOf(until))
  }

  /** What was spent in the longest window. */
  function spentLately(): number {
    forget(clock.read())
    return spent.length
  }

  /** Whoever waits is put off, so that the process can end. */
  function close() {
    isClosed = true
    clearTimeout(timer)
    for (const { giveUp } of waiters.splice(0)) giveUp(new Later('the bridge is stopping', now()))
  }

  return { spend, pause, hold, resize, spentLately, close }
}

const reservedOf = (most: number, urgency: Urgency) =>
  most < DIVISIBLE ? 0 : Math.max(1, Math.floor(most * SHARES[urgency].reserved))

/** What one kind of work may take of a window in which nothing else is done. */
function mostOf(most: number, urgency: Urgency): number {
  const others = URGENCIES.filter((other) => other !== urgency)
  const reserved = others.reduce((sum, other) => sum + reservedOf(most, other), 0)
  return Math.max(1, Math.min(Math.floor(most * SHARES[urgency].most), most - reserved))
}

/** When a window takes another request: every kind of work occupies what it used, or what is reserved for it. */
function slotIn(
  { lengthMs, most }: Window,
  spent: readonly Spent[],
  urgency: Urgency,
  nowMs: number,
): number {
  const inWindow = spent.filter(({ at }) => at > nowMs - lengthMs)
  const used: Record<Urgency, number> = { urgent: 0, live: 0, sweep: 0 }
  for (const one of inWindow) used[one.urgency] += 1
  used[urgency] += 1
  const isOver = () =>
    used[urgency] > mostOf(most, urgency) ||
    URGENCIES.reduce((sum, one) => sum + Math.max(used[one], reservedOf(most, one)), 0) > most
  let slot = 0
  for (const oldest of inWindow) {
    if (!isOver()) break
    used[oldest.urgency] -= 1
    slot = oldest.at + lengthMs
  }
  return slot
}

/** What was put off together does not come back together. */
const spread = (at: Date) => new Date(at.getTime() + Math.random() * 2_000)

/** Neither the unit nor the presence of these headers is documented: seconds, or an epoch, within bounds. */
function readPauseMs(headers: Headers, now: Date): number {
  const text = headers.get('retry-after') ?? headers.get('x-ratelimit-reset')
  const value = Number(text)
  if (!text || !Number.isFinite(value)) return DEFAULT_PAUSE_MS
  const pauseMs = value > EPOCH_SECONDS ? value * 1_000 - now.getTime() : value * 1_000
  return Math.min(Math.max(pauseMs, 200), MAX_PAUSE_MS)
}
