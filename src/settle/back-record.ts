import type { Deps } from '../deps.ts'
import type { Ledger, Payment } from '../domain/ledger.ts'
import { ApiError } from '../errors.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { isFreeLicense, rememberFreeLicense } from './license.ts'
import { note } from './timeline.ts'

type BackRecording = Pick<Deps, 'db' | 'lago' | 'config' | 'now'>

/**
 * A refund can only be credited where a payment was recorded: one that a free Lago was told of by its status
 * alone is recorded as soon as there is a licence. Returns the invoice as it then is.
 */
export async function backRecord(
  deps: BackRecording,
  { invoice, ledger, payment }: { invoice: LagoInvoice; ledger: Ledger; payment: Payment },
): Promise<LagoInvoice> {
  const recording = ledger.recordings.find((one) => one.dodoPaymentId === payment.dodoPaymentId)
  if (recording?.through !== 'status' || invoice.total_paid_amount_cents > 0) return invoice
  if (await isFreeLicense(deps)) return invoice
  const known = (await deps.lago.listPayments(invoice.lago_id)).some(
    ({ reference }) => reference === payment.dodoPaymentId,
  )
  if (known) return invoice
  try {
    await deps.lago.createPayment({
      invoice_id: invoice.lago_id,
      amount_cents: recording.amount,
      reference: payment.dodoPaymentId,
      paid_at: payment.madeAt.toISOString(),
    })
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error
    await rememberFreeLicense(deps)
    return invoice
  }
  await note(
    deps.db,
    invoice.lago_id,
    `payment ${payment.dodoPaymentId} recorded in Lago afterwards, now that there is a licence`,
    deps.now(),
  )
  return (await deps.lago.findInvoice(invoice.lago_id)) ?? invoice
}
