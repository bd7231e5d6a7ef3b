import type { Executor } from '../../../db/client.ts'
import { afterTrial, cycleAt, nextAt } from '../decide/schedule.ts'
import { changeSubscription, scheduleOf, type SubscriptionRow } from './rows.ts'

/**
 * A subscription begins: it was paid for the first time, or there was nothing to pay yet. Its cycles are counted from
 * its start, or from the end of its trial; a first payment without a trial is its first cycle. Cycles that were over
 * by then are nobody's to charge.
 */
export async function beginSubscription(
  tx: Executor,
  row: SubscriptionRow,
  {
    now,
    isFirstPaid,
    dodoSubscriptionId,
  }: { now: Date; isFirstPaid: boolean; dodoSubscriptionId: string | null },
): Promise<SubscriptionRow> {
  if (row.status !== 'pending') return row
  const startAt = row.anchorAt ?? now
  const isTrial = row.trialDays > 0
  const trialEndAt = isTrial ? afterTrial(startAt, row) : null
  const anchorAt = trialEndAt ?? startAt
  const begun = {
    account: row.account,
    payerKey: row.payerKey,
    transactionId: row.transactionId,
    anchorAt,
    trialEndAt,
    dodoSubscriptionId: dodoSubscriptionId ?? row.dodoSubscriptionId,
    nextCycle: firstToCharge({ ...row, anchorAt }, { now, isPaid: isFirstPaid && !isTrial }),
    status: statusOf({ isTrial, isLater: startAt > now }),
  }
  const schedule = scheduleOf({ ...row, ...begun })
  const change = { ...begun, nextWakeAt: schedule ? (nextAt(schedule) ?? now) : now }
  await changeSubscription(tx, row.id, change)
  return { ...row, ...change }
}

function firstToCharge(
  row: SubscriptionRow & { anchorAt: Date },
  { now, isPaid }: { now: Date; isPaid: boolean },
): number {
  if (!isPaid) return 1
  let cycle = 2
  while (cycleAt(row.anchorAt, row, cycle) <= now) cycle += 1
  return cycle
}

const statusOf = ({ isTrial, isLater }: { isTrial: boolean; isLater: boolean }) => {
  if (isLater) return 'scheduled' as const
  return isTrial ? ('trialing' as const) : ('active' as const)
}
