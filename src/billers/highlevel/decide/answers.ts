import { toMajor } from '../../../highlevel/amounts.ts'

const SECOND_MS = 1_000

/** A Dodo payment as HighLevel is told of it. */
export type Charge = {
  dodoPaymentId: string
  /** Hundredths. */
  amount: number
  madeAt: Date
}

export const toSeconds = (at: Date) => Math.floor(at.getTime() / SECOND_MS)

type ChargeStatus = 'succeeded' | 'failed' | 'pending'
export type ChargeSnapshot = {
  id: string
  status: ChargeStatus
  amount: number
  chargeId: string
  chargedAt: number
}

/**
 * A charge in the answer to `verify` and in events, where its amount is major units × 100 (HighLevel's help article
 * 155000002620; its marketplace page shows major units there).
 */
export const snapshotInHundredths = (status: ChargeStatus, charge: Charge): ChargeSnapshot => ({
  id: charge.dodoPaymentId,
  status,
  amount: charge.amount,
  chargeId: charge.dodoPaymentId,
  chargedAt: toSeconds(charge.madeAt),
})

/** The same in the answers to `charge_payment` and `create_subscription`, where all samples have major units. */
export const snapshotInMajor = (status: ChargeStatus, charge: Charge): ChargeSnapshot => ({
  ...snapshotInHundredths(status, charge),
  amount: toMajor(charge.amount),
})

export type Verdict =
  | { is: 'paid'; charge: Charge }
  /** Nobody can pay it any more, or the charge was declined for good. */
  | { is: 'failed'; charge: Charge; why: string }
  /** Also what is nobody's, another's, or of another amount: it must not void what was paid. */
  | { is: 'pending'; charge: Charge }

/** The answer to `verify`, which is what sets the state of HighLevel's transaction. */
export function answerVerify(verdict: Verdict) {
  const { is, charge } = verdict
  switch (is) {
    case 'paid':
      return {
        success: true,
        failed: false,
        message: '',
        chargeSnapshot: snapshotInHundredths('succeeded', charge),
      }
    case 'failed':
      return {
        success: false,
        failed: true,
        message: verdict.why,
        chargeSnapshot: snapshotInHundredths('failed', charge),
      }
    case 'pending':
      return {
        success: false,
        failed: false,
        message: 'pending',
        chargeSnapshot: snapshotInHundredths('pending', charge),
      }
  }
}

/** A charge of which nothing is said but what HighLevel has said itself. */
export const nothingOf = (chargeId: string | undefined, now: Date): Charge => ({
  dodoPaymentId: chargeId ?? '',
  amount: 0,
  madeAt: now,
})

/** The answer to `charge_payment` and, in its first half, to `create_subscription` when nothing was charged. */
export const answerNotCharged = (message: string, now: Date) => ({
  success: false,
  failed: true,
  chargeId: '',
  message,
  chargeSnapshot: snapshotInMajor('failed', nothingOf(undefined, now)),
})

export const answerRefund = (done: {
  dodoRefundId: string
  amount: number
  currency: string
  isPending: boolean
}) => ({
  success: true,
  message: done.isPending ? 'the refund is under way' : 'refunded',
  id: done.dodoRefundId,
  amount: toMajor(done.amount),
  currency: done.currency,
})

export const answerRefusal = (message: string) => ({ success: false, message })
