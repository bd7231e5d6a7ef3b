import { z } from 'zod'

/** What we read of Dodo's objects; the rest passes by. Amounts are Dodo's minor units. */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null)
const Metadata = z
  .record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String))
  .nullish()
  .transform((value) => value ?? {})
const amount = z.number().int()

export const DodoRefund = z.object({
  refund_id: z.string(),
  payment_id: z.string(),
  status: z.string(),
  amount: amount.nullish().transform((value) => value ?? null),
  currency: text,
  reason: text,
  created_at: z.coerce.date(),
})
export type DodoRefund = z.infer<typeof DodoRefund>

/** A refund read by its id, which alone shows what we wrote on it. */
export const DodoRefundInFull = DodoRefund.extend({ metadata: Metadata })
export type DodoRefundInFull = z.infer<typeof DodoRefundInFull>

export const DodoDispute = z.object({
  dispute_id: z.string(),
  payment_id: z.string(),
  /** A string by the SDK's types, a number in Dodo's own mocks: never computed with. */
  amount: z.union([z.string(), z.number()]).transform(String),
  currency: z.string(),
  dispute_status: z.string(),
  dispute_stage: z.string(),
  is_resolved_by_rdr: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  created_at: z.coerce.date().nullish(),
})
export type DodoDispute = z.infer<typeof DodoDispute>

/** A row of `GET /payments`. */
export const DodoPaymentRow = z.object({
  payment_id: z.string(),
  status: z
    .string()
    .nullish()
    .transform((value) => value ?? 'unknown'),
  currency: z.string().length(3),
  total_amount: amount,
  metadata: Metadata,
  subscription_id: text,
  refund_status: text,
  dispute_status: text,
  created_at: z.coerce.date(),
})
export type DodoPaymentRow = z.infer<typeof DodoPaymentRow>

/** The full payment, from `GET /payments/{id}` and in webhooks. */
export const DodoPayment = z.object({
  payment_id: z.string(),
  /** Null for a moment after creation: not settled yet, like every word we do not know. */
  status: z
    .string()
    .nullish()
    .transform((value) => value ?? 'unknown'),
  currency: z.string().length(3),
  total_amount: amount,
  tax: amount.nullish().transform((value) => value ?? null),
  /** What lands in the merchant's balance: of a payment in the customer's own currency, another amount. */
  settlement_amount: amount.nullish().transform((value) => value ?? null),
  settlement_currency: text,
  metadata: Metadata,
  checkout_session_id: text,
  subscription_id: text,
  /** True for a set-up charge that only changes a card: it pays no invoice. */
  is_update_payment_method: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  error_code: text,
  card_network: text,
  card_last_four: text,
  /** Null for a payment of a subscription. */
  product_cart: z
    .array(z.object({ product_id: z.string() }))
    .nullish()
    .transform((value) => value ?? []),
  refunds: z
    .array(DodoRefund)
    .nullish()
    .transform((value) => value ?? []),
  updated_at: z.coerce.date().nullish(),
  disputes: z
    .array(DodoDispute)
    .nullish()
    .transform((value) => value ?? []),
  created_at: z.coerce.date(),
})
export type DodoPayment = z.infer<typeof DodoPayment>

export const DodoSession = z.object({ payment_id: text, payment_status: text })
export type DodoSession = z.infer<typeof DodoSession>

export const DodoCustomer = z.object({
  customer_id: z.string(),
  email: z.string(),
  metadata: Metadata,
})
export type DodoCustomer = z.infer<typeof DodoCustomer>

export const DodoProductRow = z.object({
  product_id: z.string(),
  is_recurring: z.boolean(),
  currency: text,
  tax_inclusive: z
    .boolean()
    .nullish()
    .transform((value) => value ?? null),
  metadata: Metadata,
})
export type DodoProductRow = z.infer<typeof DodoProductRow>

export const DodoPreview = z.object({
  currency: z.string(),
  current_breakup: z.object({
    total_amount: amount,
    discount: amount.nullish(),
    tax: amount.nullish(),
  }),
})
export type DodoPreview = z.infer<typeof DodoPreview>

export const DodoCheckout = z.object({
  session_id: z.string(),
  checkout_url: z.url({ protocol: /^https?$/ }),
})
export type DodoCheckout = z.infer<typeof DodoCheckout>

/** An on-demand subscription: a customer's mandate. */
export const DodoSubscription = z.object({
  subscription_id: z.string(),
  status: z.string(),
  on_demand: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  product_id: z.string(),
  currency: z.string().length(3),
  customer: z.object({ customer_id: z.string() }),
  payment_method_id: text,
  metadata: Metadata,
  cancel_at_next_billing_date: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  created_at: z.coerce.date(),
})
export type DodoSubscription = z.infer<typeof DodoSubscription>

/** What of a payment a partial refund may name. */
export const DodoLineItems = z.object({
  items: z.array(z.object({ items_id: z.string(), refundable_amount: amount })),
})
export type DodoLineItems = z.infer<typeof DodoLineItems>

/** What may be shown of saved cards. */
export const DodoPaymentMethods = z.object({
  items: z.array(
    z.object({
      payment_method_id: z.string(),
      card: z
        .object({
          card_network: text,
          last4_digits: text,
          expiry_month: text,
          expiry_year: text,
        })
        .nullish(),
    }),
  ),
})

/** A movement of the account's balance at Dodo; which kinds there are grows. */
export const DodoBalanceEntry = z.object({
  id: z.string(),
  event_type: z.string(),
  amount,
  currency: z.string(),
  is_credit: z.boolean(),
  reference_object_id: text,
  payout_id: text,
  created_at: z.coerce.date(),
})
export type DodoBalanceEntry = z.infer<typeof DodoBalanceEntry>
