import type { Step } from '../billers/lago/decide/steps.ts'

/** A step that is due, in words; undefined for one that only looks, after which something else is decided. */
export function describeStep(step: Exclude<Step, { do: 'rest' }>): string | undefined {
  switch (step.do) {
    case 'read_payment':
    case 'read_session':
    case 'look_for_payment':
    case 'look_at_credit_notes':
    case 'drop_order':
    case 'write_metadata':
      return undefined
    case 'end_attempt':
      return `attempt ${step.attempt.number} is ended: ${step.end.why}`
    case 'order_refund':
      return describeRefund(step)
    case 'open_checkout':
      return step.resume
        ? 'the checkout that was begun is finished as soon as Dodo answers'
        : 'a new checkout opens at the next look'
    case 'charge_mandate':
      return step.resume
        ? 'whether the saved card was charged is looked for in Dodo, before it is charged again'
        : 'the saved card is charged at the next look'
    case 'record_payment':
      return `payment ${step.payment.dodoPaymentId} is recorded in Lago`
    case 'hold_payment':
      return `payment ${step.payment.dodoPaymentId} is kept apart and shown: ${step.why}`
    case 'lose_dispute':
      return `Lago is told that dispute ${step.dodoDisputeId} was lost`
    case 'answer_credit_note':
      return `Lago is told what became of the refund that credit note ${nameOf(step.creditNote)} wants`
    case 'credit_refund':
    case 'take_credit_note':
      return `refund ${refundOf(step)} gets its credit note in Lago`
    case 'tell_credit':
      return `Lago is told that refund ${step.dodoRefundId} was made`
    case 'reverse_credit':
      return `the credit note of refund ${step.dodoRefundId} is marked as failed in Lago`
    case 'mark_paid':
      return 'Lago is told that it is paid'
    case 'mark_failed':
      return 'Lago is told that the payment failed'
  }
}

type Of<Do extends Step['do']> = Extract<Step, { do: Do }>

function describeRefund({ payment, resume, creditNote }: Of<'order_refund'>): string {
  if (resume?.status === 'unknown') {
    return `whether Dodo refunds payment ${payment.dodoPaymentId} is looked for, before it is asked for again`
  }
  return creditNote
    ? `the refund that credit note ${nameOf(creditNote)} wants is made`
    : `a refund of payment ${payment.dodoPaymentId} is asked for`
}

const nameOf = ({ number, creditNoteId }: { number: string | null; creditNoteId: string }) =>
  number ?? creditNoteId

const refundOf = (step: Of<'credit_refund'> | Of<'take_credit_note'>) =>
  step.do === 'credit_refund' ? step.refund.dodoRefundId : step.uncredited.refund.dodoRefundId
