import type { Deps } from '../deps.ts'
import type { Ledger, Payment } from '../domain/ledger.ts'
import type { Step } from '../domain/steps.ts'
import type { LagoInvoice } from '../lago/objects.ts'
import { answerCreditNote } from './answer-credit-note.ts'
import { endAttempt } from './attempts.ts'
import { chargeMandate, endCharge } from './charge-mandate.ts'
import { creditRefund, reverseCredit, tellCredit } from './credit-refund.ts'
import { loseDispute, markInvoice, writeMetadata } from './mark-invoice.ts'
import { openCheckout } from './open-checkout.ts'
import { dropOrder } from './drop-order.ts'
import { orderRefund } from './order-refund.ts'
import { readPayment, readSession } from './read-dodo.ts'
import { backRecord, recordPayment } from './record-payment.ts'
import { holdPayment, lookForPayment } from './hold-payment.ts'
import { lookAtCreditNotes, takeCreditNote } from './look-at-credit-notes.ts'
import { findInvoice } from './top-up.ts'
import { isRefused } from './unknown-outcome.ts'
import { wake } from '../wakes.ts'

type Taking = Deps

/** What Lago forbids for the invoice's state (405) is decided anew on that state: it was voided or paid meanwhile. */
export async function takeStep(...args: Parameters<typeof take>): Promise<LagoInvoice | undefined> {
  const [deps, , invoice] = args
  try {
    return await take(...args)
  } catch (error) {
    if (!isRefused(error) || error.service !== 'Lago' || error.status !== 405) throw error
    const fresh = await findInvoice(deps, invoice.lago_id)
    const hasChanged =
      fresh?.status !== invoice.status || fresh.payment_status !== invoice.payment_status
    if (!hasChanged) throw error
    return fresh
  }
}

/** Takes one step and returns the invoice as Lago has it afterwards. */
async function take(
  deps: Taking,
  step: Exclude<Step, { do: 'rest' }>,
  invoice: LagoInvoice,
  ledger: Ledger,
): Promise<LagoInvoice | undefined> {
  switch (step.do) {
    case 'read_payment':
      await readPayment(deps, step.dodoPaymentId, { settling: invoice.lago_id })
      return invoice
    case 'read_session':
      await readSession(deps, step.attempt, {
        dodoSessionId: step.dodoSessionId,
        settling: invoice.lago_id,
      })
      return invoice
    case 'end_attempt':
      if (step.attempt.kind === 'charge') await endCharge(deps, invoice, step.attempt, step.end)
      else await endAttempt(deps, invoice.lago_id, step.attempt, step.end)
      return invoice
    case 'record_payment':
      await recordPayment(deps, { invoice, ...step })
      await wakeOtherParts(deps, invoice.lago_id, step.payment)
      return findInvoice(deps, invoice.lago_id)
    case 'hold_payment':
      await holdPayment(deps, { invoice, ledger, payment: step.payment }, step)
      await wakeOtherParts(deps, invoice.lago_id, step.payment)
      return invoice
    case 'look_for_payment':
      await lookForPayment(deps, { invoice, ledger, payment: step.payment }, step.recording)
      return invoice
    case 'lose_dispute':
      await loseDispute(deps, invoice, step.dodoDisputeId)
      return findInvoice(deps, invoice.lago_id)
    case 'order_refund':
      await orderRefund(deps, { invoice, ledger, ...step })
      return invoice
    case 'drop_order':
      await dropOrder(deps, step.order)
      return invoice
    case 'look_at_credit_notes':
      await lookAtCreditNotes(deps, { invoice, ledger }, step.uncredited)
      return invoice
    case 'take_credit_note':
      await takeCreditNote(deps, invoice, step)
      return invoice
    case 'answer_credit_note':
      await answerCreditNote(deps, invoice, step)
      return invoice
    case 'credit_refund': {
      const recorded = await backRecord(deps, { invoice, payment: step.payment })
      await creditRefund(deps, recorded, step)
      return findInvoice(deps, invoice.lago_id)
    }
    case 'tell_credit':
      await tellCredit(deps, invoice.lago_id, step)
      return invoice
    case 'reverse_credit':
      await reverseCredit(deps, invoice.lago_id, step.dodoRefundId)
      return invoice
    case 'charge_mandate':
      await chargeMandate(deps, { invoice, ledger, ...step })
      return invoice
    case 'mark_paid':
      return markInvoice(deps, invoice, 'succeeded')
    case 'mark_failed':
      return markInvoice(deps, invoice, 'failed')
    case 'open_checkout':
      await openCheckout(deps, { invoice, ledger, ...step })
      return invoice
    case 'write_metadata':
      return writeMetadata(deps, invoice, step.entries)
  }
}

/** What became of one part of a payment may decide which part a refund of it gives back. */
async function wakeOtherParts(deps: Taking, lagoInvoiceId: string, { parts, refunds }: Payment) {
  const others = parts.filter((part) => part.lagoInvoiceId !== lagoInvoiceId)
  if (refunds.length === 0 || others.length === 0) return
  const keys = others.map((part) => part.lagoInvoiceId)
  await wake(deps, 'settle', keys, 'payment')
}
