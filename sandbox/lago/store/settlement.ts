import { amountsOf } from './amounts.ts'
import { finalize, getInvoice } from './invoices.ts'
import { replaceMetadata } from './metadata.ts'
import { invalid, notAllowed } from './refusal.ts'
import type { Invoice, InvoiceStatus, PaymentStatus } from './records.ts'
import { day, timestamp, type LagoWorld } from './store.ts'
import { failTopUp, settleTopUp } from './top-ups.ts'
import {
  announceDisputeLost,
  announceInvoice,
  announceRetryWithoutProvider,
} from './announcements.ts'

const PAYMENT_STATUSES = ['pending', 'succeeded', 'failed'] as const
const METADATA_VALUE_MAX_LENGTH = 140

/** PUT /invoices/:id: its payment status, its metadata, and nothing else. All of it or none. */
export function updateInvoice(world: LagoWorld, lagoId: string, input: Record<string, unknown>) {
  const invoice = getInvoice(world, lagoId)
  // In no release yet: each of them writes to a void invoice.
  if (invoice.status === 'voided' && world.since('1.52.0'))
    throw notAllowed('update_on_voided_invoice')
  const isDraft = invoice.status === 'draft'
  if ('metadata' in input && isDraft) throw notAllowed('metadata_on_draft_invoice')

  const status = 'payment_status' in input ? readPaymentStatus(input['payment_status']) : undefined
  if (status && isDraft && status !== invoice.payment_status) {
    throw notAllowed('payment_status_update_on_draft_invoice')
  }
  const now = world.now()
  if (Array.isArray(input['metadata'])) {
    const valueMaxLength = world.since('1.51.0') ? METADATA_VALUE_MAX_LENGTH : Infinity
    const limits = { valueMaxLength, now }
    const { metadata } = invoice
    invoice.metadata = replaceMetadata(metadata, input['metadata'], limits, (entry) => entry)
  }
  if (status || world.since('1.46.0')) invoice.updated_at = timestamp(now)
  if (status) setPaymentStatus(world, invoice, status)
  return invoice
}

/** Changes the payment status and all that hangs on it; never what was paid or is due. */
function setPaymentStatus(world: LagoWorld, invoice: Invoice, status: PaymentStatus): void {
  const isChanged = invoice.payment_status !== status
  const at = timestamp(world.now())
  invoice.payment_status = status
  invoice.updated_at = at
  for (const fee of invoice.fees) {
    fee.payment_status = status
    fee.succeeded_at = status === 'succeeded' ? at : null
    fee.failed_at = status === 'failed' ? at : null
  }
  if (status === 'succeeded') invoice.payment_overdue = false

  if (invoice.invoice_type === 'credit' && status === 'succeeded') settleTopUp(world, invoice)
  if (invoice.invoice_type === 'credit' && status === 'failed') failTopUp(world, invoice)
  // An open top-up invoice becomes visible by being paid; its creation event says so already.
  if (invoice.status === 'open' && status === 'succeeded') return finalize(world, invoice)
  if (isChanged && invoice.status !== 'open') {
    announceInvoice(world, 'invoice.payment_status_updated', invoice)
  }
}

/** The invoice has been paid once payments and offsets make up its total, to the cent. */
export function settleIfPaid(world: LagoWorld, invoice: Invoice): void {
  const { total, offset } = amountsOf(invoice, world.store)
  if (invoice.total_paid_amount_cents + offset !== total) return
  // From 1.19 to 1.21 a payment changes the invoice and nothing that hangs on it.
  if (!world.since('1.22.0')) {
    invoice.payment_status = 'succeeded'
    return
  }
  setPaymentStatus(world, invoice, 'succeeded')
}

/** The merchant's Retry button: it changes nothing, and asks whoever listens to collect. */
export function retryPayment(world: LagoWorld, lagoId: string): Invoice {
  const invoice = getInvoice(world, lagoId)
  const refused: readonly InvoiceStatus[] = ['draft', 'voided']
  if (refused.includes(invoice.status) || invoice.payment_status === 'succeeded') {
    throw notAllowed('invalid_status')
  }
  if (invoice.customer.payment_provider !== null) return invoice
  if (world.since('1.37.0')) announceRetryWithoutProvider(world, invoice)
  else if (!world.since('1.33.2')) announceInvoice(world, 'invoice.created', invoice)
  return invoice
}

/** Marks the dispute lost, at the time of the first call; every call is announced. */
export function loseDispute(world: LagoWorld, lagoId: string): Invoice {
  const invoice = getInvoice(world, lagoId)
  if (invoice.status !== 'finalized' && invoice.status !== 'voided') {
    throw notAllowed('not_disputable')
  }
  // The one timestamp of an invoice that Lago sends with its milliseconds.
  invoice.payment_dispute_lost_at ??= world.now().toISOString()
  invoice.payment_overdue = false
  announceDisputeLost(world, invoice)
  return invoice
}

/** What Lago's hourly clock does to an unpaid invoice past its due date. */
export function markOverdue(world: LagoWorld, lagoId: string): Invoice {
  const invoice = getInvoice(world, lagoId)
  const isOpen = invoice.status === 'finalized' && invoice.payment_status !== 'succeeded'
  if (!isOpen || invoice.payment_dispute_lost_at || invoice.payment_overdue) return invoice

  invoice.payment_overdue = true
  announceInvoice(world, 'invoice.payment_overdue', invoice)
  return invoice
}

/** Lago's hourly clock: flags everything that is past its due date and not paid. */
export function flagOverdue(world: LagoWorld): Invoice[] {
  const today = day(world.now())
  return [...world.store.invoices.values()].filter((invoice) => {
    if (invoice.payment_due_date >= today || invoice.payment_overdue) return false
    return invoice.status === 'finalized' && markOverdue(world, invoice.lago_id).payment_overdue
  })
}

function readPaymentStatus(value: unknown): PaymentStatus {
  const status = PAYMENT_STATUSES.find((known) => known === value)
  if (!status) throw invalid({ payment_status: ['value_is_invalid'] })
  return status
}
