import { sql } from 'drizzle-orm'
import {
  bigint,
  bigserial,
  boolean,
  char,
  customType,
  date,
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

import { SOURCES } from '../webhook-sources.ts'
import { DELIVERY_KINDS } from '../jobs.ts'
import { MAIL_KINDS } from '../mail-kinds.ts'

const bytes = customType<{ data: Buffer }>({ dataType: () => 'bytea' })
const at = (name: string) => timestamp(name, { withTimezone: true, precision: 3 })
const minorUnits = (name: string) => bigint(name, { mode: 'number' })
/** A Dodo account, by its id: the deployment's own is `default`. */
const account = () => text('account').notNull().default('default')

/** What was said to us: every verified delivery, raw, once and for ever. Its key is the dedupe. */
export const deliveries = pgTable(
  'deliveries',
  {
    source: text('source', { enum: SOURCES }).notNull(),
    deliveryId: text('delivery_id').notNull(),
    eventType: text('event_type').notNull(),
    /** What it makes us look at, and which one; neither when it is about nothing of ours. */
    wakes: text('wakes', {
      enum: DELIVERY_KINDS,
    }),
    wakesKey: text('wakes_key'),
    /** The payment that it names, whatever it wakes. */
    dodoPaymentId: text('dodo_payment_id'),
    headers: jsonb('headers').$type<Record<string, string>>().notNull(),
    /** Which key its signature held with, in words; null of what came before that was kept. */
    verifiedWith: text('verified_with'),
    body: bytes('body').notNull(),
    receivedAt: at('received_at').notNull(),
    /** How often it was received again. */
    repeats: integer('repeats').notNull().default(0),
    /** When it was last put through again, to be read once more. */
    replayedAt: at('replayed_at'),
    processedAt: at('processed_at'),
    outcome: text('outcome'),
  },
  (table) => [
    primaryKey({ name: 'deliveries_pk', columns: [table.source, table.deliveryId] }),
    /** What may be emptied, the longest processed first. */
    index('deliveries_full')
      .on(table.processedAt)
      .where(sql`processed_at is not null and octet_length(body) > 0`),
    index('deliveries_by_key')
      .on(table.wakesKey)
      .where(sql`processed_at is null`),
    /** For who looks at them: the newest, and all about one thing. */
    index('deliveries_by_age').on(table.receivedAt, table.deliveryId),
    index('deliveries_about').on(table.wakesKey, table.receivedAt),
    /** The newest of a source, for lists and for when one last came. */
    index('deliveries_by_time').on(table.source, table.receivedAt, table.deliveryId),
  ],
)

/**
 * What is owed for stored deliveries: a job for each, which is sent in the transaction that deletes the row. Rows live
 * for milliseconds and are found by their place, so nothing is indexed.
 */
export const unrouted = pgTable('unrouted', {
  source: text('source', { enum: SOURCES }).notNull(),
  deliveryId: text('delivery_id').notNull(),
  wakes: text('wakes', { enum: DELIVERY_KINDS }).notNull(),
  wakesKey: text('wakes_key').notNull(),
})

/**
 * An amount that somebody owes, as its biller last showed it, and where it stands between the two ledgers: an
 * invoice, or a payment request, which asks for several invoices together (its `members`).
 */
export const receivables = pgTable(
  'receivables',
  {
    /** The biller's own id of it. */
    receivableId: text('receivable_id').primaryKey(),
    kind: text('kind', { enum: ['invoice', 'payment_request', 'selection', 'order'] })
      .notNull()
      .default('invoice'),
    number: text('number'),
    payerKey: text('payer_key'),
    payerName: text('payer_name'),
    currency: char('currency', { length: 3 }),
    /** Lago's minor units. */
    amountDue: minorUnits('amount_due').notNull().default(0),
    /** The last day to pay it, as Lago says. */
    dueOn: date('due_on', { mode: 'string' }),
    /** In whose name it is sent: a billing entity of Lago's. */
    billingEntity: text('billing_entity'),
    lagoStatus: text('lago_status'),
    lagoPaymentStatus: text('lago_payment_status'),
    lagoUpdatedAt: text('lago_updated_at'),
    state: text('state', {
      enum: ['open', 'processing', 'paid', 'failed', 'void', 'skipped', 'attention'],
    })
      .notNull()
      .default('open'),
    reason: text('reason').notNull().default('not settled yet'),
    /** What the reason is, in a word that stays the same (docs/operations.md); null where nobody has to act. */
    reasonCode: text('reason_code'),
    /** The reason that somebody has looked at, who, when, and what they noted: until the reason is another one. */
    seenReason: text('seen_reason'),
    seenBy: text('seen_by'),
    seenAt: at('seen_at'),
    seenNote: text('seen_note'),
    /** Whether its checkout may be handed out: not while other money for it is here or on its way. */
    isPayable: boolean('is_payable').notNull().default(false),
    /** 128 random bits: whoever has the link may pay the invoice, and nothing else. */
    payToken: text('pay_token').notNull(),
    /** Somebody asked for a payable checkout: the customer at the pay link or the merchant's Retry. */
    requestedAt: at('requested_at'),
    requestedBy: text('requested_by', { enum: ['customer', 'merchant'] }),
    /** The last wish that a payment request has looked at, also when it came through the link of a member. */
    answeredAt: at('answered_at'),
    /** When the merchant last pressed Retry so that it counted. */
    retriedAt: at('retried_at'),
    /** The delivery in which Lago first told of it: an old Lago says the same again for Retry. */
    createdBy: text('created_by'),
    /** Why Lago does not take our metadata, once it said so: it is not asked again. */
    metadataRefusal: text('metadata_refusal'),
    /** Lago's invoice as deciding saw it when it last came to rest, without personal data. */
    snapshot: jsonb('snapshot'),
    nextWakeAt: at('next_wake_at'),
    /** When a sweep last saw it among Lago's unpaid invoices. */
    listedAt: at('listed_at'),
    /** Why the last look did not come to its end, when that was, and when the next begins; null at rest. */
    lastError: text('last_error'),
    lastErrorAt: at('last_error_at'),
    nextRunAt: at('next_run_at'),
    settledAt: at('settled_at'),
    /** How much of it Lago counted from elsewhere than through us, and since when, by our clock. */
    paidElsewhere: minorUnits('paid_elsewhere').notNull().default(0),
    paidElsewhereAt: at('paid_elsewhere_at'),
    /** When its credit notes were last looked through for what a person mended. */
    notesLookedAt: at('notes_looked_at'),
    createdAt: at('created_at').notNull(),
  },
  (table) => [
    unique('receivables_pay_token_unique').on(table.payToken),
    index('receivables_next_wake')
      .on(table.nextWakeAt)
      .where(sql`next_wake_at is not null`),
    index('receivables_by_state').on(table.state),
    /** Also by how it, or a name, begins. */
    index('receivables_by_number').on(table.number.op('text_pattern_ops')),
    index('receivables_by_name').on(sql`lower(${table.payerName}) text_pattern_ops`),
    index('receivables_by_payer').on(table.payerKey),
    index('receivables_by_age').on(table.createdAt, table.receivableId),
  ],
)

/** One checkout session or mandate charge that may pay a receivable. `mandate` is a checkout that also saves a mandate. */
export const attempts = pgTable(
  'attempts',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    /** Whose attempt it is; for whom its money is, its parts say. */
    receivableId: text('receivable_id').notNull(),
    /** The Dodo account that was asked: nothing of another one can be its payment. */
    account: account(),
    number: integer('number').notNull(),
    kind: text('kind', { enum: ['checkout', 'mandate', 'charge'] }).notNull(),
    cause: text('cause', {
      enum: ['invoice', 'retry', 'customer', 'merchant', 'mandate'],
    }).notNull(),
    /** How many waits of the retry schedule have been used up when this attempt began. */
    retryIndex: integer('retry_index').notNull(),
    status: text('status', {
      enum: ['intended', 'live', 'unknown', 'paid', 'declined', 'expired', 'superseded'],
    }).notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    /** Lago's minor units: exactly what was due. */
    amount: minorUnits('amount').notNull(),
    dodoSessionId: text('dodo_session_id'),
    /** The mandate that is charged, and the payment that the charge became. */
    dodoSubscriptionId: text('dodo_subscription_id'),
    dodoPaymentId: text('dodo_payment_id'),
    checkoutUrl: text('checkout_url'),
    declineCode: text('decline_code'),
    startedAt: at('started_at').notNull(),
    /** When a customer was last sent to it: from then on it may be paid until it expires. */
    handedOutAt: at('handed_out_at'),
    expiresAt: at('expires_at'),
    lookedAt: at('looked_at'),
    /** When a look at its session last found that nobody had paid, nor was about to. */
    unpaidAt: at('unpaid_at'),
    /** Before this a charge must not be made again: the last one may still take effect. */
    repeatableAt: at('repeatable_at'),
    endedAt: at('ended_at'),
  },
  (table) => [
    unique('attempts_number_unique').on(table.receivableId, table.number),
    unique('attempts_session_unique').on(table.dodoSessionId),
    unique('attempts_payment_unique').on(table.dodoPaymentId),
    /** Dodo charges a mandate once at a time, and so do we. */
    uniqueIndex('attempts_one_charge')
      .on(table.dodoSubscriptionId)
      .where(sql`kind = 'charge' and status in ('intended', 'live', 'unknown')`),
    index('attempts_unfinished')
      .on(table.lookedAt)
      .where(sql`status in ('intended', 'live', 'unknown')`),
  ],
)

/** What of an attempt is for which receivable: all of it, or what a payment request asks for on behalf of a member. */
export const shares = pgTable(
  'shares',
  {
    attemptId: uuid('attempt_id').notNull(),
    receivableId: text('receivable_id').notNull(),
    /** Lago's minor units. */
    amount: minorUnits('amount').notNull(),
    /** The oldest member of a payment request comes first. */
    position: integer('position').notNull().default(0),
    /** Whether its attempt may still be paid. */
    isLive: boolean('is_live').notNull(),
  },
  (table) => [
    primaryKey({ name: 'shares_pk', columns: [table.attemptId, table.receivableId] }),
    index('shares_by_receivable').on(table.receivableId),
    /** I2: at most one attempt that may still pay a receivable, whatever the code does. */
    uniqueIndex('shares_one_live')
      .on(table.receivableId)
      .where(sql`is_live`),
  ],
)

/** A payment of Dodo as last observed. Amounts are Dodo's minor units. */
export const payments = pgTable(
  'payments',
  {
    dodoPaymentId: text('dodo_payment_id').primaryKey(),
    /** The Dodo account that holds it. */
    account: account(),
    /** The receivable that its session, or else its metadata, names. */
    receivableId: text('receivable_id'),
    /** The attempt of ours that it was made through; null when there is none. */
    attemptId: uuid('attempt_id'),
    dodoSessionId: text('dodo_session_id'),
    dodoSubscriptionId: text('dodo_subscription_id'),
    status: text('status').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    amount: minorUnits('amount').notNull(),
    tax: minorUnits('tax'),
    /** What it was settled as, where that is another currency. */
    settlementAmount: minorUnits('settlement_amount'),
    settlementCurrency: text('settlement_currency'),
    errorCode: text('error_code'),
    /** What the customer knows their card by. */
    cardNetwork: text('card_network'),
    cardLastFour: text('card_last_four'),
    isSetup: boolean('is_setup').notNull().default(false),
    /** Whether Dodo's API has said so itself, and not only a webhook. */
    isConfirmed: boolean('is_confirmed').notNull(),
    /** Since when Dodo's API does not know it, although a webhook told of it. */
    missingSince: at('missing_since'),
    madeAt: at('made_at').notNull(),
    /** When Dodo last changed it, as Dodo says. */
    changedAt: at('changed_at').notNull(),
    observedAt: at('observed_at').notNull(),
  },
  (table) => [
    index('payments_by_receivable').on(table.receivableId),
    index('payments_by_session').on(table.dodoSessionId),
    index('payments_by_attempt').on(table.attemptId),
    index('payments_by_time').on(table.madeAt),
  ],
)

/** What a succeeded payment means for an invoice, and what we did about it in Lago. */
export const recordings = pgTable(
  'recordings',
  {
    dodoPaymentId: text('dodo_payment_id').notNull(),
    receivableId: text('receivable_id').notNull(),
    disposition: text('disposition', {
      enum: ['applied', 'duplicate', 'mismatch', 'late'],
    }).notNull(),
    status: text('status', { enum: ['intended', 'unknown', 'recorded', 'held'] }).notNull(),
    /** Lago's minor units. */
    amount: minorUnits('amount').notNull(),
    /** `payment`: POST /payments of a premium Lago. `status`: PUT payment_status of a free one. */
    through: text('through', { enum: ['payment', 'status'] }),
    booksPaymentId: text('books_payment_id'),
    reason: text('reason'),
    /** When Lago's payments were last searched for it, or for other money that proves it to be too much. */
    lookedAt: at('looked_at'),
    /** What Lago counts for the invoice that cannot be this payment, in Lago's minor units, as last looked. */
    elsewhere: minorUnits('elsewhere').notNull().default(0),
    /** Before this the call must not be made again: the last one may still take effect. */
    repeatableAt: at('repeatable_at').notNull(),
    recordedAt: at('recorded_at'),
    /** What a person decided about what of it no invoice takes: to give it back, or that it is settled otherwise. */
    ruling: text('ruling', { enum: ['give_back', 'accepted'] }),
    ruledAt: at('ruled_at'),
    /** The most that may be given back on their word, in Dodo's minor units. */
    ruledAmount: minorUnits('ruled_amount'),
    /** By whom and why, in words. */
    ruledWhy: text('ruled_why'),
  },
  (table) => [
    primaryKey({ name: 'recordings_pk', columns: [table.dodoPaymentId, table.receivableId] }),
    /** P1: one payment pays an order, whatever the code does. */
    uniqueIndex('recordings_one_pays_an_order')
      .on(table.receivableId)
      .where(sql`disposition = 'applied' and receivable_id like 'ord\\_%'`),
    /** P2: a payment belongs to one order for ever. */
    uniqueIndex('recordings_of_one_order')
      .on(table.dodoPaymentId)
      .where(sql`receivable_id like 'ord\\_%'`),
    index('recordings_by_receivable').on(table.receivableId),
    index('recordings_held')
      .on(table.dodoPaymentId)
      .where(sql`status = 'held'`),
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
  (table) => [
    index('refunds_by_payment').on(table.dodoPaymentId),
    index('refunds_by_time').on(table.madeAt),
  ],
)

/** A refund that we ask Dodo for: of money that no invoice takes, or because Lago issued a credit note. */
export const refundOrders = pgTable(
  'refund_orders',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    dodoPaymentId: text('dodo_payment_id').notNull(),
    receivableId: text('receivable_id').notNull(),
    /** The merchant's credit note that it carries out; null when it gives back what was paid too much. */
    creditNoteId: text('credit_note_id'),
    cause: text('cause').notNull(),
    /** `waiting`: Dodo cannot do it now, did nothing, and is asked anew at `repeatableAt`. */
    status: text('status', {
      enum: ['intended', 'unknown', 'waiting', 'accepted', 'refused'],
    }).notNull(),
    /** Dodo's minor units. */
    amount: minorUnits('amount').notNull(),
    dodoRefundId: text('dodo_refund_id'),
    reason: text('reason'),
    /** Before this the call must not be made again: the last one may still take effect. */
    repeatableAt: at('repeatable_at').notNull(),
    orderedAt: at('ordered_at').notNull(),
  },
  (table) => [
    unique('refund_orders_refund_unique').on(table.dodoRefundId),
    /** Dodo refunds a payment once at a time, and nothing is asked for twice. */
    uniqueIndex('refund_orders_one_open')
      .on(table.dodoPaymentId)
      .where(sql`status in ('intended', 'unknown', 'waiting')`),
    index('refund_orders_by_receivable').on(table.receivableId),
    /** P6: a refund that an order's source asked for is placed once. */
    uniqueIndex('refund_orders_one_per_request')
      .on(table.creditNoteId)
      .where(sql`credit_note_id is not null and receivable_id like 'ord\\_%'`),
  ],
)

/** A credit note of Lago that wants money given back, as last observed. */
export const creditNotes = pgTable(
  'credit_notes',
  {
    creditNoteId: text('credit_note_id').primaryKey(),
    receivableId: text('receivable_id').notNull(),
    number: text('number'),
    /** Lago's minor units, to be given back. */
    amount: minorUnits('amount').notNull(),
    refundStatus: text('refund_status').notNull(),
    /** Why it could not be carried out. */
    reason: text('reason'),
    observedAt: at('observed_at').notNull(),
  },
  (table) => [index('credit_notes_by_receivable').on(table.receivableId)],
)

/** The Lago credit notes that a Dodo refund became, or why it did not. */
export const credits = pgTable(
  'credits',
  {
    dodoRefundId: text('dodo_refund_id').notNull(),
    receivableId: text('receivable_id').notNull(),
    /** A refund whose part for the invoice turns out to be greater gets another note for the rest. */
    sequence: integer('sequence').notNull().default(0),
    /** `settled`: it was reversed, and a person has made it good. */
    status: text('status', {
      enum: ['intended', 'unknown', 'credited', 'impossible', 'reversed', 'settled'],
    }).notNull(),
    /** Lago's minor units, as Lago holds it. */
    amount: minorUnits('amount').notNull(),
    /** What of the refund it stands for, from which Lago's rounding may differ by a unit; null for `amount`. */
    refunded: minorUnits('refunded'),
    creditNoteId: text('credit_note_id'),
    reason: text('reason'),
    /** When Lago was told that the money has arrived; null while that is still owed. */
    toldAt: at('told_at'),
    /** Only a premium licence was wanting, which may come. */
    needsLicense: boolean('needs_license').notNull().default(false),
    /** Before this the call must not be made again: the last one may still take effect. */
    repeatableAt: at('repeatable_at').notNull(),
    creditedAt: at('credited_at'),
  },
  (table) => [
    primaryKey({
      name: 'credits_pk',
      columns: [table.dodoRefundId, table.receivableId, table.sequence],
    }),
    index('credits_by_receivable').on(table.receivableId),
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
    /** Visa gave the money back by itself, without a refund event. */
    isByRdr: boolean('is_by_rdr').notNull().default(false),
    amount: text('amount').notNull(),
    currency: text('currency').notNull(),
    /** As Dodo says; the time to answer runs from here. Null where it does not say. */
    openedAt: at('opened_at'),
    observedAt: at('observed_at').notNull(),
  },
  (table) => [index('disputes_by_payment').on(table.dodoPaymentId)],
)

/** Who a payer is at Dodo. One row each, so that two never share one. */
export const payers = pgTable(
  'payers',
  {
    /** The biller's own key: Lago's external customer id. */
    payerKey: text('payer_key').primaryKey(),
    /** Null once Dodo no longer has them: the next checkout finds or creates them anew. */
    dodoCustomerId: text('dodo_customer_id'),
    /** As Dodo was last told. */
    name: text('name'),
    email: text('email'),
    country: text('country'),
    /** The currency a card is saved for when no invoice says. */
    currency: text('currency'),
    /** 128 random bits: whoever has the link may save a card for this customer, and nothing else. */
    payToken: text('pay_token').notNull(),
    /** They asked for a page to save a card on. */
    requestedAt: at('requested_at'),
    /** Why there is none, in words. */
    setupRefusal: text('setup_refusal'),
    setupSessionId: text('setup_session_id'),
    setupUrl: text('setup_url'),
    setupExpiresAt: at('setup_expires_at'),
    createdAt: at('created_at').notNull(),
  },
  (table) => [
    unique('payers_dodo_unique').on(table.dodoCustomerId),
    unique('payers_pay_token_unique').on(table.payToken),
  ],
)

/** The page on which a payer sees all that they owe, and what is known for it of how they read. */
export const accountPages = pgTable(
  'account_pages',
  {
    payerKey: text('payer_key').primaryKey(),
    /** 128 random bits: whoever has the link sees, and may pay, what this payer owes. */
    token: text('token').notNull(),
    /** As Lago writes to them: its `document_locale`. */
    language: text('language'),
    timezone: text('timezone'),
    /** The link that was put on the invoices of this payer, or that the books refused. */
    linkOnInvoice: text('link_on_invoice'),
    createdAt: at('created_at').notNull(),
  },
  (table) => [unique('account_pages_token_unique').on(table.token)],
)

/** Several invoices that a payer chose to pay together. Its receivable, with them as members, has the same id. */
export const selections = pgTable(
  'selections',
  {
    receivableId: text('receivable_id').primaryKey(),
    payerKey: text('payer_key').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    /** When the payer chose otherwise. */
    supersededAt: at('superseded_at'),
    createdAt: at('created_at').notNull(),
  },
  (table) => [
    /** A payer has one selection of a currency, whatever the code does. */
    uniqueIndex('selections_one_current')
      .on(table.payerKey, table.currency)
      .where(sql`superseded_at is null`),
  ],
)

/** A standing permission to charge a customer: an on-demand subscription of Dodo, as last observed. */
export const mandates = pgTable(
  'mandates',
  {
    dodoSubscriptionId: text('dodo_subscription_id').primaryKey(),
    /** The Dodo account that holds it. */
    account: account(),
    payerKey: text('payer_key').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    status: text('status').notNull(),
    isEnding: boolean('is_ending').notNull().default(false),
    dodoPaymentMethodId: text('dodo_payment_method_id'),
    /** Why Dodo refused to charge it, until the customer renews it. */
    refusal: text('refusal'),
    /** Since when a person does not want it charged any more: it is cancelled at Dodo, whenever that answers. */
    stoppedAt: at('stopped_at'),
    madeAt: at('made_at').notNull(),
    /** When the customer last gave or renewed it; declines before that count no more. */
    renewedAt: at('renewed_at').notNull(),
    observedAt: at('observed_at').notNull(),
    /** What may be shown of its card, as Dodo last said. */
    cardNetwork: text('card_network'),
    cardLastFour: text('card_last_four'),
    /** The last month in which the card is good, like `2032-06`. */
    cardEnds: text('card_ends'),
    cardReadAt: at('card_read_at'),
  },
  (table) => [index('mandates_by_payer').on(table.payerKey)],
)

/** What one tenant of a source other than Lago wants to have collected once. Its receivable has the same id. */
export const orders = pgTable(
  'orders',
  {
    /** `ord_` and 26 characters. */
    orderId: text('order_id').primaryKey(),
    source: text('source', { enum: ['openfront', 'highlevel'] }).notNull(),
    /** A store, by its name in the configuration; a location, by its id. */
    tenant: text('tenant').notNull(),
    mode: text('mode', { enum: ['test', 'live'] }).notNull(),
    /** The Dodo account that collects it, for ever: its refunds go there, too. */
    account: account(),
    /** What its source calls it: a cart, an invoice, a transaction, a cycle of a subscription. */
    key: text('key').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    /** The source's minor units, which are Dodo's. */
    amount: minorUnits('amount').notNull(),
    email: text('email'),
    name: text('name'),
    /** Of the payer; without one the hosted page asks, and no card can be saved or charged. */
    country: text('country'),
    /** `mandate` is a checkout that also saves a card; `charge` takes a saved one, and nobody is sent to a page. */
    collect: text('collect', { enum: ['checkout', 'mandate', 'charge'] })
      .notNull()
      .default('checkout'),
    /** The mandate that is charged. */
    dodoSubscriptionId: text('dodo_subscription_id'),
    /** What else its source knows it by, and writes into what is made at Dodo. */
    metadata: jsonb('metadata').$type<Record<string, string>>().notNull().default({}),
    /** When its source was first told that it is paid: from then on no policy gives the money back (P5). */
    claimedAt: at('claimed_at'),
    /** When another amount was asked for in its place. */
    supersededAt: at('superseded_at'),
    /** When nobody could pay it any more, and why, in words. */
    closedAt: at('closed_at'),
    closedReason: text('closed_reason'),
    createdAt: at('created_at').notNull(),
  },
  (table) => [
    /** One order of a key is current, whatever the code does. */
    uniqueIndex('orders_one_current')
      .on(table.source, table.tenant, table.mode, table.key)
      .where(sql`superseded_at is null`),
    index('orders_by_key').on(table.source, table.tenant, table.mode, table.key),
    index('orders_by_age').on(table.createdAt, table.orderId),
  ],
)

/** A Dodo account of one tenant's own. What was opened on it stays there, also after it is forgotten. */
export const dodoAccounts = pgTable(
  'dodo_accounts',
  {
    /** 128 random bits: it is part of the address of its webhooks. */
    account: text('account').primaryKey(),
    source: text('source', { enum: ['highlevel'] }).notNull(),
    tenant: text('tenant').notNull(),
    mode: text('mode', { enum: ['test', 'live'] }).notNull(),
    /** Sealed: AES-256-GCM. */
    apiKey: text('api_key').notNull(),
    webhookSecret: text('webhook_secret').notNull(),
    /** The endpoint at Dodo that was registered for it. */
    dodoEndpointId: text('dodo_endpoint_id'),
    createdAt: at('created_at').notNull(),
    /** When its tenant forgot it: nothing new is opened on it. */
    endedAt: at('ended_at'),
  },
  (table) => [
    uniqueIndex('dodo_accounts_one_current')
      .on(table.source, table.tenant, table.mode)
      .where(sql`ended_at is null`),
  ],
)

/** What somebody is to be told of an order, once: written down with what caused it. */
export const tellings = pgTable(
  'tellings',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    orderId: text('order_id').notNull(),
    /** What the other side calls it: `payment.captured`, `completeActiveCart`. */
    what: text('what').notNull(),
    /** Which of its kind, where an order has several: `unpaid`. */
    fact: text('fact').notNull().default(''),
    status: text('status', { enum: ['waiting', 'done', 'failed'] }).notNull(),
    attempts: integer('attempts').notNull().default(0),
    /** Why it did not work, as last tried. */
    error: text('error'),
    /** The same in a word, where a person must look. */
    code: text('code'),
    plannedAt: at('planned_at').notNull(),
    triedAt: at('tried_at'),
    /** When it is tried next; null once it is done, or failed and nobody looks at it again. */
    nextTryAt: at('next_try_at'),
  },
  (table) => [
    /** One telling per fact. */
    unique('tellings_fact_unique').on(table.orderId, table.what, table.fact),
    index('tellings_next_try')
      .on(table.nextTryAt)
      .where(sql`next_try_at is not null`),
  ],
)

/** A refund that an order's source asked for, once. */
export const refundRequests = pgTable(
  'refund_requests',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    orderId: text('order_id').notNull(),
    dodoPaymentId: text('dodo_payment_id').notNull(),
    /** Dodo's minor units. */
    amount: minorUnits('amount').notNull(),
    reason: text('reason'),
    /** What its caller calls it; null for one that only its payment and amount tell from others. */
    key: text('key'),
    /**
     * `open` may still be withdrawn, and so may `busy`, which Dodo did not take beside another refund of the payment;
     * `begun` has become, or becomes, a refund order.
     */
    status: text('status', { enum: ['open', 'busy', 'begun'] }).notNull(),
    createdAt: at('created_at').notNull(),
    /** When whoever asked was last told what came of it; null while nobody was, who is then to ask again. */
    answeredAt: at('answered_at'),
  },
  (table) => [
    unique('refund_requests_key_unique').on(table.orderId, table.key),
    index('refund_requests_by_payment').on(table.dodoPaymentId, table.createdAt),
  ],
)

/** A sub-account of HighLevel that has the app, had it, or is said to have it. */
export const highlevelLocations = pgTable(
  'highlevel_locations',
  {
    locationId: text('location_id').primaryKey(),
    /** The agency; null as long as nobody has named it. */
    companyId: text('company_id'),
    /** `awaiting`: told of, and without a token. `needs_install`: its tokens were refused. */
    state: text('state', {
      enum: ['awaiting', 'installed', 'needs_install', 'uninstalled'],
    }).notNull(),
    installedAt: at('installed_at'),
    /** When it was installed before that, where it never told us of being uninstalled in between. */
    installedBeforeAt: at('installed_before_at'),
    uninstalledAt: at('uninstalled_at'),
    /** A digest of the record and keys that HighLevel has; null when they have to be looked at. */
    connectedAs: text('connected_as'),
    connectedAt: at('connected_at'),
    /** Why it is not connected, in words. */
    problem: text('problem'),
    /** A person has taken it out: it is not connected again by itself. */
    takenOutAt: at('taken_out_at'),
    /** When HighLevel last answered about it. */
    answeredAt: at('answered_at'),
    createdAt: at('created_at').notNull(),
  },
  (table) => [index('highlevel_locations_by_company').on(table.companyId)],
)

/** The tokens of a location or an agency, sealed. Both are replaced at once, since a refresh kills the old ones. */
export const highlevelTokens = pgTable('highlevel_tokens', {
  /** A location's id, or `company:<id>`. */
  owner: text('owner').primaryKey(),
  /** Null once they were refused. */
  accessToken: text('access_token'),
  /** Null for a location whose token its agency makes. */
  refreshToken: text('refresh_token'),
  scope: text('scope'),
  issuedAt: at('issued_at').notNull(),
  expiresAt: at('expires_at').notNull(),
  refusedAt: at('refused_at'),
})
/** A subscription of HighLevel, whose cycles we charge: HighLevel charges none for a provider of its own. */
export const highlevelSubscriptions = pgTable(
  'highlevel_subscriptions',
  {
    id: uuid('id').primaryKey().defaultRandom(),
    locationId: text('location_id').notNull(),
    mode: text('mode', { enum: ['test', 'live'] }).notNull(),
    /** HighLevel's id of it. */
    subscriptionId: text('subscription_id').notNull(),
    /** HighLevel's transaction that began it. */
    transactionId: text('transaction_id').notNull(),
    account: account(),
    contactId: text('contact_id').notNull(),
    payerKey: text('payer_key').notNull(),
    email: text('email'),
    name: text('name'),
    country: text('country'),
    /** The mandate that is charged; null as long as none was made. */
    dodoSubscriptionId: text('dodo_subscription_id'),
    currency: char('currency', { length: 3 }).notNull(),
    /** Of each cycle, in hundredths. */
    amount: minorUnits('amount').notNull(),
    interval: text('interval', { enum: ['day', 'week', 'month', 'year'] }).notNull(),
    intervalCount: integer('interval_count').notNull(),
    trialDays: integer('trial_days').notNull(),
    /** Null for one that goes on until it is cancelled. */
    totalCycles: integer('total_cycles'),
    /** When its first cycle is, or was, due: all others are counted from there. Null before it has begun. */
    anchorAt: at('anchor_at'),
    trialEndAt: at('trial_end_at'),
    nextCycle: integer('next_cycle').notNull().default(1),
    status: text('status', {
      enum: ['pending', 'scheduled', 'trialing', 'active', 'unpaid', 'canceled', 'expired'],
    }).notNull(),
    /** Why a person must look, in words. */
    trouble: text('trouble'),
    createdAt: at('created_at').notNull(),
    nextWakeAt: at('next_wake_at'),
  },
  (table) => [
    unique('highlevel_subscriptions_unique').on(table.locationId, table.mode, table.subscriptionId),
    index('highlevel_subscriptions_by_mandate').on(table.dodoSubscriptionId),
    index('highlevel_subscriptions_next_wake')
      .on(table.nextWakeAt)
      .where(sql`next_wake_at is not null`),
  ],
)

/** Whether HighLevel shows a transaction as succeeded that it was told of: a 2xx means received, and not applied. */
export const highlevelApplied = pgTable(
  'highlevel_applied',
  {
    orderId: text('order_id').primaryKey(),
    lookedAt: at('looked_at').notNull(),
    /** Null as long as it does not. */
    appliedAt: at('applied_at'),
  },
  (table) => [
    index('highlevel_applied_not_yet')
      .on(table.lookedAt)
      .where(sql`applied_at is null`),
  ],
)

/** A page on which a contact of HighLevel saves a card without paying. */
export const highlevelSetups = pgTable(
  'highlevel_setups',
  {
    /** 128 random bits: whoever has it may see how it stands. */
    ref: text('ref').primaryKey(),
    locationId: text('location_id').notNull(),
    mode: text('mode', { enum: ['test', 'live'] }).notNull(),
    account: account(),
    contactId: text('contact_id').notNull(),
    payerKey: text('payer_key').notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    /** The subscription that begins with it, if any. */
    begins: uuid('begins'),
    /** 128 random bits that only the page we opened hands on to the mandate: that is how it is known to be this one's. */
    nonce: text('nonce').notNull(),
    status: text('status', { enum: ['intended', 'open', 'done', 'failed'] }).notNull(),
    checkoutUrl: text('checkout_url'),
    expiresAt: at('expires_at').notNull(),
    dodoSubscriptionId: text('dodo_subscription_id'),
    createdAt: at('created_at').notNull(),
  },
  (table) => [
    index('highlevel_setups_open')
      .on(table.createdAt)
      .where(sql`status in ('intended', 'open')`),
  ],
)

/** What a payment request asks for together, the oldest first. */
export const members = pgTable(
  'members',
  {
    receivableId: text('receivable_id').notNull(),
    memberId: text('member_id').notNull(),
    position: integer('position').notNull(),
  },
  (table) => [
    primaryKey({ name: 'members_pk', columns: [table.receivableId, table.memberId] }),
    index('members_by_member').on(table.memberId),
  ],
)

/** A top-up whose invoice Lago shows to nobody until it is paid, known from its wallet transaction. */
export const topUps = pgTable('top_ups', {
  receivableId: text('receivable_id').primaryKey(),
  lagoWalletTransactionId: text('lago_wallet_transaction_id').notNull(),
  payerKey: text('payer_key').notNull(),
  currency: char('currency', { length: 3 }).notNull(),
  /** Lago's minor units. */
  amount: minorUnits('amount').notNull(),
  createdAt: at('created_at').notNull(),
})

/** The product of a Dodo account that carries an amount in one currency. */
export const products = pgTable(
  'products',
  {
    account: account(),
    kind: text('kind', { enum: ['invoice', 'mandate'] }).notNull(),
    currency: char('currency', { length: 3 }).notNull(),
    dodoProductId: text('dodo_product_id').notNull(),
    createdAt: at('created_at').notNull(),
  },
  (table) => [
    primaryKey({ name: 'products_pk', columns: [table.account, table.kind, table.currency] }),
  ],
)

/** A call that creates something which has no row of its own yet: begun, and perhaps carried out. */
export const intents = pgTable('intents', {
  key: text('key').primaryKey(),
  /** Before this the call must not be made again: the last one may still take effect. */
  repeatableAt: at('repeatable_at').notNull(),
})

/** A reason for attention that a person has put aside: it is not shown again, any other one is. */
export const dismissals = pgTable(
  'dismissals',
  {
    receivableId: text('receivable_id').notNull(),
    reason: text('reason').notNull(),
    dismissedAt: at('dismissed_at').notNull(),
  },
  (table) => [primaryKey({ name: 'dismissals_pk', columns: [table.receivableId, table.reason] })],
)

/** Append-only: one readable line per decision and call. `explain` and the API only read it. */
export const timeline = pgTable(
  'timeline',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    receivableId: text('receivable_id').notNull(),
    at: at('at').notNull(),
    what: text('what').notNull(),
  },
  (table) => [index('timeline_by_receivable').on(table.receivableId, table.id)],
)

/** Append-only: what people did, which is the audit. It is kept for ever. */
export const operatorActions = pgTable(
  'operator_actions',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    at: at('at').notNull(),
    /** The name that was given at login; nobody checks it. */
    who: text('who').notNull(),
    role: text('role').notNull(),
    action: text('action').notNull(),
    subject: text('subject').notNull(),
    outcome: text('outcome').notNull(),
    /** Of a page's form, made anew each time it is shown: sent twice, it is done once. */
    formId: uuid('form_id'),
  },
  (table) => [unique('operator_actions_form_unique').on(table.formId)],
)

/** Written to every few seconds: proof that the database still takes writes and has room for them. */
export const pulse = pgTable('pulse', {
  name: text('name').primaryKey(),
  beatAt: at('beat_at').notNull(),
  filler: text('filler').notNull(),
})

/** What we found out about the two installations and want to know after a restart. */
export const findings = pgTable('findings', {
  name: text('name').primaryKey(),
  value: jsonb('value').notNull(),
  foundAt: at('found_at').notNull(),
})

/** The processes that are alive, which divide the services' request limits among themselves. */
export const replicas = pgTable('replicas', {
  id: uuid('id').primaryKey(),
  /** What each has lately asked of each service. */
  spent: jsonb('spent').$type<Record<string, number>>().notNull(),
  beatAt: timestamp('beat_at', { withTimezone: true }).notNull(),
})

/** What only grows and is written in no other table: what sweeps found. */
export const tallies = pgTable(
  'tallies',
  {
    name: text('name').notNull(),
    label: text('label').notNull(),
    value: bigint('value', { mode: 'number' }).notNull(),
  },
  (table) => [primaryKey({ name: 'tallies_pk', columns: [table.name, table.label] })],
)

/** Work that gave up, until it is done after all, redriven or forgotten. */
export const deadLetters = pgTable(
  'dead_letters',
  {
    kind: text('kind').notNull(),
    key: text('key').notNull(),
    error: text('error').notNull(),
    buriedAt: at('buried_at').notNull(),
  },
  (table) => [primaryKey({ name: 'dead_letters_pk', columns: [table.kind, table.key] })],
)

/** What one process sees of the services and of who sends, and others cannot: it counts while it is seen. */
export const signals = pgTable(
  'signals',
  {
    type: text('type').notNull(),
    subject: text('subject').notNull(),
    process: uuid('process').notNull(),
    level: integer('level').notNull(),
    seenAt: at('seen_at').notNull(),
  },
  (table) => [
    primaryKey({ name: 'signals_pk', columns: [table.type, table.subject, table.process] }),
  ],
)

/** What is wrong just now, since when, and whether somebody was told. */
export const conditions = pgTable(
  'conditions',
  {
    type: text('type').notNull(),
    subject: text('subject').notNull(),
    /** What of it may change so that it is news: a reason code. */
    version: text('version').notNull(),
    since: at('since').notNull(),
    /** Since when it is not seen any more; it ends when it stays away. */
    goneAt: at('gone_at'),
    toldAt: at('told_at'),
    text: text('text').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull(),
  },
  (table) => [primaryKey({ name: 'conditions_pk', columns: [table.type, table.subject] })],
)

/** What was, or is to be, told to somebody: each occasion once. */
export const notifications = pgTable(
  'notifications',
  {
    /** The same on every try, for whoever receives it twice. */
    id: text('id').primaryKey(),
    type: text('type').notNull(),
    subject: text('subject').notNull(),
    occasion: text('occasion').notNull(),
    at: at('at').notNull(),
    text: text('text').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull(),
    /** `kept`: nobody is to be told. `folded`: told by a digest. */
    state: text('state', { enum: ['kept', 'waiting', 'sent', 'failed', 'folded'] }).notNull(),
    /** Since when it is to be told. */
    queuedAt: at('queued_at').notNull(),
    /** When it came to that state. */
    endedAt: at('ended_at'),
    tries: integer('tries').notNull().default(0),
    error: text('error'),
  },
  (table) => [
    unique('notifications_occasion_unique').on(table.type, table.occasion),
    index('notifications_waiting')
      .on(table.at)
      .where(sql`state = 'waiting'`),
    index('notifications_ended').on(table.endedAt),
  ],
)

/** A mail to a customer: each occasion once, for ever. Its key is the dedupe. */
export const mails = pgTable(
  'mails',
  {
    id: uuid('id').notNull().defaultRandom(),
    kind: text('kind', { enum: MAIL_KINDS }).notNull(),
    /** What it is about: a receivable, a mandate, or a payer. */
    subject: text('subject').notNull(),
    /** Which of its kind, where there are several: an attempt, a day. */
    occasion: text('occasion').notNull().default(''),
    payerKey: text('payer_key').notNull(),
    /** `suppressed`: it was not to be sent after all. `folded`: one mail tells of several. */
    state: text('state', { enum: ['waiting', 'sent', 'suppressed', 'folded', 'failed'] }).notNull(),
    tries: integer('tries').notNull().default(0),
    /** Why it was not sent, as last tried. */
    reason: text('reason'),
    /** Where nobody takes mail: it is not tried again. */
    address: text('address'),
    plannedAt: at('planned_at').notNull(),
    endedAt: at('ended_at'),
    /** When it is tried next; null once that is over. */
    nextTryAt: at('next_try_at'),
  },
  (table) => [
    primaryKey({ name: 'mails_pk', columns: [table.kind, table.subject, table.occasion] }),
    unique('mails_id_unique').on(table.id),
    index('mails_next_try')
      .on(table.nextTryAt)
      .where(sql`next_try_at is not null`),
    index('mails_by_payer').on(table.payerKey, table.endedAt),
    index('mails_by_subject').on(table.subject),
  ],
)
