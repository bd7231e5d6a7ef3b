import { sql } from 'drizzle-orm'

import type { Database } from '../db/client.ts'
import type { Delivery } from './delivery.ts'

const WRITE_EVERY_MS = 5_000
/** Of more than so many at a time nobody wants to know exactly how often each came. */
const MAX_WAITING = 1_000

type Repeated = Pick<Delivery, 'source' | 'deliveryId'>

/**
 * Counts how often deliveries came again, beside their acknowledgement: a sender who doubles everything waits no longer
 * for that. What a process that dies has counted in its last seconds is lost, and what is just being worked is not counted.
 */
export function createRepeatCount({ db }: { db: Database }) {
  const waiting = new Map<string, Repeated & { times: number }>()
  let timer: ReturnType<typeof setTimeout> | undefined

  async function write() {
    timer = undefined
    const counted = [...waiting.values()]
    waiting.clear()
    const list = JSON.stringify(
      counted.map(({ source, deliveryId, times }) => ({ source, id: deliveryId, times })),
    )
    // What somebody has in hand is not waited for: in another order than theirs both would wait for ever.
    await db.execute(sql`
      with free as (
        select d.source, d.delivery_id, again.times
        from jsonb_to_recordset(${list}::jsonb) as again (source text, id text, times int)
        join deliveries d on d.source = again.source and d.delivery_id = again.id
        for update of d skip locked
      )
      update deliveries d set repeats = d.repeats + free.times
      from free where d.source = free.source and d.delivery_id = free.delivery_id`)
  }

  return {
    add({ source, deliveryId }: Repeated) {
      const key = `${source} ${deliveryId}`
      const known = waiting.get(key)
      if (known) known.times += 1
      else if (waiting.size < MAX_WAITING) waiting.set(key, { source, deliveryId, times: 1 })
      timer ??= setTimeout(() => void write().catch(() => undefined), WRITE_EVERY_MS)
    },
    /** Writes down what is counted by now. */
    async close() {
      if (!timer) return
      clearTimeout(timer)
      await write().catch(() => undefined)
    },
  }
}
