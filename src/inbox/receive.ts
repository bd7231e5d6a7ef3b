import { deliveries } from '../db/schema.ts'
import { withDeadline } from '../deadline.ts'
import type { Deps } from '../deps.ts'
import { DELIVERY_KINDS } from '../jobs.ts'
import { wakeWithin } from '../wakes.ts'
import { createBigInbox, type Unread } from './big.ts'
import { createCoalescer } from './coalesce.ts'
import type { Wake } from './envelope.ts'
import { asRow } from './store.ts'

const MAX_BATCH_DELIVERIES = 250
const MAX_BATCH_BYTES = 8 * 1024 * 1024
/** Dodo waits 15 s for our answer, and a database that hangs must not hold up who comes next. */
const COMMIT_MS = 8_000

/** In a flood of deliveries, work on them waits this long for each job, so that senders are answered first. */
const MAX_CALM_MS = 1_000
const CALM_LOOK_MS = 50
const MANY_WAITING = 24

/** One verified POST, and what it is about as far as its body says. */
export type Delivery = {
  source: 'lago' | 'dodo'
  deliveryId: string
  eventType: string
  dodoPaymentId: string | null
  headers: Record<string, string>
  body: Buffer
} & Wake

export type Receive = ((delivery: Delivery) => Promise<{ duplicate: boolean }>) & {
  /** The same for one that is too big to be read beside everything else, given away in pieces. */
  big: (delivery: Unread, pieces: ArrayBuffer[]) => Promise<{ duplicate: boolean }>
  /** Resolves when senders do not have to queue, or after a moment all the same. */
  calm: () => Promise<void>
}

/**
 * Stores verified deliveries, each with the job it causes, in one transaction shared by all that
 * arrive meanwhile. When it resolves the delivery is durable; when it rejects nothing is stored.
 */
export function createReceive({
  db,
  queue,
  now,
  databaseUrl,
}: Pick<Deps, 'db' | 'queue' | 'now'> & { databaseUrl: string }) {
  const inbox = createBigInbox({ databaseUrl, now })
  const store = (batch: Delivery[]) => withDeadline('storing deliveries', COMMIT_MS, commit(batch))

  const commit = (batch: Delivery[]) =>
    db.transaction(async (tx) => {
      const stored = await tx
        .insert(deliveries)
        .values(batch.map((delivery) => asRow(delivery, now())))
        .onConflictDoNothing()
        .returning({ source: deliveries.source, deliveryId: deliveries.deliveryId })

      const fresh = new Map(stored.map((row) => [identity(row), true]))
      const results = batch.map((delivery) => {
        const isFirst = fresh.get(identity(delivery)) === true
        fresh.set(identity(delivery), false)
        return { duplicate: !isFirst }
      })
      const woken = batch.filter((_, index) => results[index]?.duplicate === false)
      await wakeFor({ db: tx, queue }, woken)
      return results
    })

  const coalesced = createCoalescer(store, {
    maxItems: MAX_BATCH_DELIVERIES,
    maxBytes: MAX_BATCH_BYTES,
  })
  const receive = (delivery: Delivery) => coalesced(delivery, delivery.body.byteLength)

  async function calm() {
    for (let waitedMs = 0; waitedMs < MAX_CALM_MS; waitedMs += CALM_LOOK_MS) {
      if (coalesced.waiting() < MANY_WAITING) return
      await Bun.sleep(CALM_LOOK_MS)
    }
  }

  async function big(delivery: Unread, pieces: ArrayBuffer[]) {
    const { duplicate, wakes, wakesKey } = await inbox.store(delivery, pieces)
    const { source } = delivery
    if (!duplicate)
      await db.transaction((tx) => wakeFor({ db: tx, queue }, [{ source, wakes, wakesKey }]))
    return { duplicate }
  }
  return Object.assign(receive, { big, calm, close: inbox.close }) satisfies Receive
}

const identity = ({ source, deliveryId }: { source: string; deliveryId: string }) =>
  `${source}:${deliveryId}`

/** One job per key and batch: a job reads every delivery of its key that is stored by then. */
async function wakeFor(
  deps: Parameters<typeof wakeWithin>[0],
  batch: readonly (Pick<Delivery, 'source'> & Wake)[],
) {
  for (const kind of DELIVERY_KINDS) {
    for (const source of ['dodo', 'lago'] as const) {
      const keys = batch
        .filter((one) => one.wakes === kind && one.source === source)
        .flatMap(({ wakesKey }) => wakesKey ?? [])
      if (keys.length > 0) await wakeWithin(deps, kind, keys, `${source}_delivery`)
    }
  }
}
