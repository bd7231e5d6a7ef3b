import { isFinal, type Ledger, type Policy } from '../ledger.ts'
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
  if (!attempt?.dodoSessionId) return undefined
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
