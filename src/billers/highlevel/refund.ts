import type { z } from 'zod'

import { withDeadline } from '../../deadline.ts'
import { messageOf } from '../../errors.ts'
import type { Mode } from '../../highlevel/keys.ts'
import { Query } from '../../highlevel/queries.ts'
import { findNamed, type OrderRow } from '../orders/order.ts'
import { refundPayment } from '../orders/refund.ts'
import { answerRefund, answerRefusal } from './decide/answers.ts'
import { isRefusal, readMoney } from './decide/asked.ts'
import type { HighlevelDeps } from './deps.ts'
import { lookAnew } from './look.ts'
import { readCycleKey } from './recurring/rows.ts'
import { findOrderOf } from './verify.ts'

/** HighLevel waits for our answer while we wait for its. */
const READ_MS = 3_000

type Asked = Extract<z.infer<typeof Query>, { type: 'refund' }>

/**
 * Gives back what HighLevel asks for. It has no id for a request: the same amount of the same payment within two minutes
 * is a repeat (`refundPayment`). Nothing of another location, mode or transaction can be named.
 */
export async function refund(
  deps: HighlevelDeps,
  whose: { locationId: string; mode: Mode },
  { transactionId, chargeId, amount }: Asked,
) {
  const named = { transactionId, chargeId }
  const order = (await findOrderOf(deps, whose, named)) ?? (await findCycle(deps, whose, named))
  if (!order) return answerRefusal('Unknown payment')
  const money = readMoney({ amount, currency: order.currency })
  if (isRefusal(money)) return answerRefusal(`Refund failed: ${money.why}`)
  if (money.amount === 0) return answerRefusal('Refund failed: amount must be more than nothing')
  const standing = await lookAnew(deps, order.orderId)
  if (
    chargeId !== undefined &&
    !standing.ledger.payments.some((one) => one.dodoPaymentId === chargeId)
  )
    return answerRefusal('Unknown payment')
  const outcome = await refundPayment(deps, standing, {
    amount: money.amount,
    reason: undefined,
    key: undefined,
    dodoPaymentId: chargeId,
  })
  switch (outcome.is) {
    case 'refused':
      return answerRefusal(`Refund failed: ${outcome.why}`)
    case 'busy':
      return answerRefusal('another refund of this payment is under way')
    case 'unknown':
      return answerRefusal('The outcome is not known yet; ask again')
    case 'done': {
      const { dodoRefundId, amount: refunded, status, payment } = outcome
      const isPending = status !== 'succeeded'
      return answerRefund({ dodoRefundId, amount: refunded, currency: payment.currency, isPending })
    }
  }
}

/** HighLevel makes the transaction of a cycle itself, once it was told of the charge, and only it knows which one. */
async function findCycle(
  { db, locations, log }: HighlevelDeps,
  { locationId, mode }: { locationId: string; mode: Mode },
  { transactionId, chargeId: asked }: { transactionId: string; chargeId: string | undefined },
): Promise<OrderRow | undefined> {
  try {
    const reading = locations.clientFor(locationId).findTransaction(transactionId)
    const found = await withDeadline('HighLevel', READ_MS, reading)
    const isTheirs = found?.altId === locationId && found.liveMode === (mode === 'live')
    const chargeId = isTheirs ? found.chargeId : null
    if (!chargeId || (asked !== undefined && asked !== chargeId)) return undefined
    const order = await findNamed(db, { source: 'highlevel', tenant: locationId, mode }, chargeId)
    const cycle = order && readCycleKey(order.key)
    const isOfIt = found?.subscriptionId == null || found.subscriptionId === cycle?.subscriptionId
    return cycle && isOfIt ? order : undefined
  } catch (error) {
    log.warn({ transactionId, error: messageOf(error) }, 'the transaction could not be read')
    return undefined
  }
}
