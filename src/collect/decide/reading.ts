import { isFinal, type Ledger, type Payment, type Policy } from '../ledger.ts'
import { isExpired } from './next-attempt.ts'
import type { MoneyStep } from './steps.ts'

/** Nothing is decided on an observation that may have changed meanwhile, nor on a webhook's word alone. */
export function nextReading(ledger: Ledger, policy: Policy, now: Date): MoneyStep | undefined {
  const isOlderThan = (at: Date, freshForMs: number) => now.getTime() - at.getTime() > freshForMs

  const payment = ledger.payments.find((one) =>
    isFinal(one) ? !one.isConfirmed : isOlderThan(one.observedAt, policy.paymentFreshForMs),
  )
  if (payment) return { do: 'read_payment', dodoPaymentId: payment.dodoPaymentId }

  const attempt = ledger.attempts.find(({ status }) => status === 'live')
  const charged = attempt?.kind === 'charge' ? attempt.dodoPaymentId : null
  const isSeen = ledger.payments.some(({ dodoPaymentId }) => dodoPaymentId === charged)
  if (attempt && charged && !isSeen) {
    const isDue = !attempt.lookedAt || isOlderThan(attempt.lookedAt, policy.paymentFreshForMs)
    return isDue ? { do: 'read_payment', dodoPaymentId: charged } : undefined
  }
  if (!attempt) return nextReadingOfDeclined(ledger, policy, now)
  if (!attempt.dodoSessionId) return undefined
  const lookedAt = attempt.lookedAt ?? attempt.startedAt
  const isUnseenSinceExpiry =
    isExpired(attempt, now) && lookedAt.getTime() < (attempt.expiresAt?.getTime() ?? 0)
  // Whoever pays after this look pays what the books count already, whatever the clocks say.
  const { paidElsewhere } = ledger
  const isUnseenSincePaid =
    paidElsewhere !== null && paidElsewhere.amount > 0 && lookedAt < paidElsewhere.at
  const isOld = isOlderThan(lookedAt, policy.sessionFreshForMs)
  if (!isUnseenSinceExpiry && !isUnseenSincePaid && !isOld) return undefined
  return { do: 'read_session', attempt, dodoSessionId: attempt.dodoSessionId }
}

/**
 * After a decline the customer may try again on the very same page, for as long as its session lives: before anything is
 * said, or asked for anew, it is looked whether they have.
 */
function nextReadingOfDeclined(ledger: Ledger, policy: Policy, now: Date): MoneyStep | undefined {
  const last = ledger.attempts.at(-1)
  if (last?.status !== 'declined' || !last.dodoSessionId || isExpired(last, now)) return undefined
  // What came of a second try is known, and read by itself.
  if (ledger.payments.some((one) => one.attemptId === last.id && !isDeclined(one))) return undefined
  const lookedAt = last.lookedAt ?? last.startedAt
  const isOld = now.getTime() - lookedAt.getTime() > policy.sessionFreshForMs
  const isUnseenByThis = ledger.requestedBy !== null && lookedAt < policy.startedAt
  if (!isOld && !isUnseenByThis) return undefined
  return { do: 'read_session', attempt: last, dodoSessionId: last.dodoSessionId }
}

const isDeclined = ({ status }: Payment) => status === 'failed' || status === 'cancelled'
