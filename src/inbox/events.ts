import type { DeliveryKind } from '../jobs.ts'
import type { Source } from '../webhook-sources.ts'

/** What a delivery makes us look at, and which one. */
export type Wake = {
  wakes: DeliveryKind | null
  wakesKey: string | null
}

const NOTHING: Wake = { wakes: null, wakesKey: null }
const wake = (wakes: Wake['wakes'], wakesKey: string | undefined): Wake =>
  wakesKey === undefined ? NOTHING : { wakes, wakesKey }

/** What an object of Lago says of what it is about. */
type LagoObject = {
  lago_id?: string | undefined
  lago_invoice_id?: string | undefined
  external_id?: string | undefined
  invoice?: { lago_id?: string | undefined } | undefined
  invoice_requires_successful_payment?: boolean | undefined
}

/** By the object that an event of Lago carries, whatever its type: Lago adds types without asking. */
const OF_LAGO = new Map<string, (object: LagoObject) => Wake>([
  ['invoice', ({ lago_id }) => wake('settle', lago_id)],
  ['customer', ({ external_id }) => wake('customer', external_id)],
  ['payment_request', ({ lago_id }) => wake('bundle', lago_id)],
  [
    'wallet_transaction',
    ({ lago_id, lago_invoice_id, invoice_requires_successful_payment: isHidden }) =>
      // Its invoice, if it has one yet, is one that Lago shows to nobody.
      isHidden ? wake('topup', lago_id) : wake('settle', lago_invoice_id),
  ],
])
const ofNamedInvoice = ({ lago_invoice_id, invoice }: LagoObject) =>
  wake('settle', lago_invoice_id ?? invoice?.lago_id)

/** What an event of Lago is about, by the object that it carries; any other object, by the invoice that it names. */
export const wakeOfLago = (objectType: string, object: LagoObject): Wake =>
  (OF_LAGO.get(objectType) ?? ofNamedInvoice)(object)

/**
 * What a marketplace event is about: the location that it names, or else the agency. HighLevel signs those of all apps
 * with one key, so one that names another app than ours concerns nobody here.
 */
export function wakeOfHighlevel(
  { type, appId, locationId, companyId }: HighlevelObject,
  ownAppId: string,
): Wake {
  const isOurs = appId === undefined || appId === ownAppId
  if (!isOurs || !HIGHLEVEL_EVENTS.has(type)) return NOTHING
  const company = companyId === undefined ? undefined : `company:${companyId}`
  return wake('installation', locationId ?? company)
}

type HighlevelObject = {
  type: string
  appId?: string | undefined
  locationId?: string | undefined
  companyId?: string | undefined
}

/** What an object of Dodo says of what it is about. */
type DodoObject = {
  payment_id?: string | undefined
  recovered_payment_id?: string | undefined
  subscription_id?: string | undefined
  metadata?: { lago_invoice_id?: string | undefined } | undefined
}

/** The payment that an event is about: of a checkout that somebody came back to, the one that they then made. */
export const paymentOf = ({ payment_id, recovered_payment_id }: DodoObject) =>
  recovered_payment_id ?? payment_id

/** Refunds, disputes and all the rest carry no metadata of the payment: which invoice they are about is traced. */
const ofTracedPayment = (object: DodoObject) => wake('trace', paymentOf(object))

/** By the first word of a type of Dodo's. */
const OF_DODO = new Map<string, (object: DodoObject) => Wake>([
  [
    'payment',
    (object) => {
      const named = object.metadata?.lago_invoice_id
      return named ? wake('settle', named) : ofTracedPayment(object)
    },
  ],
  ['subscription', ({ subscription_id }) => wake('mandate', subscription_id)],
])

/** What an event of Dodo is about, by its type; any other, by the payment that it names. */
export const wakeOfDodo = (type: string, object: DodoObject): Wake =>
  (OF_DODO.get(type.split('.', 1)[0] ?? '') ?? ofTracedPayment)(object)

/**
 * Every type that Lago sends, with the object that it carries (lago-api `app/jobs/send_webhook_job.rb`), those
 * that no release up to 1.51.0 has included. docs/events.md tells of each.
 */
export const LAGO_EVENTS = {
  'invoice.created': 'invoice',
  'invoice.one_off_created': 'invoice',
  'invoice.paid_credit_added': 'invoice',
  'invoice.drafted': 'invoice',
  'invoice.ready_to_finalize': 'invoice',
  'invoice.generated': 'invoice',
  'invoice.voided': 'invoice',
  'invoice.deleted': 'invoice',
  'invoice.resynced': 'invoice',
  'invoice.payment_status_updated': 'invoice',
  'invoice.payment_overdue': 'invoice',
  'invoice.payment_failure': 'payment_provider_invoice_payment_error',
  'invoice.payment_dispute_lost': 'payment_dispute_lost',
  'credit_note.created': 'credit_note',
  'credit_note.generated': 'credit_note',
  'credit_note.refund_failure': 'credit_note_payment_provider_refund_error',
  'customer.created': 'customer',
  'customer.updated': 'customer',
  'customer.vies_check': 'customer',
  'customer.accounting_provider_created': 'customer',
  'customer.accounting_provider_error': 'accounting_provider_customer_error',
  'customer.crm_provider_created': 'customer',
  'customer.crm_provider_error': 'crm_provider_customer_error',
  'customer.tax_provider_error': 'tax_provider_customer_error',
  'customer.payment_provider_created': 'customer',
  'customer.payment_provider_error': 'payment_provider_customer_error',
  'customer.checkout_url_generated': 'payment_provider_customer_checkout_url',
  'payment_request.created': 'payment_request',
  'payment_request.payment_status_updated': 'payment_request',
  'payment_request.payment_failure': 'payment_provider_payment_request_payment_error',
  'dunning_campaign.finished': 'dunning_campaign',
  'payment.succeeded': 'payment',
  'payment.requires_action': 'payment',
  'payment_provider.error': 'payment_provider_error',
  'payment_receipt.created': 'payment_receipt',
  'payment_receipt.generated': 'payment_receipt',
  'wallet_transaction.created': 'wallet_transaction',
  'wallet_transaction.updated': 'wallet_transaction',
  'wallet_transaction.payment_failure': 'payment_provider_wallet_transaction_payment_error',
  'wallet.created': 'wallet',
  'wallet.updated': 'wallet',
  'wallet.terminated': 'wallet',
  'wallet.depleted_ongoing_balance': 'wallet',
  'subscription.started': 'subscription',
  'subscription.terminated': 'subscription',
  'subscription.canceled': 'subscription',
  'subscription.incomplete': 'subscription',
  'subscription.updated': 'subscription',
  'subscription.termination_alert': 'subscription',
  'subscription.trial_ended': 'subscription',
  'subscription.usage_threshold_reached': 'subscription',
  'fee.created': 'fee',
  'fee.tax_provider_error': 'tax_provider_fee_error',
  'alert.triggered': 'triggered_alert',
  'billable_metric.created': 'billable_metric',
  'billable_metric.updated': 'billable_metric',
  'billable_metric.deleted': 'billable_metric',
  'event.error': 'event_error',
  'events.errors': 'events_errors',
  'feature.created': 'feature',
  'feature.updated': 'feature',
  'feature.deleted': 'feature',
  'integration.provider_error': 'provider_error',
  'plan.created': 'plan',
  'plan.updated': 'plan',
  'plan.deleted': 'plan',
  'order.created': 'order',
  'order.executed': 'order',
  'order_form.created': 'order_form',
  'order_form.signed': 'order_form',
  'order_form.expired': 'order_form',
  'order_form.voided': 'order_form',
  'quote.created': 'quote',
  'quote.approved': 'quote',
  'quote.voided': 'quote',
} as const

/** Every type that Dodo sends (dodopayments `resources/webhook-events`), by first word. */
const DODO_TYPES = {
  payment: 'succeeded failed processing cancelled',
  refund: 'succeeded failed',
  dispute: 'opened challenged accepted cancelled expired won lost',
  subscription:
    'active renewed on_hold past_due paused unpaused cancelled failed expired plan_changed updated update_payment_method',
  abandoned_checkout: 'detected recovered',
  dunning: 'started recovered',
  license_key: 'created',
  entitlement_grant: 'created delivered failed revoked',
  payout: 'created on_hold in_progress failed success',
  credit:
    'added deducted expired rolled_over rollover_forfeited overage_charged overage_reset manual_adjustment balance_low',
} as const
export const DODO_EVENTS: ReadonlySet<string> = new Set(
  Object.entries(DODO_TYPES).flatMap(([group, types]) =>
    types.split(' ').map((type) => `${group}.${type}`),
  ),
)

/** What of HighLevel's marketplace concerns an app (its developer documentation, *Webhooks*). */
const HIGHLEVEL_EVENTS: ReadonlySet<string> = new Set(['INSTALL', 'UNINSTALL'])

/** Whether it is of a type that this release of the bridge has heard of. */
export const isKnownEvent = (source: Source, type: string): boolean => {
  if (source === 'lago') return Object.hasOwn(LAGO_EVENTS, type)
  return source === 'dodo' ? DODO_EVENTS.has(type) : HIGHLEVEL_EVENTS.has(type)
}
