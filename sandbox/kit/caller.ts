import type { Fetch } from './in-process.ts'

/** What a bad network does to calls that wait for an answer; several may hold at once. */
type CallSwitches = {
  /** The call is carried out, and its answer never arrives. */
  loseAnswers: boolean
  /** The call never leaves. */
  loseCalls: boolean
  /** Each call is made twice at once; the answer of the first is taken. */
  double: boolean
  delayMs: number
}

type CallEntry = {
  at: Date
  url: string
  body: unknown
  status: number | 'lost' | 'error'
  answer: string
}

/** Makes calls as a service makes them to a provider's address, and remembers what was said. */
export type Caller = {
  post: (url: string, body: unknown) => Promise<{ response: Response; text: string }>
  switches: CallSwitches
  log: readonly CallEntry[]
}

const MAX_LOG_ENTRIES = 1_000

/** A service's own client: JSON out, a text back, no retry, no deadline but the caller's. */
export function createCaller(options: { fetch: Fetch; now: () => Date }): Caller {
  const { fetch, now } = options
  const switches: CallSwitches = {
    loseAnswers: false,
    loseCalls: false,
    double: false,
    delayMs: 0,
  }
  const log: CallEntry[] = []

  const record = (entry: Omit<CallEntry, 'at'>) => {
    log.push({ at: now(), ...entry })
    if (log.length > MAX_LOG_ENTRIES) log.shift()
  }

  const send = async (url: string, body: unknown) => {
    const init = {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }
    try {
      const response = await fetch(url, init)
      const text = await response.text()
      record({ url, body, status: response.status, answer: text })
      return { response, text }
    } catch (error) {
      record({ url, body, status: 'error', answer: String(error) })
      throw error
    }
  }

  return {
    switches,
    log,
    async post(url, body) {
      const { loseAnswers, loseCalls, double, delayMs } = switches
      if (delayMs > 0) await Bun.sleep(delayMs)
      if (loseCalls) {
        record({ url, body, status: 'lost', answer: '' })
        throw new TypeError('fetch failed')
      }
      const first = send(url, body)
      const [answered] = await Promise.allSettled(double ? [first, send(url, body)] : [first])
      if (answered.status === 'rejected') throw answered.reason
      if (loseAnswers) throw new TypeError('fetch failed')
      return answered.value
    },
  }
}
