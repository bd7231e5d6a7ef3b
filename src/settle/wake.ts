import type { Executor } from '../db/client.ts'
import type { Deps } from '../deps.ts'

/** Why an invoice is looked at when no delivery says so. */
export type WakeCause = 'retry' | 'sweep' | 'customer' | 'operator' | 'trace'

const PRIORITY: Record<WakeCause, number> = {
  customer: 20,
  trace: 10,
  retry: 5,
  operator: 5,
  sweep: 0,
}

/** Says "look at this invoice", durably. Whatever the cause, it is the same look. */
export async function wake(
  { db, queue }: { db: Executor } & Pick<Deps, 'queue'>,
  lagoInvoiceIds: readonly string[],
  cause: WakeCause,
) {
  const jobs = lagoInvoiceIds.map((key) => ({
    key,
    priority: PRIORITY[cause],
    data: { cause },
    // A sweep sees again and again what has been put off: it is in hand.
    isPatient: cause === 'sweep',
  }))
  await db.transaction((tx) => queue.send(tx, 'settle', jobs))
}
