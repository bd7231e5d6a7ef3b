import { z } from 'zod'
import { Amount, flag, Interval, Metadata, Url } from './fields.ts'

const TaxCategory = z.enum(['digital_products', 'saas', 'e_book', 'edtech', 'live_tutoring'])

const priceBasics = {
  currency: z.string().regex(/^[A-Z]{3}$/),
  price: Amount,
  discount: z.int().min(0).max(100).optional(),
  discount_bps: z.int().min(0).max(10_000).nullish(),
  purchasing_power_parity: flag,
  tax_inclusive: z.boolean().nullish(),
}

const Price = z.discriminatedUnion('type', [
  z.strictObject({
    ...priceBasics,
    type: z.literal('one_time_price'),
    pay_what_you_want: flag,
    suggested_price: Amount.nullish(),
  }),
  z.strictObject({
    ...priceBasics,
    type: z.literal('recurring_price'),
    payment_frequency_count: z.int().min(1),
    payment_frequency_interval: Interval,
    subscription_period_count: z.int().min(1),
    subscription_period_interval: Interval,
    trial_period_days: z.int().min(0).max(10_000).optional(),
  }),
])

const productFields = {
  name: z.string().min(1).max(100),
  tax_category: TaxCategory,
  price: Price,
  description: z.string().max(1000).nullish(),
  brand_id: z.string().nullish(),
  metadata: Metadata.optional(),
  pricing_mode: z.null().optional(),
}

export const ProductCreate = z.strictObject(productFields)
export const ProductUpdate = z.strictObject(productFields).partial()

const webhookFields = {
  url: Url,
  description: z.string().nullish(),
  disabled: z.boolean().nullish(),
  filter_types: z.array(z.string()).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  rate_limit: z.int().min(1).nullish(),
}
export const WebhookCreate = z.strictObject({
  ...webhookFields,
  headers: z.record(z.string(), z.string()).nullish(),
  idempotency_key: z.string().nullish(),
})
export const WebhookUpdate = z.strictObject(webhookFields).partial()
