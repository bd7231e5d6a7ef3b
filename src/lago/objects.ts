import { z } from 'zod'

/** What we read of Lago's objects; the rest passes by. Amounts are Lago's minor units. */
const cents = z.number().int()
const textOrNull = z
  .string()
  .nullish()
  .transform((text) => text?.trim() || null)

/** Decimals arrive as strings; OpenAPI types them as numbers, so both are read. */
const decimal = z.coerce.number()

const LagoMetadata = z.object({ lago_id: z.string(), key: z.string(), value: z.string() })

const LagoFee = z.object({
  lago_id: z.string(),
  amount_cents: cents,
  taxes_rate: decimal.nullish().transform((rate) => rate ?? 0),
  precise_coupons_amount_cents: decimal.nullish().transform((amount) => amount ?? 0),
})

export const LagoCustomer = z.object({
  external_id: z.string(),
  name: textOrNull,
  legal_name: textOrNull,
  firstname: textOrNull,
  lastname: textOrNull,
  /** May hold several comma-separated addresses (lago-api `app/validators/email_validator.rb`). */
  email: textOrNull,
  country: textOrNull,
  zipcode: textOrNull,
  currency: textOrNull,
  billing_entity_code: textOrNull,
  metadata: z
    .array(LagoMetadata.extend({ display_in_invoice: z.boolean().nullish() }))
    .nullish()
    .transform((entries) => entries ?? []),
  /** Their own, else their billing entity's (lago-api `ser/customer_serializer.rb`). */
  applicable_timezone: textOrNull,
  billing_configuration: z
    .object({ payment_provider: textOrNull, document_locale: textOrNull })
    .nullish(),
})
export type LagoCustomer = z.infer<typeof LagoCustomer>

/** An invoice as it is shown: in full from GET and PUT, without fees from a list. */
export const ShownInvoice = z.object({
  lago_id: z.string(),
  number: z.string(),
  invoice_type: z.string(),
  status: z.string(),
  payment_status: z.string(),
  currency: z.string().length(3),
  total_amount_cents: cents,
  /** Since 1.41 and 1.22; what an older Lago does not say is derived. */
  total_paid_amount_cents: cents.nullish(),
  total_due_amount_cents: cents.nullish(),
  self_billed: z
    .boolean()
    .nullish()
    .transform((value) => value ?? false),
  issuing_date: textOrNull,
  payment_due_date: textOrNull,
  billing_entity_code: textOrNull,
  payment_dispute_lost_at: textOrNull,
  updated_at: z.string().nullish(),
  /** Its page in Lago's own front end, since 1.51. */
  web_url: textOrNull,
  customer: LagoCustomer,
  metadata: z.array(LagoMetadata).default([]),
  fees: z.array(LagoFee).default([]),
})
export type ShownInvoice = z.infer<typeof ShownInvoice>

/** The same with its amounts, whichever release it comes from. */
export type LagoInvoice = ShownInvoice & {
  total_paid_amount_cents: number
  total_due_amount_cents: number
}

export const LagoPayment = z.object({
  lago_id: z.string(),
  amount_cents: cents,
  payment_status: z.string().nullish(),
  reference: z.string().nullish(),
  /** What was given as the day of payment (`paid_at`), if anything was. */
  created_at: z.coerce.date().nullish(),
})
export type LagoPayment = z.infer<typeof LagoPayment>

/** A payment in the list of all invoices' payments. */
export const LagoPaymentRow = LagoPayment.extend({
  amount_currency: z.string().length(3),
  invoice_ids: z.array(z.string()).default([]),
  created_at: z.coerce.date(),
})
export type LagoPaymentRow = z.infer<typeof LagoPaymentRow>

export const LagoCreditNote = z.object({
  lago_id: z.string(),
  lago_invoice_id: z.string(),
  number: z.string().nullish(),
  description: z.string().nullish(),
  refund_status: z.string().nullish(),
  refund_amount_cents: cents,
  total_amount_cents: cents,
  items: z
    .array(
      z.object({
        amount_cents: cents,
        precise_amount_cents: decimal.nullish(),
        fee: z.object({ lago_id: z.string() }),
      }),
    )
    .nullish()
    .transform((items) => items ?? []),
  metadata: z.record(z.string(), z.string().nullable()).nullish(),
})
export type LagoCreditNote = z.infer<typeof LagoCreditNote>

/** A credit note in the list of all invoices' notes. */
export const LagoCreditNoteRow = LagoCreditNote.extend({
  currency: z.string().length(3),
  created_at: z.coerce.date(),
})
export type LagoCreditNoteRow = z.infer<typeof LagoCreditNoteRow>

export const LagoEstimate = z.object({
  max_creditable_amount_cents: cents,
  max_refundable_amount_cents: cents,
  precise_taxes_amount_cents: decimal,
  precise_coupons_adjustment_amount_cents: decimal,
})
export type LagoEstimate = z.infer<typeof LagoEstimate>

/** Several overdue invoices that the customer is asked to pay together. */
export const LagoPaymentRequest = z.object({
  lago_id: z.string(),
  amount_currency: z.string().length(3),
  created_at: z.coerce.date(),
  customer: z.object({ external_id: z.string() }),
  invoices: z.array(
    z.object({ lago_id: z.string(), number: textOrNull, issuing_date: textOrNull }),
  ),
})
export type LagoPaymentRequest = z.infer<typeof LagoPaymentRequest>

/** A billing entity or an organisation, as those whom it bills know it. */
export const LagoBrand = z
  .object({
    name: textOrNull,
    email: textOrNull,
    logo_url: textOrNull,
    document_locale: textOrNull,
    email_settings: z.array(z.string()).nullish(),
    billing_configuration: z.object({ document_locale: textOrNull }).nullish(),
  })
  .transform(({ logo_url, document_locale, email_settings, billing_configuration, ...shown }) => ({
    ...shown,
    logoUrl: logo_url,
    language: document_locale ?? billing_configuration?.document_locale ?? null,
    /** What Lago itself mails to customers: `invoice.finalized` and its kin. */
    emailSettings: email_settings ?? [],
  }))
export type LagoBrand = z.infer<typeof LagoBrand>

/** A movement of a wallet. `amount` is a decimal in major units. */
export const LagoWalletTransaction = z
  .looseObject({ lago_id: z.string() })
  // Before 1.35 the field is absent for ever, which is not the same as not known yet.
  .transform((shown) => ({ ...shown, namesInvoice: 'lago_invoice_id' in shown }))
  .pipe(
    z.object({
      lago_id: z.string(),
      lago_wallet_id: z.string(),
      namesInvoice: z.boolean(),
      lago_invoice_id: textOrNull,
      status: z.string(),
      /** Since 1.2.1; before it there were no hidden top-ups, about which alone it is asked. */
      transaction_status: z.string().default('purchased'),
      transaction_type: z.string(),
      amount: z.union([z.string(), z.number()]).transform(String),
      invoice_requires_successful_payment: z
        .boolean()
        .nullish()
        .transform((value) => value ?? false),
    }),
  )
export type LagoWalletTransaction = z.infer<typeof LagoWalletTransaction>

export const LagoWallet = z.object({
  lago_id: z.string(),
  external_customer_id: z.string(),
  currency: z.string().length(3),
})
export type LagoWallet = z.infer<typeof LagoWallet>
