import { join } from 'node:path'

import { DeadlineExceeded } from '../deadline.ts'
import { MalformedEvent } from '../errors.ts'
import { ROOT } from '../root.ts'
import type { Delivery } from './delivery.ts'

/** Dodo waits 15 s for our answer. */
const STORE_MS = 14_000
/** A thread that nobody needs gives its memory back. */
const IDLE_MS = 30_000

/** A verified delivery that nobody has read yet. */
export type Unread = Pick<Delivery, 'deliveryId' | 'headers' | 'verifiedWith'> & {
  source: 'lago' | 'dodo'
}
export type Order = Unread & {
  nth: number
  databaseUrl: string
  receivedAt: Date
  pieces: ArrayBuffer[]
}
type Stored = { duplicate: boolean }
export type Answer =
  | { nth: number; stored: Stored }
  | { nth: number; failed: { why: string; isMalformed: boolean } }

type Waiting = PromiseWithResolvers<Stored> & { timer: ReturnType<typeof setTimeout> }

/**
 * Reads and stores big bodies on a thread of its own, started when one comes. A thread that dies or hangs takes
 * along what it had in hand, which nobody has been told is stored; the next body gets a new one.
 */
export function createBigInbox({ databaseUrl, now }: { databaseUrl: string; now: () => Date }) {
  const waiting = new Map<number, Waiting>()
  let thread: Worker | undefined
  let count = 0
  let resting: ReturnType<typeof setTimeout> | undefined

  function start(): Worker {
    const started = new Worker(join(ROOT, 'src/inbox/big-worker.ts'))
    started.addEventListener('message', ({ data }: MessageEvent<Answer>) => hear(data))
    started.addEventListener('error', ({ message }) => end(started, new Error(message)))
    started.addEventListener('close', () => end(started, new Error('the thread ended')))
    started.unref()
    return started
  }

  function hear(answer: Answer) {
    const one = take(answer.nth)
    if (!one) return
    if ('stored' in answer) one.resolve(answer.stored)
    else if (answer.failed.isMalformed) one.reject(new MalformedEvent(answer.failed.why))
    else one.reject(new Error(answer.failed.why))
    if (waiting.size === 0) resting = setTimeout(() => end(thread), IDLE_MS).unref()
  }

  function take(nth: number): Waiting | undefined {
    const one = waiting.get(nth)
    waiting.delete(nth)
    clearTimeout(one?.timer)
    return one
  }

  function end(which: Worker | undefined, error: Error = new Error('the bridge stops')) {
    if (!which || which !== thread) return
    thread = undefined
    which.terminate()
    for (const nth of waiting.keys()) take(nth)?.reject(error)
  }

  /** When it resolves the delivery is durable. The pieces are given away: nobody may use them any more. */
  function store(delivery: Unread, pieces: ArrayBuffer[]): Promise<Stored> {
    clearTimeout(resting)
    thread ??= start()
    const own = thread
    const nth = (count += 1)
    const timer = setTimeout(
      () => end(own, new DeadlineExceeded(`storing a big body took longer than ${STORE_MS} ms`)),
      STORE_MS,
    )
    const one = { ...Promise.withResolvers<Stored>(), timer }
    waiting.set(nth, one)
    const order: Order = { ...delivery, nth, databaseUrl, receivedAt: now(), pieces }
    own.postMessage(order, pieces)
    return one.promise
  }

  return { store, close: () => end(thread) }
}
