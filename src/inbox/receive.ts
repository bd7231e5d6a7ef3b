import { openInboxConnection } from '../db/client.ts'
import { isDataError } from '../db/data-error.ts'
import { withDeadline } from '../deadline.ts'
import type { Deps } from '../collect/deps.ts'
import { createBigInbox, type Unread } from './big.ts'
import { createCoalescer } from './coalesce.ts'
import type { Delivery } from './delivery.ts'
import { createRepeatCount } from './repeats.ts'
import { createRouter } from './router.ts'
import { storeAll, type Place, type Told } from './store.ts'

const MAX_BATCH_DELIVERIES = 250
/** More at once would hold the event loop while it is written. */
const MAX_BATCH_BYTES = 512 * 1024
/** Dodo waits 15 s for our answer, and a database that hangs must not hold up who comes next. */
const COMMIT_MS = 8_000

/** So many deliveries within this time are a flood, whether they come together or one after the other. */
const MANY = 8
const WITHIN_MS = 80
/** It is over when this long nothing of it was seen. */
const FLOOD_MS = 200

export type Receive = ((delivery: Delivery) => Promise<{ duplicate: boolean }>) & {
  /** The same for one that is too big to be read beside everything else, given away in pieces. */
  big: (delivery: Unread, pieces: ArrayBuffer[]) => Promise<{ duplicate: boolean }>
}

/**
 * Stores verified deliveries, all that arrive meanwhile in one statement, on a connection that nothing else uses.
 * When it resolves the delivery is durable, and what it wakes is routed right after; when it rejects nothing is stored.
 */
export function createReceive({
  db,
  queue,
  log,
  now,
  databaseUrl,
}: Pick<Deps, 'db' | 'queue' | 'log' | 'now'> & { databaseUrl: string }) {
  const connection = openInboxConnection(databaseUrl)
  const inbox = createBigInbox({ databaseUrl, now })
  const repeats = createRepeatCount({ db })
  const flood = createFlood()
  const isCrowded = flood.isOn
  const router = createRouter({ db, queue, log, isCrowded })

  async function commit(batch: Told[]) {
    flood.count(batch.length)
    const storing = storeAll(connection.sql, batch)
    const stored = await withDeadline('storing deliveries', COMMIT_MS, storing)
    const places = stored.flatMap(({ place }): Place[] => (place === null ? [] : [place]))
    if (places.length > 0) router.route(places)
    return stored
  }

  const coalesced = createCoalescer(commit, {
    maxItems: MAX_BATCH_DELIVERIES,
    maxBytes: MAX_BATCH_BYTES,
    isOfOne: isDataError,
  })
  async function receive(delivery: Delivery) {
    const told = { ...delivery, receivedAt: now() }
    const { duplicate } = await coalesced(told, delivery.body.byteLength)
    if (duplicate) repeats.add(delivery)
    return { duplicate }
  }

  async function big(delivery: Unread, pieces: ArrayBuffer[]) {
    const { duplicate } = await inbox.store(delivery, pieces)
    if (duplicate) repeats.add(delivery)
    else router.route()
    return { duplicate }
  }

  return Object.assign(receive, {
    big,
    /** Whether so many deliveries come that everything else had better wait. */
    isCrowded,
    /** Takes up what was stored and not routed before. */
    start: () => router.start(),
    routed: () => router.routed(),
    async close() {
      inbox.close()
      await repeats.close()
      await router.stop()
      await connection.close()
    },
  }) satisfies Receive
}

/** Notices that deliveries come faster than single events of a business do. */
function createFlood() {
  let since = Number.NEGATIVE_INFINITY
  let counted = 0
  let floodedAt = Number.NEGATIVE_INFINITY
  return {
    count(deliveries: number) {
      const now = performance.now()
      if (now - since > WITHIN_MS) {
        since = now
        counted = 0
      }
      counted += deliveries
      if (counted >= MANY) floodedAt = now
    },
    isOn: () => performance.now() - floodedAt < FLOOD_MS,
  }
}
