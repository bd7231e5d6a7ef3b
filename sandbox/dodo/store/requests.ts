import type { CheckoutSessionCreateParams } from 'dodopayments/resources/checkout-sessions'
import { z } from 'zod'
import { Amount, BillingAddress, flag, MAX_AMOUNT_MINOR, Metadata, Url } from './fields.ts'

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
          addons: z.array(z.unknown()).nullish(),
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
