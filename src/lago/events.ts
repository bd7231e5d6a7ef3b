/**
 * The events of Lago that the bridge acts on, each with the object that it carries: `setup` asks for exactly these,
 * and `doctor` misses them. Names are those of lago-api `config/webhook_event_types.yml`.
 */
export const LAGO_EVENT_OBJECTS = {
  'invoice.created': 'invoice',
  'invoice.one_off_created': 'invoice',
  'invoice.paid_credit_added': 'invoice',
  /** The *Retry payment* button, where Lago has no provider of its own. */
  'invoice.payment_failure': 'payment_provider_invoice_payment_error',
  'invoice.voided': 'invoice',
  'invoice.payment_status_updated': 'invoice',
  'invoice.payment_overdue': 'invoice',
  'invoice.payment_dispute_lost': 'payment_dispute_lost',
  'credit_note.created': 'credit_note',
  'customer.created': 'customer',
  'customer.updated': 'customer',
  'payment_request.created': 'payment_request',
  'wallet_transaction.created': 'wallet_transaction',
  'wallet_transaction.updated': 'wallet_transaction',
} as const

/** Their names. */
export const LAGO_EVENTS: readonly string[] = Object.keys(LAGO_EVENT_OBJECTS)
