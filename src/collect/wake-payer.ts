import { and, eq, inArray, notInArray } from 'drizzle-orm'

import type { Executor } from '../db/client.ts'
import { receivables } from '../db/schema.ts'
import type { Deps } from './deps.ts'
import { ASKING_KINDS } from './receivable.ts'
import { wakeWithin } from '../wakes.ts'

/** Has everything that a payer still owes looked at. */
export async function wakePayer(
  { queue }: Pick<Deps, 'queue'>,
  db: Executor,
  payerKey: string,
): Promise<void> {
  const open = await db
    .select({ key: receivables.receivableId })
    .from(receivables)
    .where(
      and(
        eq(receivables.payerKey, payerKey),
        notInArray(receivables.kind, [...ASKING_KINDS]),
        inArray(receivables.state, ['open', 'failed', 'attention']),
      ),
    )
  const keys = open.map(({ key }) => key)
  await wakeWithin({ db, queue }, 'settle', keys, 'customer_changed')
}
