import type { Logger } from 'pino'
import type postgres from 'postgres'

import { messageOf } from '../errors.ts'

/** How often it is looked for what is due, where nobody says. */
export const LOOK_MS = 3_000

type Seen = { due: string[]; hasDead: boolean }

/**
 * One look for all queues, in place of a poll by each of their workers: at jobs whose time has come, of which nobody
 * notifies, and at those whose worker stopped beating.
 */
export function createLook(options: {
  sql: postgres.Sql
  schema: string
  queues: readonly string[]
  log: Logger
  /** How often. */
  everyMs: number
  wake: (queue: string) => void
  takeOver: () => Promise<void>
}) {
  const { sql, schema, queues, log, everyMs, wake, takeOver } = options
  let timer: ReturnType<typeof setInterval> | undefined
  let isLooking = false
  // The predicates are those of pg-boss's own indexes and statements.
  const text = `
    select array(
      select queue from unnest($1::text[]) as queue
      where exists (select from ${schema}.job
        where name = queue and state < 'active' and start_after <= now() and not blocked)
    ) as due, exists (select from ${schema}.job
      where state = 'active' and heartbeat_seconds is not null
        and heartbeat_on + heartbeat_seconds * interval '1s' < now()) as "hasDead"`

  async function look() {
    if (isLooking) return
    isLooking = true
    try {
      const [seen] = await sql.unsafe<Seen[]>(text, [queues as string[]], { prepare: true })
      if (seen?.hasDead) await takeOver()
      // What was taken over just now is due as well.
      for (const queue of seen?.hasDead ? queues : (seen?.due ?? [])) wake(queue)
    } catch (error) {
      log.debug({ error: messageOf(error) }, 'queues not looked at')
    }
    isLooking = false
  }

  return {
    /** From now on, the first time as soon as everybody is at work. */
    start: () => {
      if (timer) return
      setTimeout(() => void look())
      timer = setInterval(() => void look(), everyMs)
    },
    stop: () => clearInterval(timer),
  }
}
