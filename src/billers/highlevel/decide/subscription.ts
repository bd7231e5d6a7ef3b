import { toSeconds } from './answers.ts'
import { isOver, isTooLate, nextAt, type Schedule } from './schedule.ts'

export type SubscriptionStatus =
  | 'pending'
  | 'scheduled'
  | 'trialing'
  | 'active'
  | 'unpaid'
  | 'canceled'
  | 'expired'

/** A subscription, as far as deciding about it depends on it. Amounts are hundredths. */
export type Subscription = Schedule & {
  status: SubscriptionStatus
  amount: number
  currency: string
  hasMandate: boolean
}

/** What HighLevel's API says of it now. */
export type SaidOfIt = {
  isCancelled: boolean
  /** In its own word, in lower case. */
  status: string
  /** Undefined when it names none that could be read. */
  amount: number | undefined
  currency: string | undefined
}

/** The order of the cycle that was begun last, if any. */
export type Cycle = { cycle: number; state: 'paid' | 'failed' | 'open' }

export type Step =
  /** The cycle is over, and the next one is waited for. */
  | { do: 'advance'; cycle: number; isPaid: boolean }
  | { do: 'charge'; cycle: number }
  /** Not charged, and shown: nobody expects it any more. */
  | { do: 'pass_over'; cycle: number }
  | { do: 'stop'; reason: string }
  | { do: 'expire' }
  /** `isWatched`: what a person does about it is seen here, and soon. */
  | { do: 'attend'; reason: string; isWatched?: boolean }
  | { do: 'rest'; wakeAt: Date | undefined }

const UNREADABLE =
  'HighLevel takes no token of its location, so that nothing can be read there: install the app there again'
const ENDED: readonly SubscriptionStatus[] = ['canceled', 'expired']

/** Whether what is due has to be compared with HighLevel before it is decided. */
export const needsReading = (subscription: Subscription, now: Date): boolean => {
  const dueAt = nextAt(subscription)
  return !ENDED.includes(subscription.status) && dueAt !== undefined && dueAt <= now
}

/** States in which a cycle may be charged. A paused one is in none of them, nor is a word that we do not know. */
const CHARGEABLE = new Set([
  '',
  'active',
  'trialing',
  'scheduled',
  'unpaid',
  'pending',
  'incomplete',
  'past_due',
])

/** Why HighLevel's word for where it stands keeps it from being charged, if it does. */
export const whyNotChargeable = (status: string): string | undefined =>
  CHARGEABLE.has(status) ? undefined : `HighLevel shows it as ${status.slice(0, MAX_WORD)}`

const MAX_WORD = 40

/** What is to be done next about a subscription. `said` is what HighLevel says of it, read after it became due. */
export function decideSubscription(
  subscription: Subscription,
  begun: Cycle | undefined,
  said: SaidOfIt | 'unknown' | 'unreadable' | undefined,
  now: Date,
): Step {
  const { status, nextCycle } = subscription
  if (ENDED.includes(status) || status === 'pending') return { do: 'rest', wakeAt: undefined }
  if (begun?.cycle === nextCycle) {
    if (begun.state === 'open') return { do: 'rest', wakeAt: undefined }
    return { do: 'advance', cycle: nextCycle, isPaid: begun.state === 'paid' }
  }
  if (isOver(subscription)) return { do: 'expire' }
  const dueAt = nextAt(subscription)
  if (dueAt === undefined || dueAt > now) return { do: 'rest', wakeAt: dueAt }
  if (isTooLate(subscription, now)) return { do: 'pass_over', cycle: nextCycle }
  if (!said) return { do: 'rest', wakeAt: dueAt }
  if (said === 'unknown') return { do: 'attend', reason: 'HighLevel does not know it any more' }
  if (said === 'unreadable') return { do: 'attend', reason: UNREADABLE, isWatched: true }
  if (said.isCancelled) return { do: 'stop', reason: 'it was cancelled in HighLevel' }
  const why = whyNotChargeable(said.status)
  if (why) return { do: 'attend', reason: why }
  if (said.amount !== subscription.amount || said.currency !== subscription.currency)
    return { do: 'attend', reason: 'HighLevel asks for another amount than was agreed to' }
  if (!subscription.hasMandate)
    return { do: 'attend', reason: 'its saved card cannot be charged any more' }
  return { do: 'charge', cycle: nextCycle }
}

/** What HighLevel is told of a subscription. Times are unix seconds. */
export function subscriptionSnapshot(about: {
  subscriptionId: string
  status: SubscriptionStatus
  trialEndAt: Date | null
  createdAt: Date
  nextChargeAt: Date | undefined
}) {
  const { subscriptionId: id, status, trialEndAt, createdAt, nextChargeAt } = about
  return {
    id,
    status,
    trialEnd: trialEndAt ? toSeconds(trialEndAt) : 0,
    createdAt: toSeconds(createdAt),
    ...(nextChargeAt && { nextCharge: toSeconds(nextChargeAt) }),
  }
}
