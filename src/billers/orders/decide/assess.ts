import { isOpenOrder, refundableOf } from '../../../collect/decide/allocation.ts'
import {
  acceptedOf,
  findFailedSpareOrder,
  findSpares,
  findUncounted,
} from '../../../collect/decide/next-refund.ts'
import {
  isFinal,
  isLive,
  isLost,
  type Ledger,
  type Payment,
  type Recording,
} from '../../../collect/ledger.ts'
import type { Standing } from '../../../collect/receivable.ts'
import { findAppliedTo } from './money-of-order.ts'
import type { Order } from './order.ts'

/** Where the order stands, in words for who runs the bridge; what a person has put aside is passed over. */
export function assess(order: Order, ledger: Ledger): Standing {
  const trouble = findTroubles(order, ledger).find(
    ({ reason }) => !ledger.dismissed.includes(reason),
  )
  return trouble ?? assessMoney(order, ledger)
}

/** Every reason for which a person must look, the most pressing first. */
function findTroubles(order: Order, ledger: Ledger): Standing[] {
  const held = findSpares(ledger)
    .filter((spare) => acceptedOf(spare) < spare.amount)
    .filter(({ payment }) => !payment.orders.some((one) => isOpenOrder(one, payment)))
    .map(({ payment, recording }) => heldStanding(payment, recording, ledger))
  const paid = findPaid(ledger)
  const lost: Standing[] = paid?.disputes.some(isLost)
    ? [
        {
          state: 'attention',
          code: 'dispute_lost',
          reason: `a dispute took payment ${paid.dodoPaymentId} back`,
        },
      ]
    : []
  const told = [order.untold, order.trouble ?? null].flatMap((one): Standing[] =>
    one === null ? [] : [{ state: 'attention', ...one }],
  )
  return [...held, ...lost, ...told]
}

function findPaid(ledger: Ledger): Payment | undefined {
  const applied = findAppliedTo(ledger)
  return ledger.payments.find((one) => one.dodoPaymentId === applied?.dodoPaymentId)
}

export const supersededOf = ({ words }: Order): Standing => ({
  state: 'void',
  reason: words.superseded,
})

function assessMoney(order: Order, ledger: Ledger): Standing {
  const paid = findPaid(ledger)
  if (paid) {
    const isBack = refundableOf(paid, ledger.receivableId) === 0
    return { state: 'paid', reason: `paid by ${paid.dodoPaymentId}${isBack ? ', given back' : ''}` }
  }
  if (order.isSuperseded) return supersededOf(order)
  if (ledger.payments.some((one) => !isFinal(one)))
    return { state: 'processing', reason: 'the bank has it' }
  if (order.closed !== null) return { state: 'failed', reason: order.closed }
  const last = ledger.attempts.at(-1)
  if (order.isCharged && last && isLive(last))
    return { state: 'processing', reason: 'a saved card is being charged' }
  const hindrance = findHindrance(ledger)
  if (hindrance) return hindrance
  if (last && !isLive(last) && last.status === 'declined')
    return { state: 'open', reason: `declined${last.declineCode ? ` (${last.declineCode})` : ''}` }
  return { state: 'open', reason: order.words.waits }
}

/** Nobody is asked to pay beside money that came for it and does not pay it, whoever has dealt with that. */
function findHindrance(ledger: Ledger): Standing | undefined {
  const [spare] = findUncounted(ledger)
  if (!spare) return undefined
  const { payment, recording } = spare
  if (payment.orders.some((one) => isOpenOrder(one, payment)))
    return { state: 'open', reason: `payment ${payment.dodoPaymentId} is on its way back` }
  return {
    state: 'attention',
    code: HELD[recording.disposition],
    reason: `it is not asked for beside payment ${payment.dodoPaymentId}, which came for it and is dealt with: give that back to have it paid anew`,
  }
}

const HELD = {
  duplicate: 'held_duplicate',
  late: 'held_late',
  mismatch: 'held_mismatch',
  applied: 'held_overpaid',
} as const

function heldStanding({ dodoPaymentId }: Payment, recording: Recording, ledger: Ledger): Standing {
  const { disposition } = recording
  const payment = ledger.payments.find((one) => one.dodoPaymentId === dodoPaymentId)
  if (payment && findFailedSpareOrder(payment, ledger.receivableId, recording))
    return {
      state: 'attention',
      code: 'refund_failed',
      reason: `payment ${dodoPaymentId} could not be given back`,
    }
  return {
    state: 'attention',
    code: HELD[disposition],
    reason: `payment ${dodoPaymentId} is held: ${disposition}`,
  }
}
