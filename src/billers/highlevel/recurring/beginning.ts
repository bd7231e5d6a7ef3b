import { and, eq } from 'drizzle-orm'

import type { Executor } from '../../../db/client.ts'
import { tellings } from '../../../db/schema.ts'
import { planTelling } from '../../orders/tellings.ts'
import type { HighlevelDeps } from '../deps.ts'
import type { SubscriptionRow } from './rows.ts'

export const ACTIVE = 'subscription.active'
export const TRIALING = 'subscription.trialing'

const PREFIX = 'hls_'

/** What tellings are about where there is no order: nothing was due when the subscription began. */
export const subjectOf = ({ id }: SubscriptionRow) => `${PREFIX}${id}`

export const readSubject = (subject: string): string | undefined =>
  subject.startsWith(PREFIX) ? subject.slice(PREFIX.length) : undefined

/** HighLevel is told that it has begun, unless it asks by then. */
export async function planBeginning(
  { config }: Pick<HighlevelDeps, 'config'>,
  tx: Executor,
  { row, orderId }: { row: SubscriptionRow; orderId: string | undefined },
  at: Date,
): Promise<void> {
  const dueAt = new Date(at.getTime() + (config.highlevel?.tellAfterMs ?? 0))
  const what = row.status === 'active' ? ACTIVE : TRIALING
  await planTelling(tx, { orderId: orderId ?? subjectOf(row), what, at, dueAt })
}

/** HighLevel has asked by itself. */
export const withdrawBeginning = async (
  { db }: Pick<HighlevelDeps, 'db'>,
  row: SubscriptionRow,
): Promise<void> =>
  void (await db
    .update(tellings)
    .set({ status: 'done', nextTryAt: null })
    .where(and(eq(tellings.orderId, subjectOf(row)), eq(tellings.status, 'waiting'))))
