import type { DisputeStage, DisputeStatus, GetDispute } from 'dodopayments/resources/disputes'
import type { Payment } from 'dodopayments/resources/payments'
import type { Refund } from 'dodopayments/resources/refunds'
import type { Subscription } from 'dodopayments/resources/subscriptions'
import { followPayment, replaceCard, type Trial, tryCard } from './charges.ts'
import { type PayOptions, paySession } from './checkout.ts'
import { type DisputeOptions, moveDispute, openDispute } from './disputes.ts'
import { lineItemsOf } from './line-items.ts'
import { movePayment } from './payments.ts'
import { bounceRefund, createRefund, settleRefund } from './refunds.ts'
import { refused } from './refusal.ts'
import { scheduleCancellation } from './subscription-updates.ts'
import { findSubscription, moveSubscription, passBillingDate } from './subscriptions.ts'
import type { DodoWorld } from './world.ts'

export type DodoActs = ReturnType<typeof createDodoActs>

/** What customers, banks and the owner of the account do; the API cannot. */
export function createDodoActs(world: DodoWorld) {
  return {
    ...checkoutActs(world),
    ...mandateActs(world),
    /** What the merchant does in the dashboard. */
    refund: (paymentId: string, amount?: number) => refundFromDashboard(world, paymentId, amount),
    settleRefund: (refundId: string, status: 'succeeded' | 'failed' | 'review') =>
      settleRefund(world, refundId, status),
    /** A refund that had succeeded fails after all. */
    bounceRefund: (refundId: string) => bounceRefund(world, refundId),
    openDispute: (paymentId: string, how?: DisputeOptions) => openDispute(world, paymentId, how),
    moveDispute: (disputeId: string, status: DisputeStatus, stage?: DisputeStage): GetDispute =>
      moveDispute(world, disputeId, status, stage),
  }
}

function checkoutActs(world: DodoWorld) {
  return {
    /** What a customer does on the hosted page. */
    pay: (sessionId: string, how?: PayOptions): Payment => payMoney(world, sessionId, how),
    decline: (sessionId: string, code: string): Payment =>
      payMoney(world, sessionId, { outcome: 'failed', code }),
    saveCard: (sessionId: string): void => void paySession(world, sessionId),
    /** The customer's bank does not let the mandate be made. */
    refuseCard: (sessionId: string, code?: string): void =>
      void paySession(world, sessionId, { outcome: 'failed', code }),
    settlePayment(
      paymentId: string,
      status: 'succeeded' | 'failed' | 'cancelled',
      code?: string,
    ): Payment {
      const payment = movePayment(world, paymentId, { status, code })
      followPayment(world, payment)
      return payment
    },
  }
}

function mandateActs(world: DodoWorld) {
  const move = (id: string, status: Exclude<Subscription['status'], 'pending'>): Subscription =>
    moveSubscription(world, id, status)
  return {
    /** What becomes of charges on one mandate from now on; without an outcome, as with all others. */
    setCard(subscriptionId: string, outcome?: string): void {
      const { chargesOf } = world.behaviour
      if (outcome) chargesOf[subscriptionId] = outcome
      else Reflect.deleteProperty(chargesOf, subscriptionId)
    },
    moveMandate: move,
    cancelMandate: (id: string) => move(id, 'cancelled'),
    expireMandate: (id: string) => move(id, 'expired'),
    holdMandate: (id: string) => move(id, 'on_hold'),
    pauseMandate: (id: string) => move(id, 'paused'),
    /** What the customer portal offers instead of cancelling at once. */
    scheduleCancellation(id: string, scheduled = true): Subscription {
      const subscription = findSubscription(world.store, id)
      scheduleCancellation(world, subscription, scheduled)
      return subscription
    },
    /** The day comes on which a scheduled cancellation takes effect. */
    passBillingDate: (id: string) => passBillingDate(world, id),
    /** The customer enters another card in the portal. */
    replaceCard: (id: string, trial?: Trial): Payment => replaceCard(world, id, trial),
    /** The customer enters a card behind the link of an update the merchant asked for. */
    enterCard: (paymentId: string, trial?: Trial): Payment => tryCard(world, paymentId, trial),
  }
}

/** The dashboard's refund button: an amount is taken from the first position that can give it. */
function refundFromDashboard(world: DodoWorld, paymentId: string, amount?: number): Refund {
  if (amount === undefined) return createRefund(world, { payment_id: paymentId })
  const { items } = lineItemsOf(world.store, paymentId)
  const item = items.find(({ refundable_amount: left }) => left >= amount) ?? items[0]
  const part = { item_id: item?.items_id ?? '', amount }
  return createRefund(world, { payment_id: paymentId, items: [part] })
}

function payMoney(world: DodoWorld, sessionId: string, how?: PayOptions): Payment {
  const payment = paySession(world, sessionId, how)
  if (!payment) throw refused('UNSUPPORTED_ACTION', `session ${sessionId} only saves a card`)
  return payment
}
