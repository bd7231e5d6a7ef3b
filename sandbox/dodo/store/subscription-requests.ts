import type {
  SubscriptionChargeParams,
  SubscriptionUpdateParams,
} from 'dodopayments/resources/subscriptions'
import { z } from 'zod'
import { Amount, BillingAddress, Interval, Metadata, Url } from './fields.ts'
import { refused } from './refusal.ts'

type Fields<T> = Record<keyof T, z.ZodType>

const Time = z.iso.datetime({ offset: true })
const CANCEL_REASONS = [
  'cancelled_by_customer',
  'cancelled_by_merchant',
  'cancelled_by_merchant_send_dunning',
  'cancelled_by_merchant_grace_period_expired',
  'dodo_team',
] as const
const FEEDBACK = [
  'too_expensive',
  'missing_features',
  'switched_service',
  'unused',
  'customer_service',
  'low_quality',
  'too_complex',
  'other',
] as const

export const SubscriptionCharge = z.strictObject({
  product_price: Amount.min(1),
  adaptive_currency_fees_inclusive: z.boolean().nullish(),
  customer_balance_config: z
    .strictObject({
      allow_customer_credits_purchase: z.boolean().nullish(),
      allow_customer_credits_usage: z.boolean().nullish(),
    })
    .nullish(),
  metadata: Metadata.nullish(),
  product_currency: z.string().nullish(),
  product_description: z.string().nullish(),
} satisfies Fields<SubscriptionChargeParams>)
export type SubscriptionCharge = z.infer<typeof SubscriptionCharge>

export const SubscriptionUpdate = z.strictObject({
  billing: BillingAddress.nullish(),
  cancel_at_next_billing_date: z.boolean().nullish(),
  cancel_reason: z.enum(CANCEL_REASONS).nullish(),
  cancellation_comment: z.string().nullish(),
  cancellation_feedback: z.enum(FEEDBACK).nullish(),
  customer_business_name: z.string().max(250).nullish(),
  customer_name: z.string().nullish(),
  disable_on_demand: z.strictObject({ next_billing_date: Time }).nullish(),
  metadata: Metadata.nullish(),
  next_billing_date: Time.nullish(),
  pause: z.boolean().nullish(),
  status: z.enum(['cancelled', 'active', 'paused']).nullish(),
  subscription_period_count: z.int().min(1).nullish(),
  subscription_period_interval: Interval.nullish(),
  tax_id: z.string().nullish(),
} satisfies Partial<Fields<SubscriptionUpdateParams>>)
export type SubscriptionUpdate = z.infer<typeof SubscriptionUpdate>

export const PaymentMethodUpdate = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('new'),
    allowed_payment_method_types: z.array(z.string()).nullish(),
    return_url: Url.nullish(),
  }),
  z.strictObject({ type: z.literal('existing'), payment_method_id: z.string() }),
])
export type PaymentMethodUpdate = z.infer<typeof PaymentMethodUpdate>

/** Refuses the combinations of fields that no patch of a subscription may have. */
export function assertPatch(patch: SubscriptionUpdate): void {
  if (typeof patch.pause === 'boolean')
    throw refused('INVALID_REQUEST_BODY', 'pause was removed: use status')
  const sent = Object.values(patch).filter((value) => value !== undefined)
  const isAlone = patch.status === 'paused' || patch.status === 'active'
  if (isAlone && sent.length > 1)
    throw refused('INVALID_REQUEST_BODY', `status ${patch.status} must be sent alone`)
}
