import type { Deps } from '../deps.ts'
import { wake } from '../../wakes.ts'
import type { MoneyStep } from '../decide/steps.ts'
import type { Ledger } from '../ledger.ts'
import type { Owed } from '../receivable.ts'
import { endAttempt } from './attempts.ts'
import { chargeMandate, endCharge } from './charge-mandate.ts'
import { dropOrder } from './drop-order.ts'
import { openCheckout } from './open-checkout.ts'
import { orderRefund } from './order-refund.ts'
import { readPayment, readSession } from './read-dodo.ts'

/** What is needed to move money, whoever keeps the books. */
export type MoneyDeps = Omit<Deps, 'accounts' | 'lago' | 'organizationId'>

type Subject = {
  owed: Owed
  ledger: Ledger
  /** Whether the books still want a refund that they asked for. */
  isStillWanted: () => Promise<boolean>
}

/** Takes one step at Dodo or in our ledger, whoever keeps the books. */
export async function takeMoneyStep(
  deps: MoneyDeps,
  step: MoneyStep,
  { owed, ledger, isStillWanted }: Subject,
): Promise<void> {
  const settling = owed.receivableId
  switch (step.do) {
    case 'read_payment':
      await readPayment(deps, step.dodoPaymentId, { settling })
      return
    case 'read_session':
      return readSession(deps, step.attempt, { dodoSessionId: step.dodoSessionId, settling })
    case 'end_attempt':
      return step.attempt.kind === 'charge'
        ? endCharge(deps, owed, step.attempt, step.end)
        : end(deps, owed, step)
    case 'order_refund':
      return orderRefund(deps, { ...step, owed, ledger, isStillWanted })
    case 'drop_order':
      return dropOrder(deps, step.order)
    case 'open_checkout':
      return openCheckout(deps, { ...step, owed, ledger })
    case 'charge_mandate':
      return chargeMandate(deps, { ...step, owed, ledger })
  }
}

/** Those for whom it asked go on by themselves. */
async function end(
  deps: MoneyDeps,
  { receivableId }: Owed,
  { attempt, end: ending }: Extract<MoneyStep, { do: 'end_attempt' }>,
) {
  const isOfOthers =
    attempt.receivableId === receivableId &&
    !attempt.shares.some((one) => one.receivableId === receivableId)
  const others = isOfOthers ? attempt.shares.map((one) => one.receivableId) : []
  await endAttempt(deps, receivableId, attempt, ending)
  if (others.length > 0) await wake(deps, 'settle', others, 'payment_request')
}
