import type { Fetch } from './in-process.ts'

/** One event on its way. Headers and body are made anew for every attempt, as the vendors do. */
type Message = {
  url: string
  headers: (body: string) => Record<string, string>
  body: string | (() => string)
  type: string
}

/** What a bad network does to webhooks. `lose`: nothing arrives and nothing is tried again. */
type NetworkSwitches = { lose: boolean; double: boolean; delayMs: number; reorder: boolean }

type CourierEntry = {
  at: Date
  type: string
  url: string
  status: number | 'lost' | 'error'
  attempt: number
}

export type Courier = {
  send: (message: Message) => void
  switches: NetworkSwitches
  log: readonly CourierEntry[]
  /** How many there were since it began; the log forgets. `refused`: not answered with what counts as success. */
  counts: Readonly<Record<'sent' | 'lost' | 'doubled' | 'refused', number>>
  idle: () => Promise<void>
  stop: () => void
}

const MAX_LOG_ENTRIES = 1_000
/** With `reorder` on, a message waits this long for a later one to overtake it. */
const OVERTAKE_MS = 250

/** Delivers signed webhooks the way the vendor does: on its schedule, with no order promised. */
export function createCourier(options: {
  fetch: Fetch
  retryDelaysMs: readonly number[]
  timeoutMs: number
  isSuccess: (status: number) => boolean
  now?: () => Date
}): Courier {
  const { fetch, retryDelaysMs, timeoutMs, isSuccess, now = () => new Date() } = options
  const switches: NetworkSwitches = { lose: false, double: false, delayMs: 0, reorder: false }
  const log: CourierEntry[] = []
  const counts = { sent: 0, lost: 0, doubled: 0, refused: 0 }
  const timers = new Set<ReturnType<typeof setTimeout>>()
  const inFlight = new Set<Promise<void>>()
  let held: (() => void) | undefined
  let stopped = false

  const record = (message: Message, status: CourierEntry['status'], attempt: number) => {
    log.push({ at: now(), type: message.type, url: message.url, status, attempt })
    if (log.length > MAX_LOG_ENTRIES) log.shift()
  }

  const post = async (message: Message, attempt: number) => {
    const body = typeof message.body === 'string' ? message.body : message.body()
    const init = { method: 'POST', headers: message.headers(body), body }
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      const response = await fetch(message.url, { ...init, redirect: 'manual', signal })
      await response.body?.cancel()
      record(message, response.status, attempt)
      return isSuccess(response.status)
    } catch {
      record(message, 'error', attempt)
      return false
    }
  }

  const deliver = async (message: Message, attempt: number) => {
    if (switches.delayMs > 0) await Bun.sleep(switches.delayMs)
    if (stopped) return
    counts.sent += 1
    if (switches.lose) {
      counts.lost += 1
      return record(message, 'lost', attempt)
    }

    const copies = switches.double ? 2 : 1
    counts.doubled += copies - 1
    const arrived = await Promise.all(Array.from({ length: copies }, () => post(message, attempt)))
    if (!arrived.includes(true)) counts.refused += 1
    const retryDelayMs = retryDelaysMs[attempt - 1]
    if (arrived.includes(true) || retryDelayMs === undefined || stopped) return
    later(retryDelayMs, () => track(deliver(message, attempt + 1)))
  }

  const track = (work: Promise<void>) => {
    const tracked = work.finally(() => inFlight.delete(tracked))
    inFlight.add(tracked)
  }

  // Waiting for a retry must not keep a process alive: the last of Dodo's comes after ten hours.
  const later = (delayMs: number, act: () => void) => {
    const timer = setTimeout(() => {
      timers.delete(timer)
      act()
    }, delayMs)
    timer.unref()
    timers.add(timer)
  }

  const release = () => {
    const go = held
    held = undefined
    go?.()
  }

  return {
    switches,
    log,
    counts,
    send(message) {
      if (stopped) return
      const go = () => track(deliver(message, 1))
      if (held) {
        go()
        release()
      } else if (switches.reorder) {
        held = go
        track(Bun.sleep(OVERTAKE_MS).then(() => (held === go ? release() : undefined)))
      } else go()
    },
    async idle() {
      while (inFlight.size > 0) await Promise.all(inFlight)
    },
    stop() {
      stopped = true
      held = undefined
      for (const timer of timers) clearTimeout(timer)
      timers.clear()
    },
  }
}
