import { and, eq, isNull } from 'drizzle-orm'

import { keyIn } from '../account-key.ts'
import { wakePayer } from '../collect/wake-payer.ts'
import { mandates } from '../db/schema.ts'
import type { Deps } from '../deps.ts'
import { wakeWithin } from '../wakes.ts'
import type { Outcome } from './audit.ts'

/**
 * A saved card is charged no more: from this moment on by us, and by nobody as soon as Dodo has cancelled it, which a
 * job asks for until it has. What is under way is not stopped.
 */
export async function stopCharging(
  deps: Pick<Deps, 'db' | 'queue' | 'now'>,
  { payerKey, dodoSubscriptionId }: { payerKey: string; dodoSubscriptionId: string },
  who: string,
): Promise<Outcome> {
  const { db, queue, now } = deps
  const isMeant = and(
    eq(mandates.payerKey, payerKey),
    eq(mandates.dodoSubscriptionId, dodoSubscriptionId),
  )
  const [known] = await db.select().from(mandates).where(isMeant)
  if (!known) return { isDone: false, said: 'this customer has no such card' }
  if (known.stoppedAt) return { isDone: false, said: 'it is stopped already' }
  if (known.status === 'cancelled') return { isDone: false, said: 'Dodo has cancelled it already' }
  await db.transaction(async (tx) => {
    await tx
      .update(mandates)
      .set({ stoppedAt: now(), refusal: `${who} stopped charging it` })
      .where(and(isMeant, isNull(mandates.stoppedAt)))
    const key = keyIn(known.account, dodoSubscriptionId)
    await wakeWithin({ db: tx, queue }, 'mandate', [key], 'operator')
    await wakePayer(deps, tx, payerKey)
  })
  return {
    isDone: true,
    said: 'it is charged no more, and Dodo is told to cancel it; later invoices wait at their pay links',
  }
}
