import {
  isUnbegun,
  isUnheardOf,
  missingUntil,
  type Ledger,
  type Payment,
  type Policy,
} from '../ledger.ts'
import type { Receivable } from '../receivable.ts'
import { whyNotPayable } from './course.ts'
import { isMoneyInHand, nextAttempt, nextWake } from './next-attempt.ts'
import { nextEnd } from './next-end.ts'
import { findWaiting, nextRefund } from './next-refund.ts'
import { nextReading } from './reading.ts'
import type { MoneyStep, Repose } from './steps.ts'

/**
 * What the money of one receivable wants next, whoever keeps the books. `inHand` is for money that is here or on its way
 * back; `toAsk` for what is asked for, which comes last, when the books have taken what they take. In between a
 * biller decides about its books.
 */
export const money = {
  inHand: (receivable: Receivable, held: Ledger, policy: Policy, now: Date) =>
    nextReading(held, policy, now) ?? nextRefund(receivable, heardOf(held, now), policy, now),
  toAsk: (receivable: Receivable, held: Ledger, policy: Policy, now: Date): MoneyStep | undefined =>
    nextEnd(receivable, heardOf(held, now), policy, now) ??
    nextAttempt(receivable, heardOf(held, now), policy, now),
  /** Nothing is left to do: whether its checkout may be handed out, and when it must be looked at again. */
  atRest(receivable: Receivable, held: Ledger, policy: Policy, now: Date): Repose {
    const ledger = heardOf(held, now)
    return {
      isPayable: !whyNotPayable(receivable, ledger) && !isMoneyInHand(receivable, ledger, now),
      wakeAt: earliest([
        nextWake(receivable, ledger, policy, now),
        ...findWaiting(ledger).map(({ repeatableAt }) => repeatableAt),
        ...ledger.payments.filter(({ status }) => status === 'missing').map(missingUntil),
      ]),
    }
  },
}

const earliest = (times: readonly (Date | null | undefined)[]) =>
  times.flatMap((time) => time ?? []).toSorted((one, other) => one.getTime() - other.getTime())[0]

/**
 * What only a webhook told of, and Dodo does not know, is asked about again, and otherwise as good as not there. So is
 * what nobody has begun to pay.
 */
export const heardOf = <Held extends Ledger>(held: Held, now: Date): Held => ({
  ...held,
  payments: held.payments.filter(
    (payment) => !isUnheardOf(payment, now) && !isUnbegun(payment, held.attempts),
  ),
})

const byAge = (one: Payment, other: Payment) =>
  one.madeAt.getTime() - other.madeAt.getTime() ||
  one.dodoPaymentId.localeCompare(other.dodoPaymentId)

/** The same ledger in the order in which things happened, however it was listed. */
export const inOrder = <Held extends Ledger>(ledger: Held): Held => ({
  ...ledger,
  attempts: ledger.attempts.toSorted(
    (one, other) =>
      one.startedAt.getTime() - other.startedAt.getTime() || one.number - other.number,
  ),
  payments: ledger.payments.toSorted(byAge),
})
