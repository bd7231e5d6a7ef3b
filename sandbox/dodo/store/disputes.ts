import type {
  DisputeListResponse,
  DisputeStage,
  DisputeStatus,
  GetDispute,
} from 'dodopayments/resources/disputes'
import type { WebhookEventType } from 'dodopayments/resources/webhook-events'
import { findPayment, refreshPayment } from './payments.ts'
import { notFound, refused } from './refusal.ts'
import { BUSINESS_ID, type DodoStore, newId } from './store.ts'
import type { DodoWorld } from './world.ts'

export const DISPUTE_STATUSES = [
  'dispute_opened',
  'dispute_challenged',
  'dispute_accepted',
  'dispute_cancelled',
  'dispute_expired',
  'dispute_won',
  'dispute_lost',
] as const satisfies readonly DisputeStatus[]

export const DISPUTE_STAGES = [
  'pre_dispute',
  'dispute',
  'pre_arbitration',
] as const satisfies readonly DisputeStage[]

const EVENT_OF = {
  dispute_opened: 'dispute.opened',
  dispute_challenged: 'dispute.challenged',
  dispute_accepted: 'dispute.accepted',
  dispute_cancelled: 'dispute.cancelled',
  dispute_expired: 'dispute.expired',
  dispute_won: 'dispute.won',
  dispute_lost: 'dispute.lost',
} as const satisfies Record<DisputeStatus, WebhookEventType>

export type DisputeOptions = {
  amount?: number | undefined
  stage?: DisputeStage | undefined
  reason?: string | undefined
  /** Visa refunds small disputes by itself and only ever reports the loss. */
  rdr?: boolean | undefined
}

/** A cardholder contests a payment. The amount is text, as Dodo sends it. */
export function openDispute(
  world: DodoWorld,
  paymentId: string,
  options: DisputeOptions = {},
): GetDispute {
  const payment = findPayment(world.store, paymentId)
  if (payment.status !== 'succeeded')
    throw refused('PAYMENT_NOT_SUCCEEDED', `payment ${paymentId} is ${payment.status}`)

  const dispute: GetDispute = {
    dispute_id: newId('dp'),
    payment_id: paymentId,
    business_id: BUSINESS_ID,
    brand_id: payment.brand_id,
    customer: payment.customer,
    payment_provider: 'dodo',
    amount: String(options.amount ?? payment.total_amount),
    currency: payment.currency,
    dispute_status: 'dispute_opened',
    dispute_stage: options.stage ?? 'dispute',
    is_resolved_by_rdr: false,
    reason: options.reason ?? 'fraudulent',
    remarks: null,
    created_at: world.now().toISOString(),
  }
  world.store.disputes.set(dispute.dispute_id, dispute)
  if (options.rdr) {
    dispute.is_resolved_by_rdr = true
    return moveDispute(world, dispute.dispute_id, 'dispute_lost')
  }
  return moveDispute(world, dispute.dispute_id, 'dispute_opened')
}

/** Moves a dispute to another status, and perhaps to another stage, and announces it. */
export function moveDispute(
  world: DodoWorld,
  disputeId: string,
  status: DisputeStatus,
  stage?: DisputeStage,
): GetDispute {
  const dispute = findDispute(world.store, disputeId)
  dispute.dispute_status = status
  dispute.dispute_stage = stage ?? dispute.dispute_stage
  refreshPayment(world, dispute.payment_id)
  world.emit(EVENT_OF[status], 'Dispute', () => dispute)
  return dispute
}

/** The dispute, or Dodo's 404. */
export function findDispute(store: DodoStore, disputeId: string): GetDispute {
  const dispute = store.disputes.get(disputeId)
  if (!dispute) throw notFound('dispute', disputeId)
  return dispute
}

/** A dispute as lists show it. */
export function disputeListItem(dispute: GetDispute): DisputeListResponse {
  const {
    brand_id: _brand,
    customer: _customer,
    reason: _reason,
    remarks: _remarks,
    ...rest
  } = dispute
  return rest
}
