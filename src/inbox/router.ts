import { sql } from 'drizzle-orm'

import type { Deps } from '../collect/deps.ts'
import { messageOf } from '../errors.ts'
import type { DeliveryKind } from '../jobs.ts'
import { wakeWithin } from '../wakes.ts'
import type { Place } from './store.ts'
import type { Source } from '../webhook-sources.ts'

/** What is routed in one transaction. */
const MAX_BATCH = 1_000
/** What a process that died has left behind is found within this, by whoever lives. */
const LOOK_MS = 10_000
const RETRY_MS = 1_000
/** In a flood, so much is gathered before it is routed: senders go first, and one look serves many deliveries. */
const GATHER_MS = 250

type Owed = { source: Source; wakes: DeliveryKind; key: string }

/**
 * Turns stored deliveries into jobs, many at a time and many of one key into one, right after they are stored. A
 * delivery is owed until its job is sent, in one transaction: whatever dies in between, somebody goes on with it.
 */
export function createRouter({
  db,
  queue,
  log,
  isCrowded,
}: Pick<Deps, 'db' | 'queue' | 'log'> & { isCrowded: () => boolean }) {
  let places: Place[] = []
  let mayBeMore = false
  let isStopped = false
  let routing: Promise<void> | undefined
  let timer: ReturnType<typeof setInterval> | undefined

  /** Says where deliveries stand that were just stored; without it, that there may be some of which nobody knows where. */
  function route(stored?: readonly Place[]) {
    if (stored) places.push(...stored)
    else mayBeMore = true
    begin()
  }

  const hasMore = () => !isStopped && (places.length > 0 || mayBeMore)

  function begin() {
    if (!hasMore()) return
    routing ??= routeAll().finally(() => {
      routing = undefined
      // What came since the last look at whether there is more.
      begin()
    })
  }

  async function routeAll() {
    while (hasMore()) {
      if (isCrowded()) await Bun.sleep(GATHER_MS)
      try {
        await routeSome()
      } catch (error) {
        log.warn({ error: messageOf(error) }, 'deliveries not routed, tried again')
        mayBeMore = true
        places = []
        await Bun.sleep(RETRY_MS)
      }
    }
  }

  async function routeSome() {
    const batch = places.splice(0, MAX_BATCH)
    if (batch.length > 0) {
      await send(sql`${toArray(batch)}::tid[]`)
      return
    }
    mayBeMore = false
    const found = await send(
      sql`array(select ctid from unrouted limit ${MAX_BATCH} for update skip locked)`,
    )
    if (found === MAX_BATCH) mayBeMore = true
  }

  /** What another process has routed meanwhile is not found, and so not sent a second time. */
  const send = (taken: ReturnType<typeof sql>) =>
    db.transaction(async (tx) => {
      const owed = await tx.execute<Owed>(sql`
        delete from unrouted where ctid = any (${taken}) returning source, wakes, wakes_key as key`)
      const groups = Map.groupBy(owed, ({ source, wakes }) => `${source} ${wakes}`)
      for (const group of groups.values()) {
        const [first] = group
        if (!first) continue
        const keys = group.map(({ key }) => key)
        await wakeWithin({ db: tx, queue }, first.wakes, keys, `${first.source}_delivery`)
      }
      return owed.length
    })

  async function routed(): Promise<void> {
    if (!routing) return
    await routing
    await routed()
  }

  return {
    route,
    /** Takes up what was left behind, now and from time to time. */
    start: () => {
      route()
      timer ??= setInterval(() => route(), LOOK_MS)
    },
    /** Resolves when everything that was stored by now is routed. */
    routed,
    stop: async () => {
      isStopped = true
      clearInterval(timer)
      await routing
    },
  }
}

const toArray = (places: readonly Place[]) => `{${places.map((place) => `"${place}"`).join(',')}}`
