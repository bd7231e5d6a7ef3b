import type { Database, Executor } from './db/client.ts'
import type { JobKind } from './jobs.ts'
import type { Queue } from './queue/queue.ts'

type Waking = {
  /** The greater goes first. */
  priority: number
  /** Its requests go before others: money moved, or a customer waits. */
  isUrgent?: boolean
  /** Content with any job that waits for the key already, also one that starts much later. */
  isPatient?: boolean
}

/** Everything that makes something be looked at, and how soon. Whatever the cause, it is the same look. */
const CAUSES = {
  customer: { priority: 20, isUrgent: true },
  payment: { priority: 10, isUrgent: true },
  dodo_delivery: { priority: 10 },
  lago_delivery: { priority: 5 },
  highlevel_delivery: { priority: 5 },
  retry: { priority: 5 },
  customer_changed: { priority: 5 },
  payment_request: { priority: 5 },
  top_up: { priority: 5 },
  operator: { priority: 5 },
  invoice_changed: { priority: 0 },
  notification: { priority: 0, isPatient: true },
  clock: { priority: 0 },
  start: { priority: 0 },
  // A sweep sees again and again what has been put off: it is in hand. A person who asks for one wants it now.
  sweep: { priority: 0, isPatient: true },
  sweep_by_person: { priority: 0 },
  sweep_goes_on: { priority: 0 },
} as const satisfies Record<string, Waking>

export type Cause = keyof typeof CAUSES

/** Whether a job with that cause, as it stands in its data, goes before others. */
export const isUrgentCause = (cause: unknown): boolean => {
  const known: Waking | undefined = CAUSES[cause as Cause]
  return known?.isUrgent === true
}

/** What a job says of why it was sent. A delivery says so itself, when it is read. */
const dataOf = (cause: Cause) => (cause.endsWith('_delivery') ? {} : { cause })

/**
 * Says "look at these", durably, within a transaction: neither its other changes nor the jobs exist without each
 * other. The only caller of the queue.
 */
export async function wakeWithin(
  { db, queue }: { db: Executor; queue: Queue },
  kind: JobKind,
  keys: readonly string[],
  cause: Cause,
): Promise<void> {
  const { priority, isPatient = false }: Waking = CAUSES[cause]
  const jobs = [...new Set(keys)].map((key) => ({ key, priority, isPatient, data: dataOf(cause) }))
  await queue.send(db, kind, jobs)
}

/** The same, in a transaction of its own. */
export const wake = (
  { db, queue }: { db: Database | Executor; queue: Queue },
  kind: JobKind,
  keys: readonly string[],
  cause: Cause,
): Promise<void> => db.transaction((tx) => wakeWithin({ db: tx, queue }, kind, keys, cause))
