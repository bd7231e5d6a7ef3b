import type { MoneyStep, Repose } from '../../../collect/decide/steps.ts'
import type {
  CreditNote,
  Disposition,
  Payment,
  Recording,
  Refund,
} from '../../../collect/ledger.ts'
import type { Standing } from '../../../collect/receivable.ts'
import type { MetadataEntry } from './invoice.ts'

/** One thing still to do about an invoice: with its money, in Lago's books, or nothing for now. */
export type Step = MoneyStep | BookStep | ({ do: 'rest'; standing: Standing } & Repose)

/** One thing still to be written into Lago. Each is idempotent. */
export type BookStep =
  | Extract<MoneyStep, { do: 'order_refund' }>
  | { do: 'record_payment'; payment: Payment; amount: number }
  /** Also looks whether Lago holds it all the same. */
  | { do: 'hold_payment'; payment: Payment; disposition: Disposition; why: string }
  /** What is held, or too much, may have been recorded by somebody, or be proven to be too much. */
  | { do: 'look_for_payment'; payment: Payment; recording: Recording }
  | { do: 'lose_dispute'; dodoDisputeId: string }
  | {
      do: 'answer_credit_note'
      creditNote: CreditNote
      outcome: 'succeeded' | 'failed'
      reason: string | null
      refunds: readonly { payment: Payment; dodoRefundId: string; amount: number }[]
    }
  | {
      do: 'credit_refund'
      payment: Payment
      refund: Refund
      /** What of it is for this invoice and not credited yet, in Dodo's minor units. */
      amount: number
      /** Which of the refund's notes on the invoice it is. */
      sequence: number
    }
  | { do: 'tell_credit'; dodoRefundId: string; dodoPaymentId: string; sequence: number }
  /** A note that is there already is this refund's. */
  | { do: 'take_credit_note'; uncredited: Uncredited; creditNoteId: string }
  /** A person may have mended what we could not. */
  | { do: 'look_at_credit_notes'; uncredited: readonly Uncredited[] }
  | { do: 'reverse_credit'; dodoRefundId: string }
  | { do: 'mark_paid' }
  | { do: 'mark_failed' }
  | { do: 'write_metadata'; entries: readonly MetadataEntry[] }

/** A refund, or what of it is for the invoice, that no credit note stands for. */
export type Uncredited = {
  payment: Payment
  refund: Refund
  sequence: number
  /** Dodo's minor units. */
  amount: number
}
