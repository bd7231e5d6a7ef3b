import type { CheckoutSessionCreateParams } from 'dodopayments/resources/checkout-sessions'
import type { HonoRequest } from 'hono'
import { z } from 'zod'
import { DodoRefusal } from './dodo-refusal.ts'

const MAX_METADATA_PAIRS = 50
const MAX_AMOUNT_MINOR = 2_147_483_647

// Numbers and booleans are in the SDK's type, but older parts of the API refuse them.
const Metadata = z.record(z.string().regex(/^[A-Za-z0-9_-]{1,40}$/), z.string().max(500))
const WithMetadata = z.object({ metadata: z.record(z.string(), z.unknown()) })
const Amount = z.int().min(0).max(MAX_AMOUNT_MINOR)
const Url = z.url({ protocol: /^https?$/ })
const Interval = z.enum(['Day', 'Week', 'Month', 'Year'])
const TaxCategory = z.enum(['digital_products', 'saas', 'e_book', 'edtech', 'live_tutoring'])
const flag = z.boolean().optional()

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

export const CustomerCreate = z.strictObject({
  email: z.email(),
  name: z.string().min(1),
  metadata: Metadata.optional(),
  phone_number: z.string().nullish(),
})
export const CustomerUpdate = z.strictObject({
  email: z.email().nullish(),
  name: z.string().min(1).nullish(),
  metadata: Metadata.nullish(),
  phone_number: z.string().nullish(),
})

const BillingAddress = z.strictObject({
  country: z.string().regex(/^[A-Z]{2}$/),
  city: z.string().nullish(),
  state: z.string().nullish(),
  street: z.string().nullish(),
  zipcode: z.string().nullish(),
})

const FeatureFlags = z
  .strictObject({
    allow_currency_selection: flag,
    allow_customer_editing_business_name: flag,
    allow_customer_editing_city: flag,
    allow_customer_editing_country: flag,
    allow_customer_editing_email: flag,
    allow_customer_editing_name: flag,
    allow_customer_editing_state: flag,
    allow_customer_editing_street: flag,
    allow_customer_editing_tax_id: flag,
    allow_customer_editing_zipcode: flag,
    allow_discount_code: flag,
    allow_editing_addons: flag,
    allow_phone_number_collection: flag,
    allow_tax_id: flag,
    always_create_new_customer: flag,
    redirect_immediately: flag,
    require_cardholder_name: flag,
    require_phone_number: flag,
    require_tax_id: flag,
    single_page: flag,
  })
  .refine((flags) => !flags.require_phone_number || flags.allow_phone_number_collection !== false, {
    error: 'require_phone_number needs allow_phone_number_collection',
  })
  .refine((flags) => !flags.require_tax_id || flags.allow_tax_id !== false, {
    error: 'require_tax_id needs allow_tax_id',
  })

const OnDemand = z.strictObject({
  mandate_only: z.boolean(),
  adaptive_currency_fees_inclusive: z.boolean().nullish(),
  product_currency: z.string().nullish(),
  product_description: z.string().nullish(),
  product_price: Amount.nullish(),
})

export const CheckoutCreate = z
  .strictObject({
    product_cart: z
      .array(
        z.strictObject({
          product_id: z.string(),
          quantity: z.int().min(1),
          amount: Amount.nullish(),
        }),
      )
      .max(20),
    allowed_payment_method_types: z.array(z.string()).nullish(),
    billing_address: BillingAddress.nullish(),
    billing_currency: z.string().nullish(),
    cancel_url: Url.nullish(),
    confirm: flag,
    customer: z
      .union([
        z.strictObject({ customer_id: z.string() }),
        z.strictObject({
          email: z.email(),
          name: z.string().nullish(),
          phone_number: z.string().nullish(),
        }),
      ])
      .nullish(),
    customer_business_name: z.string().max(250).nullish(),
    customization: z
      .strictObject({
        force_language: z.string().nullish(),
        show_on_demand_tag: flag,
        show_order_details: flag,
        theme: z.enum(['dark', 'light', 'system']).nullish(),
      })
      .optional(),
    discount_codes: z.array(z.string()).max(20).nullish(),
    feature_flags: FeatureFlags.optional(),
    force_3ds: z.boolean().nullish(),
    mandate_min_amount_inr_paise: z.int().min(1).nullish(),
    metadata: Metadata.nullish(),
    minimal_address: flag,
    payment_method_id: z.string().nullish(),
    return_url: Url.nullish(),
    short_link: flag,
    show_saved_payment_methods: flag,
    subscription_data: z
      .strictObject({
        on_demand: OnDemand.nullish(),
        trial_period_days: z.int().min(0).max(10_000).nullish(),
      })
      .nullish(),
    tax_id: z.string().nullish(),
  } satisfies Partial<Record<keyof CheckoutSessionCreateParams, z.ZodType>>)
  .refine((body) => !body.customer_business_name || body.tax_id, {
    error: 'customer_business_name requires tax_id',
  })
  .refine((body) => !body.tax_id || body.billing_address, {
    error: 'tax_id requires billing_address.country',
  })
export type CheckoutCreate = z.infer<typeof CheckoutCreate>

export const RefundCreate = z.strictObject({
  payment_id: z.string(),
  items: z
    .array(
      z.strictObject({
        item_id: z.string(),
        amount: z.int().max(MAX_AMOUNT_MINOR).nullish(),
        tax_inclusive: flag,
      }),
    )
    .min(1)
    .nullish(),
  metadata: Metadata.optional(),
  reason: z.string().max(3000).nullish(),
})
export type RefundCreate = z.infer<typeof RefundCreate>

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
})
export type SubscriptionCharge = z.infer<typeof SubscriptionCharge>

export const SubscriptionUpdate = z.strictObject({
  status: z.enum(['cancelled', 'active', 'paused']).nullish(),
  cancel_at_next_billing_date: z.boolean().nullish(),
  cancel_reason: z.string().nullish(),
  metadata: Metadata.nullish(),
})

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

/** Reads a request body as strictly as Dodo does, or refuses it with Dodo's code. */
export async function readBody<T>(request: HonoRequest, schema: z.ZodType<T>): Promise<T> {
  const text = await request.text()
  const json = parseJson(text)
  const { data } = WithMetadata.safeParse(json)
  if (data && Object.keys(data.metadata).length > MAX_METADATA_PAIRS)
    throw new DodoRefusal(422, 'MAXIMUM_KEYS_REACHED', `metadata holds at most 50 keys`)

  const result = schema.safeParse(json)
  if (result.success) return result.data
  throw new DodoRefusal(422, 'INVALID_REQUEST_BODY', z.prettifyError(result.error))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new DodoRefusal(400, 'INVALID_REQUEST_BODY', `not JSON: ${String(cause)}`)
  }
}
