import { and, count, eq, gt, inArray, or } from 'drizzle-orm'

import { highlevelSubscriptions } from '../../../db/schema.ts'
import { wakeWithin } from '../../../wakes.ts'
import { findOwnAccount, forgetOwnAccount } from '../own-accounts.ts'
import type { Installing } from './installing.ts'

/** What of a subscription may still have cycles. */
const RUNNING = ['scheduled', 'trialing', 'active', 'unpaid'] as const
/** One that has not begun may still be paid on its page, which lives for a day. */
const MAY_BEGIN_MS = 2 * 24 * 3_600_000

/**
 * Nothing new is opened on a location's own account, and the mode goes back to the shared one, or is disconnected. Not
 * while subscriptions run on it: their cards are that account's alone.
 */
export async function forgetAccount(
  { db, queue, now }: Installing,
  { locationId, mode }: { locationId: string; mode: 'test' | 'live' },
): Promise<'forgotten' | 'in_use'> {
  const owner = { source: 'highlevel', tenant: locationId, mode } as const
  return db.transaction(async (tx) => {
    const own = await findOwnAccount(tx, owner)
    if (!own) return 'forgotten'
    const [running] = await tx
      .select({ count: count() })
      .from(highlevelSubscriptions)
      .where(
        and(
          eq(highlevelSubscriptions.account, own.account),
          or(
            inArray(highlevelSubscriptions.status, RUNNING),
            and(
              eq(highlevelSubscriptions.status, 'pending'),
              gt(highlevelSubscriptions.createdAt, new Date(now().getTime() - MAY_BEGIN_MS)),
            ),
          ),
        ),
      )
    if ((running?.count ?? 0) > 0) return 'in_use'
    await forgetOwnAccount(tx, owner, now())
    await wakeWithin({ db: tx, queue }, 'installation', [locationId], 'customer')
    return 'forgotten'
  })
}
