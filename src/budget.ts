import { Later } from './errors.ts'

/** `urgent` is money that moved or a customer who waits; `live` is asking for money; `sweep` may wait. */
export type Urgency = 'urgent' | 'live' | 'sweep'

type Window = { lengthMs: number; most: number }
type Waiter = { urgency: Urgency; proceed: () => void }

/** Longer than this nobody waits in place: the work is put off instead, so that others may go first. */
const MAX_WAIT_MS: Record<Urgency, number> = { urgent: 20_000, live: 1_500, sweep: 20_000 }
/** The part of a window that work may use; the rest is left to what is more urgent. */
const USABLE: Record<Urgency, number> = { urgent: 1, live: 0.9, sweep: 0.5 }
const RANK: Record<Urgency, number> = { urgent: 0, live: 1, sweep: 2 }
/** About what opening a checkout takes. */
const REQUESTS_PER_JOB = 2
const DEFAULT_PAUSE_MS = 2_000
const MAX_PAUSE_MS = 60_000
/** Above this a reset header is a time of day in epoch seconds, below it a number of seconds. */
const EPOCH_SECONDS = 1_000_000_000

export type Budget = ReturnType<typeof createBudget>

/**
 * Keeps us under a service's request limits by ourselves, the most urgent work first, and keeps still
 * when the service says that it has had enough all the same (other replicas spend from the same limit).
 */
export function createBudget(service: string, windows: readonly Window[], now: () => Date) {
  const spent: number[] = []
  const waiters: Waiter[] = []
  const longestMs = Math.max(...windows.map(({ lengthMs }) => lengthMs))
  let pausedUntil = 0
  let promisedUntil = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  /** When a request of this urgency may be made; now or earlier means at once. */
  function nextSlot(urgency: Urgency, nowMs: number): number {
    const free = windows.map(({ lengthMs, most }) => {
      const allowed = Math.floor(most * USABLE[urgency])
      const oldest = spent[spent.length - allowed]
      return oldest === undefined ? 0 : oldest + lengthMs
    })
    return Math.max(pausedUntil, ...free, nowMs)
  }

  function forget(nowMs: number) {
    const kept = spent.findIndex((at) => at > nowMs - longestMs)
    spent.splice(0, kept === -1 ? spent.length : kept)
  }

  function serve() {
    clearTimeout(timer)
    timer = undefined
    for (;;) {
      const nowMs = now().getTime()
      forget(nowMs)
      const first = waiters[0]
      if (!first) return
      const slot = nextSlot(first.urgency, nowMs)
      if (slot > nowMs) {
        timer = setTimeout(serve, slot - nowMs)
        return
      }
      spent.push(nowMs)
      waiters.shift()
      first.proceed()
    }
  }

  /** Resolves when the request may be made. Throws `Later` when that would take too long. */
  function spend(urgency: Urgency): Promise<void> {
    const nowMs = now().getTime()
    forget(nowMs)
    const ahead = waiters.filter((one) => RANK[one.urgency] <= RANK[urgency]).length
    const slot = nextSlot(urgency, nowMs) + ahead * paceMs()
    if (slot - nowMs > MAX_WAIT_MS[urgency]) {
      // Whoever is put off gets a time of their own, or all would come back at once and in vain.
      promisedUntil = Math.max(promisedUntil, slot) + paceMs() * REQUESTS_PER_JOB
      throw new Later(`${service}'s request limit is used up`, new Date(promisedUntil))
    }
    return new Promise((proceed) => {
      const behind = waiters.findIndex((one) => RANK[one.urgency] > RANK[urgency])
      waiters.splice(behind === -1 ? waiters.length : behind, 0, { urgency, proceed })
      serve()
    })
  }

  const paceMs = () => Math.max(...windows.map(({ lengthMs, most }) => lengthMs / most))

  /** The service answered 429: nobody asks again before it says, within bounds. */
  function pause(headers: Headers): Date {
    const until = now().getTime() + readPauseMs(headers, now())
    pausedUntil = Math.max(pausedUntil, until)
    return spread(new Date(until))
  }

  return { spend, pause }
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
