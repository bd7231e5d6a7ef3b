import { takeMoneyStep } from '../../collect/act/take-money-step.ts'
import type { MoneyStep } from '../../collect/decide/steps.ts'
import type { Payment } from '../../collect/ledger.ts'
import { isRefused } from '../../collect/unknown-outcome.ts'
import type { Deps } from '../../deps.ts'
import { isJustRead } from '../../lago/just-read.ts'
import type { LagoInvoice } from '../../lago/objects.ts'
import { wake } from '../../wakes.ts'
import { answerCreditNote, isStillWanted } from './act/answer-credit-note.ts'
import { creditRefund, reverseCredit, tellCredit } from './act/credit-refund.ts'
import { holdPayment, lookForPayment } from './act/hold-payment.ts'
import { lookAtCreditNotes, takeCreditNote } from './act/look-at-credit-notes.ts'
import { loseDispute, markInvoice, writeMetadata } from './act/mark-invoice.ts'
import { backRecord, recordPayment } from './act/record-payment.ts'
import type { InvoiceLedger } from './decide/invoice.ts'
import type { BookStep, Step } from './decide/steps.ts'
import { asOwed } from './invoice.ts'
import { findInvoice } from './top-up.ts'

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

const MONEY_STEPS = [
  'read_payment',
  'read_session',
  'end_attempt',
  'order_refund',
  'drop_order',
  'open_checkout',
  'charge_mandate',
] as const satisfies readonly MoneyStep['do'][]
const isMoneyStep = (step: MoneyStep | BookStep): step is MoneyStep =>
  MONEY_STEPS.some((one) => one === step.do)

/** Takes one step and returns the invoice as Lago has it afterwards. */
async function take(
  deps: Deps,
  step: Exclude<Step, { do: 'rest' }>,
  invoice: LagoInvoice,
  ledger: InvoiceLedger,
): Promise<LagoInvoice | undefined> {
  if (!isMoneyStep(step)) return takeBookStep(deps, step, invoice, ledger)
  const creditNote = step.do === 'order_refund' ? step.creditNote : undefined
  await takeMoneyStep(deps, step, {
    owed: {
      ...asOwed(invoice),
      isStillDue: async ({ isDoubted = false } = {}) =>
        (isJustRead(invoice) && !isDoubted) ||
        isSameDebt(invoice, await findInvoice(deps, invoice.lago_id)),
    },
    ledger,
    isStillWanted: async () => !creditNote || isStillWanted(deps, creditNote),
  })
  return invoice
}

const isSameDebt = (seen: LagoInvoice, now: LagoInvoice | undefined) =>
  now?.status === seen.status &&
  now.payment_status === seen.payment_status &&
  now.total_due_amount_cents === seen.total_due_amount_cents

/** Writes one thing into Lago. */
async function takeBookStep(
  deps: Deps,
  step: Exclude<BookStep, MoneyStep>,
  invoice: LagoInvoice,
  ledger: InvoiceLedger,
): Promise<LagoInvoice | undefined> {
  switch (step.do) {
    case 'record_payment': {
      const recorded = await recordPayment(deps, { invoice, ...step })
      await wakeOtherParts(deps, invoice.lago_id, step.payment)
      return recorded ?? findInvoice(deps, invoice.lago_id)
    }
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
    case 'mark_paid':
      return markInvoice(deps, invoice, 'succeeded')
    case 'mark_failed':
      return markInvoice(deps, invoice, 'failed')
    case 'write_metadata':
      return writeMetadata(deps, invoice, step.entries)
  }
}

/** What became of one part of a payment may decide which part a refund of it gives back. */
async function wakeOtherParts(deps: Deps, receivableId: string, { parts, refunds }: Payment) {
  const others = parts.filter((part) => part.receivableId !== receivableId)
  if (refunds.length === 0 || others.length === 0) return
  const keys = others.map((part) => part.receivableId)
  await wake(deps, 'settle', keys, 'payment')
}
