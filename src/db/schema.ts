import { sql } from 'drizzle-orm'
import {
  bigint,
  bigserial,
  boolean,
  char,
  customType,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' })
const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })
const minorUnits = (name: string) => bigint(name, { mode: 'number' })

/** What was said to us: every verified delivery, raw, once and for ever. Its key is the dedupe. */
export const deliveries = pgTable(
  'deliveries',
  {
    source: text('source', { enum: ['lago', 'dodo'] }).notNull(),
    deliveryId: text('delivery_id').notNull(),
    eventType: text('event_type').notNull(),
    /** The invoice it names; a Dodo delivery may name only a payment, others neither. */
    lagoInvoiceId: text('lago_invoice_id'),
    dodoPaymentId: text('dodo_payment_id'),
    headers: jsonb('headers').$type<Record<string, string>>().notNull(),
    body: bytes('body').notNull(),
    receivedAt: at('received_at').notNull(),
    processedAt: at('processed_at'),
    outcome: text('outcome'),
  },
  (table) => [
    primaryKey({ name: 'deliveries_pk', columns: [table.source, table.deliveryId] }),
    index('deliveries_unprocessed')
      .on(table.receivedAt)
      .where(sql`processed_at is null`),
    index('deliveries_by_invoice')
      .on(table.lagoInvoiceId)
      .where(sql`processed_at is null`),
    index('deliveries_by_payment')
      .on(table.dodoPaymentId)
      .where(sql`processed_at is null`),
  ],
)

/** An invoice of Lago as we last saw it, and where it stands between the two ledgers. */
export const invoices = pgTable(
  'invoices',
  {
    lagoInvoiceId: text('lago_invoice_id').primaryKey(),
    number: text('number'),
    /** Lago's external customer id. */
    lagoCustomerId: text('lago_customer_id'),
    customerName: text('customer_name'),
    currency: char('currency', { length: 3 }),
    /** Lago's minor units. */
    amountDue: minorUnits('amount_due').notNull().default(0),
    lagoStatus: text('lago_status'),
    lagoPaymentStatus: text('lago_payment_status'),
    lagoUpdatedAt: text('lago_updated_at'),
    state: text('state', {
      enum: ['open', 'processing', 'paid', 'failed', 'void', 'skipped', 'attention'],
    })
      .notNull()
      .default('open'),
    reason: text('reason').notNull().default('not settled yet'),
    /** Whether its checkout may be handed out: not while other money for it is here or on its way. */
    isPayable: boolean('is_payable').notNull().default(false),
    /** 128 random bits: whoever has the link may pay the invoice, and nothing else. */
    payToken: text('pay_token').notNull(),
    /** Somebody asked for a payable checkout: the customer at the pay link or the merchant's Retry. */
    requestedAt: at('requested_at'),
    requestedBy: text('requested_by', { enum: ['customer', 'merchant'] }),
    /** Why Lago does not take our metadata, once it said so: it is not asked again. */
    metadataRefusal: text('metadata_refusal'),
    nextWakeAt: at('next_wake_at'),
    settledAt: at('settled_at'),
    createdAt: at('created_at').notNull(),
  },
  (table) => [
    unique('invoices_pay_token_unique').on(table.payToken),
    index('invoices_next_wake')
      .on(table.nextWakeAt)
      .where(sql`next_wake_at is not null`),
    index('invoices_by_state').on(table.state),
    index('invoices_by_number').on(table.number),
    index('invoices_by_customer').on(table.lagoCustomerId),
  ],
)

/** One checkout session (or mandate charge) that may pay an invoice. */
export const attempts = pgTable(
  'attempts',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    lagoInvoiceId: text('lago_invoice_id').notNull(),
    number: integer('number').notNull(),
    kind: text('kind', { enum: ['checkout', 'charge'] }).notNull(),
    cause: text('cause', { enum: ['invoice', 'retry', 'customer', 'merchant'] }).notNull(),
    /** How many waits of the retry schedule have been used up when this attempt began. */
    retryIndex: integer('retry_index').notNull(),
    status: text('status', {
      enum: ['intended', 'live', 'unknown', 'paid', 'declined', 'expired', 'superseded'],
    }).notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    /** Lago's minor units: exactly what was due. */
    amount: minorUnits('amount').notNull(),
    dodoSessionId: text('dodo_session_id'),
    dodoSubscriptionId: text('dodo_subscription_id'),
    checkoutUrl: text('checkout_url'),
    declineCode: text('decline_code'),
    startedAt: at('started_at').notNull(),
    expiresAt: at('expires_at'),
    lookedAt: at('looked_at'),
    endedAt: at('ended_at'),
  },
  (table) => [
    unique('attempts_number_unique').on(table.lagoInvoiceId, table.number),
    unique('attempts_session_unique').on(table.dodoSessionId),
    /** I2: at most one attempt that may still be paid, whatever the code does. */
    uniqueIndex('attempts_one_live')
      .on(table.lagoInvoiceId)
      .where(sql`status in ('intended', 'live', 'unknown')`),
    index('attempts_unfinished')
      .on(table.lookedAt)
      .where(sql`status in ('intended', 'live', 'unknown')`),
  ],
)

/** A payment of Dodo as last observed. Amounts are Dodo's minor units. */
export const payments = pgTable(
  'payments',
  {
    dodoPaymentId: text('dodo_payment_id').primaryKey(),
    /** The invoice that its session, or else its metadata, names. */
    lagoInvoiceId: text('lago_invoice_id'),
    /** The attempt of ours that it was made through; null when there is none. */
    attemptId: uuid('attempt_id'),
    dodoSessionId: text('dodo_session_id'),
    dodoSubscriptionId: text('dodo_subscription_id'),
    status: text('status').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    amount: minorUnits('amount').notNull(),
    tax: minorUnits('tax'),
    errorCode: text('error_code'),
    isSetup: boolean('is_setup').notNull().default(false),
    madeAt: at('made_at').notNull(),
    /** When Dodo last changed it, as Dodo says. */
    changedAt: at('changed_at').notNull(),
    observedAt: at('observed_at').notNull(),
  },
  (table) => [
    index('payments_by_invoice').on(table.lagoInvoiceId),
    index('payments_by_session').on(table.dodoSessionId),
  ],
)

/** What a succeeded payment means for an invoice, and what we did about it in Lago. */
export const recordings = pgTable(
  'recordings',
  {
    dodoPaymentId: text('dodo_payment_id').notNull(),
    lagoInvoiceId: text('lago_invoice_id').notNull(),
    disposition: text('disposition', {
      enum: ['applied', 'duplicate', 'mismatch', 'late'],
    }).notNull(),
    status: text('status', { enum: ['intended', 'unknown', 'recorded', 'held'] }).notNull(),
    /** Lago's minor units. */
    amount: minorUnits('amount').notNull(),
    /** `payment`: POST /payments of a premium Lago. `status`: PUT payment_status of a free one. */
    through: text('through', { enum: ['payment', 'status'] }),
    lagoPaymentId: text('lago_payment_id'),
    reason: text('reason'),
    /** Before this the call must not be made again: the last one may still take effect. */
    repeatableAt: at('repeatable_at').notNull(),
    recordedAt: at('recorded_at'),
  },
  (table) => [
    primaryKey({ name: 'recordings_pk', columns: [table.dodoPaymentId, table.lagoInvoiceId] }),
    index('recordings_by_invoice').on(table.lagoInvoiceId),
  ],
)

/** A refund of Dodo as last observed. Amounts are Dodo's minor units; null until Dodo says. */
export const refunds = pgTable(
  'refunds',
  {
    dodoRefundId: text('dodo_refund_id').primaryKey(),
    dodoPaymentId: text('dodo_payment_id').notNull(),
    status: text('status').notNull(),
    currency: char('currency', { length: 3 }),
    amount: minorUnits('amount'),
    refundReason: text('refund_reason'),
    madeAt: at('made_at').notNull(),
    observedAt: at('observed_at').notNull(),
  },
  (table) => [index('refunds_by_payment').on(table.dodoPaymentId)],
)

/** The Lago credit note that a Dodo refund became, or why it did not. */
export const credits = pgTable(
  'credits',
  {
    dodoRefundId: text('dodo_refund_id').notNull(),
    lagoInvoiceId: text('lago_invoice_id').notNull(),
    status: text('status', { enum: ['intended', 'unknown', 'credited', 'impossible'] }).notNull(),
    /** Lago's minor units. */
    amount: minorUnits('amount').notNull(),
    lagoCreditNoteId: text('lago_credit_note_id'),
    reason: text('reason'),
    /** Before this the call must not be made again: the last one may still take effect. */
    repeatableAt: at('repeatable_at').notNull(),
    creditedAt: at('credited_at'),
  },
  (table) => [
    primaryKey({ name: 'credits_pk', columns: [table.dodoRefundId, table.lagoInvoiceId] }),
    index('credits_by_invoice').on(table.lagoInvoiceId),
  ],
)

/** A dispute of Dodo as last observed. Its amount is a text because Dodo's is. */
export const disputes = pgTable(
  'disputes',
  {
    dodoDisputeId: text('dodo_dispute_id').primaryKey(),
    dodoPaymentId: text('dodo_payment_id').notNull(),
    status: text('status').notNull(),
    stage: text('stage').notNull(),
    amount: text('amount').notNull(),
    currency: text('currency').notNull(),
    observedAt: at('observed_at').notNull(),
  },
  (table) => [index('disputes_by_payment').on(table.dodoPaymentId)],
)

/** Who a Lago customer is at Dodo. One row each, so that two never share one. */
export const customers = pgTable(
  'customers',
  {
    /** Lago's external customer id. */
    lagoCustomerId: text('lago_customer_id').primaryKey(),
    dodoCustomerId: text('dodo_customer_id').notNull(),
    createdAt: at('created_at').notNull(),
  },
  (table) => [unique('customers_dodo_unique').on(table.dodoCustomerId)],
)

/** The Dodo product that carries an amount in one currency. */
export const products = pgTable(
  'products',
  {
    kind: text('kind', { enum: ['invoice'] }).notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    dodoProductId: text('dodo_product_id').notNull(),
    createdAt: at('created_at').notNull(),
  },
  (table) => [primaryKey({ name: 'products_pk', columns: [table.kind, table.currency] })],
)

/** Append-only: one readable line per decision and call. `explain` and the API only read it. */
export const timeline = pgTable(
  'timeline',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    lagoInvoiceId: text('lago_invoice_id').notNull(),
    at: at('at').notNull(),
    what: text('what').notNull(),
  },
  (table) => [index('timeline_by_invoice').on(table.lagoInvoiceId, table.id)],
)

/** What we found out about the two installations and want to know after a restart. */
export const findings = pgTable('findings', {
  name: text('name').primaryKey(),
  value: jsonb('value').notNull(),
  foundAt: at('found_at').notNull(),
})
