import type { Job as BossJob, PgBoss } from 'pg-boss'
import type { Logger } from 'pino'

import { withDeadline } from '../deadline.ts'
import { messageOf } from '../errors.ts'

type Claimed<Payload> = BossJob<Payload> & { retryCount: number }
type InHand<Payload> = {
  job: Claimed<Payload>
  since: number
  mayHideOthers: boolean
  woken: number
}

/** pg-boss's own sign of life of a worker. */
const BEAT_MS = 5_000

/**
 * Works the jobs of one queue, so many at once. In place of a worker of pg-boss for each of them: all that is free is
 * fetched in one statement, and all that ended meanwhile is finished in one, so that a wake costs one look and not one
 * for each worker, and nothing polls.
 */
export function createCrew<Payload extends object>({
  boss,
  queue,
  atOnce,
  expireMs,
  run,
  log,
}: {
  boss: PgBoss
  queue: string
  atOnce: number
  expireMs: number
  run: (job: BossJob<Payload>) => Promise<void>
  log: Logger
}) {
  const inHand = new Map<string, InHand<Payload>>()
  const ended: Claimed<Payload>[] = []
  let woken = 0
  let wokenSinceFetch = 0
  let isStopped = false
  let fetching: Promise<void> | undefined
  let finishing: Promise<void> | undefined
  let beat: ReturnType<typeof setInterval> | undefined
  let idle: PromiseWithResolvers<void> | undefined

  /** There may be something to do. */
  function wake() {
    woken += 1
    wokenSinceFetch += 1
    fill()
  }

  const hasRoom = () => !isStopped && wokenSinceFetch > 0 && inHand.size < atOnce

  function fill() {
    if (!hasRoom()) return
    fetching ??= fetchAll().finally(() => {
      fetching = undefined
      fill()
    })
  }

  async function fetchAll() {
    while (hasRoom()) {
      const free = atOnce - inHand.size
      const wakes = wokenSinceFetch
      wokenSinceFetch = 0
      try {
        const jobs = await boss.fetch<Payload>(queue, { batchSize: free })
        const isFull = jobs.length === free
        // Where there were so many there are probably more.
        if (isFull) wokenSinceFetch += 1
        for (const job of jobs) start(job, isFull || wakes > 1)
      } catch (error) {
        log.debug({ queue, error: messageOf(error) }, 'no jobs fetched')
        return
      }
    }
  }

  function start(job: Claimed<Payload>, mayHideOthers: boolean) {
    inHand.set(job.id, { job, since: performance.now(), mayHideOthers, woken })
    beat ??= setInterval(() => void touch(), BEAT_MS)
    void work(job)
  }

  async function work(job: Claimed<Payload>) {
    try {
      await withDeadline(`job ${job.id} of ${queue}`, expireMs, run(job))
      ended.push(job)
      finishing ??= finishAll()
      await finishing
    } catch (error) {
      await giveBack([job], messageOf(error))
    }
    leave(job)
  }

  async function finishAll() {
    // Whatever ends in the same moment goes together.
    await Promise.resolve()
    while (ended.length > 0) {
      const batch = ended.splice(0)
      try {
        await boss.complete(queue, batch)
      } catch (error) {
        await giveBack(batch, messageOf(error))
      }
    }
    finishing = undefined
  }

  /** A newer job of the same key was held back as long as this one was in hand. */
  function leave({ id }: Claimed<Payload>) {
    const own = inHand.get(id)
    inHand.delete(id)
    if (own && (own.mayHideOthers || own.woken < woken)) wokenSinceFetch += 1
    if (inHand.size === 0) {
      clearInterval(beat)
      beat = undefined
      idle?.resolve()
    }
    fill()
  }

  /** While the database is away the job is taken over as that of a dead worker. */
  async function giveBack(jobs: Claimed<Payload>[], why: string) {
    try {
      await boss.fail(queue, jobs, { message: why })
    } catch (error) {
      log.warn({ queue, error: messageOf(error) }, 'queue error')
    }
  }

  /** Says of what takes longer that it is still being worked. */
  async function touch() {
    const now = performance.now()
    const long = [...inHand.values()].filter(({ since }) => now - since > BEAT_MS / 2)
    if (long.length === 0) return
    const jobs = long.map(({ job }) => job)
    await boss.touch(queue, jobs).catch((error: unknown) => {
      log.warn({ queue, error: messageOf(error) }, 'queue error')
    })
  }

  /** Fetches nothing more. Resolves when all that is in hand has ended. */
  async function stop() {
    isStopped = true
    await fetching
    if (inHand.size === 0) return
    idle ??= Promise.withResolvers()
    await idle.promise
  }

  return {
    wake,
    stop,
    /** What has not ended is for others to take up. */
    async handBack() {
      clearInterval(beat)
      const jobs = [...inHand.values()].map(({ job }) => job)
      if (jobs.length > 0) await giveBack(jobs, 'the bridge stopped while it was being worked')
    },
  }
}

export type Crew = ReturnType<typeof createCrew>
